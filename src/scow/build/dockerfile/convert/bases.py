"""What a stage begins from: scratch, an image, or a named context of the build."""

from __future__ import annotations

from scow.build.dockerfile import gofmt, rules
from scow.build.dockerfile.convert.draft import Draft
from scow.build.dockerfile.convert.git import git_draft, git_ref, is_git
from scow.build.dockerfile.convert.image import Image, cloned
from scow.build.dockerfile.convert.job import local_draft
from scow.build.dockerfile.convert.names import numbered
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.stages import SCRATCH, Placed, named_context
from scow.build.dockerfile.suggest import suggestion
from scow.build.graph import Hints
from scow.build.ops import Attr, SourceOp
from scow.errors import Error, Invalid, Unsupported
from scow.oci.platform import Platform
from scow.oci.reference import Reference
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.convert.state import State
    from scow.build.dockerfile.options import Conversion
    from scow.oci.config import ImageConfig
    from scow.oci.digest import Digest

COMMON = "alpine busybox centos debian golang ubuntu fedora".split()


def resolve_base(job: Job, state: State) -> None:
    """Look up what ``state`` begins from; it has no base stage."""
    state.resolved = True
    with Placed(job, state.origin):
        if state.base_name == SCRATCH and state.context is None:
            state.image, state.platform = Image.empty(job.target_platform), job.target_platform
        elif state.context is not None:
            _from_context(job, state, state.context, state.name)
            state.dispatched = True
        else:
            _from_name(job, state)
    if state.external:
        state.dispatched = True


def _from_name(job: Job, state: State) -> None:
    platform = state.platform or job.target_platform
    try:
        reference = Reference.parse(state.base_name)
    except Invalid as fault:
        shown = gofmt.quote(state.base_name)
        raise DockerfileError(f"failed to parse stage name {shown}: {fault}", state.written_base, fault.hint) from None
    context = named_context(job, str(reference), platform)
    if context is not None:
        name = reference.familiar().removesuffix(":latest")
        _from_context(job, state, context, name)
        state.platform = platform
        if not state.image.doc.get("os"):
            state.image = Image.empty(platform)
        return
    _from_image(job, state, reference, platform)


def _from_image(job: Job, state: State, reference: Reference, platform: Platform) -> None:
    digest, config = _resolved(job, state, str(reference), platform)
    actual = Platform(config.os, config.architecture, config.variant)
    if state.platform is None and job.options.platform is None:
        same = (actual.os, actual.architecture) == (job.build_platform.os, job.build_platform.architecture)
        platform = job.build_platform if same else platform
    if digest is not None:
        reference = reference.with_digest(digest)
    state.base_image, state.image = config, Image.of(config)
    state.platform = platform
    if not config.diff_ids and not any(not h.empty_layer for h in config.history):
        return  # an image without layers is scratch with a configuration
    name = numbered(state, f"FROM {reference}", {}, platform=job.options.multi_platform)
    mode = job.options.resolve_mode
    attrs = ((Attr.RESOLVE_MODE, mode),) if mode != "default" else ()
    hints = replace(job.hints(state, state.origin, name), no_cache=False)
    state.draft = Draft(SourceOp(f"docker-image://{reference}", attrs), (), hints, str(platform))
    if (actual.os, actual.architecture) != (platform.os, platform.architecture):
        expected, found = gofmt.quote(str(platform.normalized())), gofmt.quote(str(actual.normalized()))
        words = f"Base image {state.written_base} was pulled with platform {found}, expected {expected}"
        job.lint.report(rules.INVALID_BASE_PLATFORM, state.origin, f"{words} for current build")


def _resolved(job: Job, state: State, name: str, platform: Platform) -> tuple[Digest | None, ImageConfig]:
    try:
        return job.resolve(name, platform)
    except Error as fault:
        names = [s.label for s in job.states if s.label] + [n + t for n in COMMON for t in ("", ":latest")]
        words = f"{state.written_base}: {fault}" + suggestion(state.written_base, names)
        wrapped = DockerfileError(words, near=state.written_base, hint=fault.hint)
        wrapped.status, wrapped.exit_code = fault.status, fault.exit_code
        raise wrapped from fault


def _from_context(job: Job, state: State, context: str | Conversion, name: str) -> None:
    platform = state.platform or job.target_platform
    if not isinstance(context, str):
        state.draft = Draft.of(context.edge) if context.edge else None
        state.image, state.base_image = Image(cloned(context.config)), context.base
        state.platform = context.platform
        return
    state.platform, state.image = platform, Image({**platform.to_json(), "rootfs": {"type": "layers", "diff_ids": []}})
    scheme, _, rest = context.partition(":")
    shown = f"[context {name}]"
    if scheme == "docker-image" and rest.removeprefix("//") == SCRATCH:
        return
    if scheme in ("docker-image", "oci-layout"):
        _image_context(job, state, context, name)
    elif scheme == "local":
        ignore = job.options.context_ignore.get(name, ())
        hint = f"{shown} load from client"
        state.draft = local_draft(rest, ignore, f"context:{name}", lambda: state.paths, hint)
    elif is_git(context):
        state.draft = git_draft(git_ref(context), Hints(f"{shown} {context}"))
    elif scheme in ("http", "https"):
        op = SourceOp(context, ((Attr.FILENAME, "context"),))
        state.draft = Draft(op, (), Hints(f"{shown} {context}"))
    elif not rest:
        raise DockerfileError(f"invalid context specifier {context} for {name}")
    else:
        raise DockerfileError(f"unsupported context source {scheme} for {name}")


def _image_context(job: Job, state: State, context: str, name: str) -> None:
    scheme, _, rest = context.partition(":")
    rest = rest.removeprefix("//")
    platform = state.platform or job.target_platform
    if scheme == "docker-image":
        reference = Reference.parse(rest)
        digest, config = _resolved(job, state, str(reference), platform)
        identifier = f"docker-image://{reference.with_digest(digest) if digest else reference}"
        shown = f"[context {name}] {rest}"
    else:
        if "@" not in rest:
            raise DockerfileError(f"oci-layout reference {gofmt.quote(rest)} has no digest")
        _, config = _resolved(job, state, f"oci-layout://{rest}", platform)
        identifier, shown = f"oci-layout://{rest}", f"[context {name}] OCI load from client"
    state.base_image, state.image = config, Image.of(config)
    if config.os and config.architecture:
        state.platform = config.platform
    state.draft = Draft(SourceOp(identifier), (), Hints(shown), str(platform)) if config.diff_ids else None


def refuse_other_systems(platform: Platform) -> None:
    """Windows containers can be neither run nor assembled here."""
    if platform.os not in ("linux", ""):
        raise Unsupported(f"building for {platform} is not supported", "choose a linux platform")
