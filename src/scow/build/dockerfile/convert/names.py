"""How progress shows a step: ``[build 2/5] RUN make``."""

from __future__ import annotations

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.shell import Style, expand
from scow.errors import Invalid
from scow.oci.platform import Platform
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scow.build.dockerfile.convert.state import State


def shown(code: str, env: Mapping[str, str], style: Style) -> str:
    """An instruction's text with its variables replaced and its name in capitals."""
    try:
        code = expand(code, env, style).text
    except DockerfileError:
        pass
    name = code.split(maxsplit=1)[:1]
    return name[0].upper() + code[len(name[0]) :] if name else code


def as_run(style: Style) -> Style:
    """For RUN, whose quotes and unset variables are the shell's."""
    return replace(style, raw_quotes=True, keep_unset=True)


def numbered(state: State, text: str, env: Mapping[str, str], *, platform: bool) -> str:
    """``text`` behind the stage's name and the number of the step, which is counted up."""
    if not state.total:
        return text
    state.index += 1
    words = [f"{state.platform}{_cross(state.platform, env)}"] if platform and state.platform else []
    words += [state.label] if state.label else []
    words.append(f"{state.index:{len(str(state.total))}d}/{state.total}")
    return f"[{' '.join(words)}] " + ("ONBUILD " if state.onbuild else "") + text


def _cross(base: Platform, env: Mapping[str, str]) -> str:
    """``->arm64`` when the variables say that the stage builds for another platform than it runs on."""
    target = _target(base, env)
    if target is None or (target.os, target.architecture) == (base.os, base.architecture):
        return ""
    if target.os != base.os:
        return f"->{target}"
    return "->" + "/".join(p for p in (target.architecture, target.variant) if p)


def _target(base: Platform, env: Mapping[str, str]) -> Platform | None:
    if "TARGETPLATFORM" in env:
        try:
            return Platform.parse(env["TARGETPLATFORM"]).normalized()
        except Invalid:
            pass
    os, architecture = env.get("TARGETOS"), env.get("TARGETARCH")
    variant = env.get("TARGETVARIANT")
    if os is None and architecture is None and variant is None:
        return None
    return Platform(os or base.os, architecture or base.architecture, variant or "").normalized()
