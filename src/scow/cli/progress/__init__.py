"""Displays of a build's progress: the live list on a terminal, plain lines when piped, JSON for programs.

A display is called with events (``scow.engine.events``) from the build's threads and closed once at the end:

    display = make_display("auto", sys.stderr)
    builds.build(request, on=display)
    display.close()
"""

from __future__ import annotations

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from scow.cli.progress.model import Display

KINDS = ("auto", "plain", "tty", "rawjson", "quiet", "none")


def make_display(kind: str, stream: TextIO, title: str = "") -> Display:
    """The display for ``--progress KIND``; ``auto`` is ``tty`` on a terminal and ``plain`` elsewhere.

    Errors: Invalid for an unknown kind, in docker's words.
    """
    if kind not in KINDS:
        raise Invalid(f"invalid progress mode {kind}: valid modes are: {', '.join(KINDS)}")
    terminal = stream.isatty()
    if kind == "tty" and not terminal:
        raise Invalid("failed to get console: provided file is not a console")
    if kind in ("quiet", "none"):
        from scow.cli.progress.model import Display

        return Display(stream)
    if kind == "rawjson":
        from scow.cli.progress.rawjson import RawJson

        return RawJson(stream)
    if kind == "tty" or (kind == "auto" and terminal):
        from scow.cli.progress.tty import Terminal

        return Terminal(stream, title)
    from scow.cli.progress.plain import Plain

    return Plain(stream, title)
