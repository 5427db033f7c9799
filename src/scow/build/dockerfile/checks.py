"""The build checks that need only the text of a Dockerfile."""

from __future__ import annotations

from scow.build.dockerfile import gofmt, rules
from scow.build.dockerfile.instructions.env import Arg
from scow.build.dockerfile.instructions.meta import Maintainer
from scow.build.dockerfile.source import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from scow.build.dockerfile.instructions.base import Instruction, Origin
    from scow.build.dockerfile.instructions.stage import From
    from scow.build.dockerfile.linter import Linter
    from scow.build.dockerfile.parser import Dockerfile

RESERVED = ("context", "scratch")


def check(dockerfile: Dockerfile, lint: Linter) -> None:
    """Report all findings to ``lint``, in BuildKit's order."""
    for line in dockerfile.empty_continuations:
        lint.add(rules.NO_EMPTY_CONTINUATION, Range(line, line), "Empty continuation line")
    for arg in dockerfile.arguments:
        _instruction(arg, lint)
    for stage in dockerfile.stages:
        _from(stage.base, lint)
        for command in stage.commands:
            _instruction(command, lint)
    _stage_names(dockerfile, lint)
    _casing(list(_origins(dockerfile)), lint)


def _origins(dockerfile: Dockerfile) -> Iterator[Origin]:
    for stage in dockerfile.stages:
        yield stage.base.origin
        yield from (c.origin for c in stage.commands)


def _instruction(command: Instruction, lint: Linter) -> None:
    origin = command.origin
    if isinstance(command, Maintainer):
        words = "Maintainer instruction is deprecated in favor of using label"
        lint.report(rules.MAINTAINER_DEPRECATED, origin, words)
    elif isinstance(command, Arg):
        _description("ARG", tuple(v.key for v in command.variables), origin, lint)


def _from(base: From, lint: Linter) -> None:
    origin = base.origin
    if base.written_name != base.written_name.lower():
        lint.report(rules.STAGE_NAME_CASING, origin, f"Stage name '{base.written_name}' should be lowercase")
    if base.as_word and origin.name in (origin.name.lower(), origin.name.upper()):
        wanted = base.as_word.lower() if origin.name == origin.name.lower() else base.as_word.upper()
        if base.as_word != wanted:
            words = f"'{base.as_word}' and '{origin.name}' keywords' casing do not match"
            lint.report(rules.FROM_AS_CASING, origin, words)
    if base.name:
        _description("FROM", (base.name,), origin, lint)


def _description(instruction: str, keys: tuple[str, ...], origin: Origin, lint: Linter) -> None:
    if not origin.comments or origin.comments[-1].split(" ")[0] in keys:
        return
    example = keys[0] if len(keys) == 1 else "<arg_key>"
    words = f"Comment for {instruction} should follow the format: `# {example} <description>`"
    lint.report(rules.INVALID_DESCRIPTION, origin, words)


def _stage_names(dockerfile: Dockerfile, lint: Linter) -> None:
    seen: set[str] = set()
    for stage in dockerfile.stages:
        name, origin = stage.base.name, stage.base.origin
        shown = gofmt.quote(name)
        if name in RESERVED:
            words = f"Stage name should not use the same name as reserved stage {shown}"
            lint.report(rules.RESERVED_STAGE_NAME, origin, words)
        if name in seen:
            words = f"Duplicate stage name {shown}, stage names should be unique"
            lint.report(rules.DUPLICATE_STAGE_NAME, origin, words)
        if name:
            seen.add(name)


def _casing(origins: list[Origin], lint: Linter) -> None:
    """Instructions are compared with the majority of those that have one case throughout."""
    lower = sum(o.name == o.name.lower() for o in origins)
    upper = sum(o.name == o.name.upper() for o in origins)
    case, wanted = (str.lower, "lowercase") if lower > upper else (str.upper, "uppercase")
    for origin in origins:
        if case(origin.name) != origin.name:
            words = f"Command '{origin.name}' should match the case of the command majority ({wanted})"
            lint.report(rules.CONSISTENT_CASING, origin, words)
