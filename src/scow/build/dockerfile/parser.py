"""The text of a Dockerfile to stages of instructions. Pure: no image is looked up, no variable expanded."""

from __future__ import annotations

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.heredoc import Heredoc, heredocs_of
from scow.build.dockerfile.instructions.base import Origin, Request
from scow.build.dockerfile.instructions.env import Arg, parse_arg, parse_env, parse_label
from scow.build.dockerfile.instructions.files import parse_add, parse_copy
from scow.build.dockerfile.instructions.health import parse_healthcheck
from scow.build.dockerfile.instructions.meta import (
    parse_expose,
    parse_maintainer,
    parse_stopsignal,
    parse_user,
    parse_volume,
    parse_workdir,
)
from scow.build.dockerfile.instructions.onbuild import parse_onbuild
from scow.build.dockerfile.instructions.process import parse_cmd, parse_entrypoint, parse_shell
from scow.build.dockerfile.instructions.run import parse_run
from scow.build.dockerfile.instructions.stage import From, parse_from
from scow.build.dockerfile.reader import Logical, Reader
from scow.build.dockerfile.source import SPACE, Range, Source
from scow.build.dockerfile.suggest import suggestion
from scow.build.dockerfile.words import Node, node_of
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scow.build.dockerfile.instructions.base import Instruction

PARSERS: dict[str, Callable[[Request], From | Instruction]] = {
    "add": parse_add,
    "arg": parse_arg,
    "cmd": parse_cmd,
    "copy": parse_copy,
    "entrypoint": parse_entrypoint,
    "env": parse_env,
    "expose": parse_expose,
    "from": parse_from,
    "healthcheck": parse_healthcheck,
    "label": parse_label,
    "maintainer": parse_maintainer,
    "onbuild": parse_onbuild,
    "run": parse_run,
    "shell": parse_shell,
    "stopsignal": parse_stopsignal,
    "user": parse_user,
    "volume": parse_volume,
    "workdir": parse_workdir,
}
NAMES = tuple(sorted(n.upper() for n in PARSERS))
_HEREDOCS = ("add", "copy", "run")
_LENIENT = ("label", "maintainer")


@value
class Stage:
    """A FROM and what follows it; ``index`` from 0."""

    index: int
    base: From
    commands: tuple[Instruction, ...]


@value
class Dockerfile:
    """A parsed file. ``arguments`` are the ARGs above the first FROM; ``empty_continuations`` the last lines of
    instructions with an empty line inside."""

    source: Source
    escape: str
    arguments: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    empty_continuations: tuple[int, ...] = ()


def parse(data: bytes, filename: str = "Dockerfile") -> Dockerfile:
    """Parse a Dockerfile; DockerfileError with its place for anything that is none."""
    source = Source(filename, data)
    if not data:
        raise DockerfileError("the Dockerfile cannot be empty").located(source, Range(1, 1))
    arguments: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    empty: list[int] = []
    reader, last = Reader(source), Range(1, 1)
    for logical, node, docs in _nodes(source, reader):
        last = logical.at
        if logical.empty_continuation:
            empty.append(logical.at.end)
        try:
            made = _instruction(logical, node, docs)
        except DockerfileError as fault:
            raise fault.located(source, last, f"dockerfile parse error on line {last.start}: ") from None
        if isinstance(made, From):
            stages.append((made, []))
        elif stages:
            stages[-1][1].append(made)
        elif isinstance(made, Arg):
            arguments.append(made)
        else:
            raise DockerfileError("no build stage in current context", hint="begin with FROM").located(source, last)
    if not stages:
        last = last if arguments else Range(reader.number, reader.number)
        words = "dockerfile contains no stages to build" if arguments else "file with no instructions"
        raise DockerfileError(words, hint="begin with FROM").located(source, last)
    made_stages = tuple(Stage(i, base, tuple(commands)) for i, (base, commands) in enumerate(stages))
    return Dockerfile(source, reader.escape, tuple(arguments), made_stages, tuple(empty))


def parse_trigger(expression: str, at: Origin) -> Instruction:
    """The instruction of an ONBUILD trigger, placed at the FROM that runs it."""
    source = Source("ONBUILD", expression.encode("utf-8", "surrogateescape"))
    found = list(_nodes(source, Reader(source)))
    if len(found) != 1:
        raise DockerfileError("onbuild trigger should be a single expression")
    logical, node, docs = found[0]
    origin = Origin(node.name, logical.text.strip(SPACE), at.at, logical.comments)
    made = _parse(Request(node, origin, docs))
    if isinstance(made, From):
        raise DockerfileError("FROM isn't allowed as an ONBUILD trigger")
    return made


def _nodes(source: Source, reader: Reader) -> Iterator[tuple[Logical, Node, tuple[Heredoc, ...]]]:
    while (logical := reader.next()) is not None:
        start = logical.at.start
        try:
            node = node_of(logical.text, reader.escape)
            docs = heredocs_of(logical.text) if "<<" in logical.text and _takes_heredoc(node) else []
            filled = []
            for doc in docs:
                content = reader.heredoc(doc.name, chomp=doc.chomp)
                if content is None:
                    raise DockerfileError("unterminated heredoc", near="<<", hint=f"end it by a line {doc.name}")
                filled.append(replace(doc, content=content))
        except DockerfileError as fault:
            raise fault.located(source, Range(start, reader.number)) from None
        if filled:
            logical = replace(logical, at=Range(start, reader.number))
        yield logical, node, tuple(filled)


def _takes_heredoc(node: Node) -> bool:
    carried = node.sub or node
    return carried.name.lower() in _HEREDOCS and not carried.json


def _instruction(logical: Logical, node: Node, docs: tuple[Heredoc, ...]) -> From | Instruction:
    if logical.broken and node.name.lower() not in _LENIENT:
        raise DockerfileError(f"{node.name.upper()} contains invalid UTF-8", hint="save the file as UTF-8")
    origin = Origin(node.name, logical.text.strip(SPACE), logical.at, logical.comments)
    return _parse(Request(node, origin, docs))


def _parse(request: Request) -> From | Instruction:
    name = request.node.name
    parser = PARSERS.get(name.lower())
    if parser is None:
        raise DockerfileError(f"unknown instruction: {name}" + suggestion(name, NAMES, exact_case=False), near=name)
    return parser(request)
