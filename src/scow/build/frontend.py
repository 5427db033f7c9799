"""The Dockerfile frontend as a build meets it: the file read, checked and converted, with its warnings told."""

from __future__ import annotations

from scow.build.events import VertexWarning
from scow.build.graph import Lines, SourceFile
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from scow.build.dockerfile.linter import Warning  # noqa: A004 - the word users know
    from scow.build.dockerfile.options import Conversion, Options, Resolve
    from scow.build.dockerfile.parser import Dockerfile
    from scow.build.events import Observer
    from scow.build.inputs import Inputs
    from scow.build.service import BuildRequest
    from scow.oci.platform import Platform

CALLS = ("check", "outline", "targets")
"""What ``--call`` can ask for besides a build."""


def conversions(
    inputs: Inputs, request: BuildRequest, resolve: Resolve, warn: Callable[[Warning], None]
) -> tuple[Conversion, ...]:
    """One conversion per platform. ``warn`` gets the findings, also those before an error."""
    from scow.build.dockerfile.convert.converter import checks_of, converted
    from scow.build.dockerfile.linter import Linter

    parsed = _parsed(inputs)
    made = []
    for platform in request.platforms or (None,):
        options = _options(inputs, request, platform)
        lint = Linter(checks_of(parsed, options))
        try:
            made.append(converted(parsed, options, resolve, lint))
        finally:
            for warning in lint.found:
                warn(warning)
    return tuple(made)


@value
class Called:
    """The answer to a call: docker's JSON, and the build file."""

    found: dict[str, Any]
    file: bytes


def called(inputs: Inputs, request: BuildRequest, resolve: Resolve, call: str) -> Called:
    """``--call=check``, ``outline`` or ``targets``; a check finds errors, the others raise them."""
    from scow.build.dockerfile.errors import DockerfileError

    try:
        return Called(_called(inputs, request, resolve, call), inputs.dockerfile)
    except DockerfileError as fault:
        if call != "check":
            raise
        at = {"start": {"line": fault.line}, "end": {"line": fault.line}}
        where = {"location": {"ranges": [at]}} if fault.line else {}
        return Called({"warnings": [], "buildError": {"message": fault.message, **where}}, inputs.dockerfile)


def _called(inputs: Inputs, request: BuildRequest, resolve: Resolve, call: str) -> dict[str, Any]:
    from scow.build.dockerfile import calls

    parsed = _parsed(inputs)
    if call == "targets":
        return {"targets": calls.targets(parsed)}
    options = _options(inputs, request, request.platforms[0] if request.platforms else None)
    if call == "check":
        return calls.lint(parsed, options, resolve)
    from scow.build.dockerfile.convert.converter import convert

    return calls.outline(convert(parsed, options, resolve))


def _parsed(inputs: Inputs) -> Dockerfile:
    from scow.build.dockerfile.parser import parse

    return parse(inputs.dockerfile, inputs.filename)


def _options(inputs: Inputs, request: BuildRequest, platform: Platform | None) -> Options:
    from scow.build.dockerfile.options import Options
    from scow.oci.platform import host

    return Options(
        target=request.target,
        build_args=request.build_args,
        labels=request.labels,
        platform=platform,
        build_platform=host(),
        named_contexts=inputs.named,
        ignore=inputs.ignore,
        context_ignore=inputs.named_ignore,
        no_cache=request.no_cache,
        epoch=request.epoch,
        resolve_mode="pull" if request.pull else "default",
        network=request.network,
        extra_hosts=request.extra_hosts,
        ulimits=request.ulimits,
        cgroup_parent=request.cgroup_parent,
        shm_size=request.shm_size,
        multi_platform=len(request.platforms) > 1,
    )


def warned(on: Observer, vertex: str, inputs: Inputs) -> Callable[[Warning], None]:
    """Tells each finding once, as a warning of ``vertex``."""
    file = SourceFile(inputs.filename, inputs.dockerfile)
    told: set[str] = set()

    def warn(warning: Warning) -> None:
        if str(warning) not in told:
            told.add(str(warning))
            rule = warning.rule
            lines = (Lines(warning.at.start, warning.at.end),)
            on(VertexWarning(vertex, str(warning), 1, (rule.description,), rule.url, file, lines))

    return warn
