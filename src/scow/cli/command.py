"""What a command is: its words, its flags, the function that carries it out.

A command file declares data; ``scow.cli.flags`` parses an argument vector against it and ``scow.cli.help`` prints it.
Flags docker has and scow lacks are declared too, in ``refused``: using one is an error that names it.
"""

from __future__ import annotations

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.cli.context import Context
    from scow.cli.flags import Args


@value
class Flag:
    """One flag. ``kind`` is docker's type word, as ``--help`` prints it; it decides how a value is read.

    bool · string · int int64 uint uint16 · decimal (float) · bytes (``512m``) · duration (``1m30s``) ·
    list stringArray filter map ulimit port mount ... (repeatable, text) · strings (repeatable, comma separated)
    """

    name: str
    kind: str
    help: str
    short: str = ""
    default: bool | int | float | str | None = None
    hidden: bool = False


@value
class Command:
    """One command of the command line; ``run(args, context)`` returns the exit code."""

    name: str
    usage: str
    summary: str
    run: Callable[[Args, Context], int]
    flags: tuple[Flag, ...] = ()
    minimum: int = 0
    maximum: int | None = None
    interspersed: bool = True
    refused: tuple[Flag, ...] = ()
    aliases: tuple[str, ...] = ()
    details: str = ""


def boolean(name: str, text: str, short: str = "", *, default: bool = False) -> Flag:
    """A switch: ``--name`` or ``--name=false``."""
    return Flag(name, "bool", text, short, default)


def string(name: str, text: str, short: str = "", default: str = "", kind: str = "string") -> Flag:
    """A flag with one text value."""
    return Flag(name, kind, text, short, default)


def integer(name: str, text: str, short: str = "", default: int | None = None, kind: str = "int") -> Flag:
    """A flag with one whole number; None when it was not given and has no default."""
    return Flag(name, kind, text, short, default)


def repeated(name: str, text: str, short: str = "", kind: str = "list") -> Flag:
    """A flag that may be given several times; its value is a tuple of texts in the order given."""
    return Flag(name, kind, text, short)


def refused(*names: str) -> tuple[Flag, ...]:
    """Flags of docker's that scow lacks, written ``"name"`` (takes a value), ``"name!"`` (a switch) or ``"n,name"``."""
    flags = []
    for text in names:
        short, _, name = text.rpartition(",")
        flags.append(Flag(name.rstrip("!"), "bool" if name.endswith("!") else "list", "", short))
    return tuple(flags)
