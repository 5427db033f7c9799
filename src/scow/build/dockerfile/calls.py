"""``--call=check``, ``outline`` and ``targets``: what is told of a Dockerfile without building it, as docker's JSON."""

from __future__ import annotations

from scow.build.dockerfile.convert.converter import checks_of, converted
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.linter import Linter
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from scow.build.dockerfile.linter import Warning  # noqa: A004 - the word users know
    from scow.build.dockerfile.options import Argument, Conversion, Options, Requirement, Resolve
    from scow.build.dockerfile.parser import Dockerfile


def targets(dockerfile: Dockerfile) -> list[dict[str, Any]]:
    """The stages that can be built."""
    last = len(dockerfile.stages) - 1
    found = []
    for stage in dockerfile.stages:
        base = stage.base
        made: dict[str, Any] = {"name": base.name, "default": stage.index == last, "description": base.description}
        made |= {"base": base.base, "platform": base.platform, "location": _location(base.origin.at.start)}
        found.append({key: item for key, item in made.items() if item})
    return found


def outline(conversion: Conversion) -> dict[str, Any]:
    """What can be given to a build of a target: arguments, secrets, ssh agents."""
    made: dict[str, Any] = {"name": conversion.stage, "description": conversion.description}
    made["args"] = [_argument(a) for a in conversion.arguments]
    made |= {"secrets": _required(conversion.secrets), "ssh": _required(conversion.ssh)}
    return {key: item for key, item in made.items() if item}


def _argument(argument: Argument) -> dict[str, Any]:
    made: dict[str, Any] = {"name": argument.name, "description": argument.description, "value": argument.value}
    return {**{key: item for key, item in made.items() if item}, "location": _location(argument.line)}


def _required(found: Iterable[Requirement]) -> list[dict[str, Any]]:
    return [{"name": r.id, **({"required": True} if r.required else {}), "location": _location(r.line)} for r in found]


def lint(dockerfile: Dockerfile, options: Options, resolve: Resolve) -> dict[str, Any]:
    """All findings, of all stages when no target is named, and the error that would end the build."""
    linter = Linter(checks_of(dockerfile, options))
    made: dict[str, Any] = {}
    try:
        converted(dockerfile, replace(options, all_stages=not options.target), resolve, linter)
    except DockerfileError as fault:
        where = {"location": _location(fault.line)} if fault.line else {}
        made["buildError"] = {"message": fault.message, **where}
    return {"warnings": [_warning(w) for w in linter.found], **made}


def _warning(warning: Warning) -> dict[str, Any]:
    rule, lines = warning.rule, range(warning.at.start, warning.at.end + 1)
    made = {"ruleName": rule.name, "description": rule.description, "url": rule.url, "detail": warning.message}
    return {**{key: item for key, item in made.items() if item}, "location": _location(*lines)}


def _location(*lines: int) -> dict[str, Any]:
    return {"ranges": [{"start": {"line": n}, "end": {"line": n}} for n in lines]}
