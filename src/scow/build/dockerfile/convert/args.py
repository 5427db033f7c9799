"""Arguments above the first FROM: predefined ones, ``ARG`` with defaults, ``--build-arg``, SOURCE_DATE_EPOCH."""

from __future__ import annotations

from scow.build.dockerfile import gofmt
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.options import Argument
from scow.build.dockerfile.shell import Style, expand
from scow.errors import Unsupported
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.instructions.env import Variable
    from scow.build.dockerfile.parser import Dockerfile
    from scow.build.ops import ProxyEnv
    from scow.oci.platform import Platform

EPOCH = "SOURCE_DATE_EPOCH"


def predefined(build: Platform, target: Platform, stage: str, given: Mapping[str, str]) -> dict[str, str]:
    """The arguments every file has, without declaring them, in FROM lines; the build may replace them."""
    known = {
        "BUILDPLATFORM": str(build),
        "BUILDOS": build.os,
        "BUILDOSVERSION": build.os_version,
        "BUILDARCH": build.architecture,
        "BUILDVARIANT": build.variant,
        "TARGETPLATFORM": str(target),
        "TARGETOS": target.os,
        "TARGETOSVERSION": target.os_version,
        "TARGETARCH": target.architecture,
        "TARGETVARIANT": target.variant,
        "TARGETSTAGE": stage or "default",
    }
    return {key: given.get(key, default) for key, default in known.items()}


def global_arguments(
    dockerfile: Dockerfile, known: Mapping[str, str], given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Argument]]:
    """The values after the ARGs above the first FROM, and what they declare."""
    values, declared = dict(known), {}
    style = Style(dockerfile.escape)
    for arg in dockerfile.arguments:
        try:
            for variable in arg.variables:
                found, needs = _value(variable, values, given, style)
                if found is not None:
                    values.pop(variable.key, None)
                    values[variable.key] = found
                line, key = arg.origin.at.start, variable.key
                declared[key] = Argument(key, found or "", variable.description, line, needs)
        except DockerfileError as fault:
            raise fault.located(dockerfile.source, arg.origin.at) from None
    return values, declared


def _value(
    variable: Variable, values: Mapping[str, str], given: Mapping[str, str], style: Style
) -> tuple[str | None, tuple[str, ...]]:
    if variable.key in given:
        return given[variable.key], ()
    if variable.default is None:
        return None, ()
    found = expand(variable.default, values, style)
    return found.text, tuple(name for name in found.matched if name != variable.key)


def set_epoch(job: Job) -> None:
    """SOURCE_DATE_EPOCH from the build, the file or the options, as a number of seconds."""
    given = job.options.build_args.get(EPOCH)
    text = job.global_args.get(EPOCH, "") if given is None else given
    if not text:
        job.epoch = job.options.epoch if given is None else None
        job.global_args.pop(EPOCH, None)
        return
    try:
        job.epoch = gofmt.parse_int(text, bits=64)
    except ValueError:
        stages = {s.base.name for s in job.dockerfile.stages}
        if text == "context" or text in job.options.named_contexts or text.lower() in stages:
            raise Unsupported(
                f"{EPOCH}={text}: taking the time from a source is not supported", "give seconds"
            ) from None
        raise DockerfileError(f"invalid {EPOCH}: {text}", hint="give seconds since 1970") from None
    if not 0 <= job.epoch < 1 << 38:
        raise DockerfileError(f"invalid {EPOCH}: {text}", hint="give seconds since 1970")
    if given is not None:
        job.options = replace(job.options, build_args={**job.options.build_args, EPOCH: str(job.epoch)})
    if EPOCH in job.global_args:
        job.global_args[EPOCH] = str(job.epoch)


def proxy_of(given: Mapping[str, str]) -> ProxyEnv | None:
    """The proxy variables among the build's arguments: RUN gets them, cache and history do not."""
    from scow.build.ops import ProxyEnv

    names = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
    found = {key.lower(): given[key] for key in sorted(given) if key.lower() in names}
    return ProxyEnv(**found) if found else None
