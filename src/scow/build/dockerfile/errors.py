"""What is wrong with a Dockerfile, and where.

The first line of the message is worded as BuildKit words it, because people search for it; below it stands the piece of
the file as docker prints it, with a caret under the fault where the column is known.
"""

from __future__ import annotations

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.source import Range, Source

CONTEXT = 2
"""Lines shown before and after the faulty ones."""
WIDTH = 160
"""Characters of one line shown in an excerpt; longer lines are cut around the caret."""


class DockerfileError(Invalid):
    """A Dockerfile that cannot be understood, or that asks for what cannot be.

    ``message`` is the first line; ``filename``, ``line`` and ``end_line`` (from 1), ``column`` (from 1; 0 when the
    whole instruction is meant) and ``text`` (the line itself) say where. ``near`` is the piece of text to point at:
    parsers that do not know where they are give it, and ``located`` turns it into a line and a column.
    """

    def __init__(self, message: str, near: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.near = near
        self.filename = ""
        self.line = self.end_line = self.column = 0
        self.text = ""
        self.lines: tuple[str, ...] = ()

    def located(self, source: Source, at: Range, prefix: str = "") -> DockerfileError:
        """The same error with its place in ``source``; an error that has a place already keeps it."""
        if self.line:
            return self
        placed = DockerfileError(prefix + self.message, self.near, self.hint)
        placed.filename, placed.lines = source.filename, source.lines
        placed.line, placed.end_line = max(at.start, 1), max(at.end, at.start, 1)
        placed.status, placed.exit_code = self.status, self.exit_code
        if self.near:
            placed.line, placed.column = source.locate(at, self.near) or (placed.line, 0)
        placed.text = source.line(placed.line)
        placed.args = ("\n".join([placed.message, *placed.excerpt()]),)
        return placed

    def excerpt(self) -> list[str]:
        """The lines around the fault: number, ``>>>`` at the faulty ones, a caret under the column."""
        if not self.line or not self.lines:
            return []
        last = min(self.end_line, self.line + 20)
        shown = range(max(1, self.line - CONTEXT), min(len(self.lines), last + CONTEXT) + 1)
        where = f"{self.filename}:{self.line}" + (f":{self.column}" if self.column else "")
        out = [where, "-" * 20]
        for number in shown:
            text, skipped = clip(self.lines[number - 1].rstrip("\r"), self.column if number == self.line else 0)
            out.append(f"{number:4} | {'>>>' if self.line <= number <= last else '   '} {text}")
            if number == self.line and self.column:
                pad = "".join("\t" if c == "\t" else " " for c in text[: self.column - 1 - skipped])
                out.append(f"     |     {pad}^")
        return [*out, "-" * 20]


def clip(text: str, column: int) -> tuple[str, int]:
    """``text`` cut to a width that can be read, with ``column`` inside, and how many characters were cut before."""
    text = "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text[: column + 4 * WIDTH])
    start = max(0, column - WIDTH // 2) if len(text) > WIDTH else 0
    return text[start : start + WIDTH], start
