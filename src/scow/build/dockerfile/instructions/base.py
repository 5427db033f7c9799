"""What all instructions share: where they stand, and the checks of flags and arguments."""

from __future__ import annotations

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.flags import Flags
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, Self, TypeAlias

    from scow.build.dockerfile.heredoc import Heredoc
    from scow.build.dockerfile.source import Range
    from scow.build.dockerfile.words import Node

    Word: TypeAlias = Callable[[str], str]

    class Instruction(Protocol):
        """Anything that may stand below a FROM."""

        @property
        def origin(self) -> Origin:
            """Where it stands."""
            ...

        def expand(self, word: Word) -> Self:
            """The same instruction with its variables replaced by ``word``; itself when it takes none."""
            ...


@value
class Origin:
    """Where an instruction stands: its ``name`` as written, its ``code`` (continuation lines joined, no heredocs), its
    lines, and the comment lines directly above."""

    name: str
    code: str
    at: Range
    comments: tuple[str, ...] = ()


@value
class Request:
    """An instruction taken apart, on its way to become a value."""

    node: Node
    origin: Origin
    heredocs: tuple[Heredoc, ...] = ()

    @property
    def args(self) -> tuple[str, ...]:
        """The arguments."""
        return self.node.args

    def flags(self, **spec: str) -> Flags:
        """The flags, checked against ``spec`` (see ``flags``)."""
        return Flags.of(self.node.flags, spec)


def exactly_one(request: Request, name: str) -> str:
    """The only argument."""
    if len(request.args) != 1:
        raise DockerfileError(f"{name} requires exactly one argument")
    return request.args[0]


def at_least_one(request: Request, name: str) -> tuple[str, ...]:
    """The arguments, of which there must be some."""
    if not request.args:
        raise DockerfileError(f"{name} requires at least one argument")
    return request.args


def doc_comment(comments: tuple[str, ...], name: str) -> str:
    """The description in ``# NAME description`` above a stage or an argument."""
    found = (c.removeprefix(name + " ") for c in comments if name and c.startswith(name + " "))
    return next(found, "")
