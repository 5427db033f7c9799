"""The text of a Dockerfile and places in it."""

from __future__ import annotations

import functools

from scow.values import value

SPACE = " \t\n\v\f\r\x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Unicode calls white space; ``str.strip()`` would take the separators 0x1c to 0x1f as well."""
BOM = b"\xef\xbb\xbf"


@value
class Range:
    """Lines ``start`` to ``end`` of a file, counted from 1, both included."""

    start: int
    end: int


@value
class Source:
    """A file's name and bytes. Bytes that are no UTF-8 are kept as surrogates (``surrogateescape``)."""

    filename: str
    data: bytes

    @functools.cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines without their line feeds (a carriage return stays); a byte order mark is not part of them."""
        text = self.data.removeprefix(BOM).decode("utf-8", "surrogateescape")
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        return tuple(lines)

    def line(self, number: int) -> str:
        """Line ``number`` (from 1), or nothing past the end."""
        return self.lines[number - 1].rstrip("\r") if 0 < number <= len(self.lines) else ""

    def locate(self, at: Range, piece: str) -> tuple[int, int] | None:
        """Line and column (from 1) of the first ``piece`` within ``at``; None when it does not stand there as it is."""
        for number in range(at.start, min(at.end, len(self.lines)) + 1):
            column = self.lines[number - 1].find(piece)
            if column >= 0:
                return number, column + 1
        return None


def printable(text: str) -> str:
    """``text`` with bytes that were no UTF-8 replaced by U+FFFD."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
