"""Physical lines to logical ones: comments, continuations, the end of heredocs."""

from __future__ import annotations

from scow.build.dockerfile.directives import DirectiveParser, escape_of
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.source import SPACE, Range, Source, printable
from scow.values import value

MAX_LINE = 65535
"""Bytes of one physical line (docker's limit)."""
MAX_FILE = 16 << 20


@value
class Logical:
    """One instruction's text with its continuation lines joined, and the comment lines directly above it; ``broken``
    when it had bytes that are no UTF-8."""

    text: str
    at: Range
    comments: tuple[str, ...]
    empty_continuation: bool
    broken: bool = False


class Reader:
    """Yields logical lines; ``heredoc`` takes the lines that follow the one yielded last."""

    def __init__(self, source: Source) -> None:
        if len(source.data) > MAX_FILE:
            raise DockerfileError(f"dockerfile greater than max allowed size of {MAX_FILE}")
        self.source, self.lines = source, source.lines
        self.number = 0
        self.escape = "\\"
        self.directives = DirectiveParser()
        self.too_long = 0
        if len(source.data) > MAX_LINE:
            self._find_long_line()

    def _find_long_line(self) -> None:
        for number, line in enumerate(self.source.data.split(b"\n"), 1):
            if len(line) > MAX_LINE:
                self.too_long, self.lines = number, self.lines[: number - 1]
                return

    def next(self) -> Logical | None:
        """The next logical line, or None at the end of the file."""
        comments: list[str] = []
        while self.number < len(self.lines):
            line = self.lines[self.number].rstrip("\r").lstrip(SPACE)
            self.number += 1
            if not line.startswith("#"):
                self.directives.done = True
                if line:
                    return self._join(line, comments)
            elif not self._directive(line):
                note = printable(line[1:].strip(SPACE))
                comments = [*comments, note] if note else []
        if self.too_long:
            fault = DockerfileError(f"dockerfile line greater than max allowed size of {MAX_LINE}")
            raise fault.located(self.source, Range(self.too_long, self.too_long))
        return None

    def _directive(self, line: str) -> bool:
        if self.directives.done:
            return False
        try:
            directive = self.directives.feed(printable(line))
            if directive is not None and directive.name == "escape":
                self.escape = escape_of(directive)
        except DockerfileError as fault:
            raise fault.located(self.source, Range(self.number, self.number)) from None
        return directive is not None

    def _join(self, line: str, comments: list[str]) -> Logical:
        start, empty = self.number, False
        body, more = self._cut(line)
        parts = [body]
        while more and self.number < len(self.lines):
            line = self.lines[self.number].rstrip("\r")
            self.number += 1
            stripped = line.lstrip(SPACE)
            if not stripped:
                empty = True
            elif stripped[0] != "#":
                body, more = self._cut(line)
                parts.append(body)
        text = "".join(parts)
        shown = printable(text)
        return Logical(shown, Range(start, self.number), tuple(comments), empty, shown != text)

    def _cut(self, line: str) -> tuple[str, bool]:
        """``line`` without a continuation mark, and whether it had one; an escaped mark is none."""
        body = line.rstrip(" \t")
        if not body.endswith(self.escape) or body.endswith(self.escape * 2):
            return line, False
        return body[:-1], True

    def heredoc(self, name: str, *, chomp: bool) -> str | None:
        """The lines up to the terminator ``name`` (behind tabs when ``chomp``), or None when the file ends first."""
        content: list[str] = []
        while self.number < len(self.lines):
            line = self.lines[self.number]
            self.number += 1
            end = line.rstrip("\r")
            if printable(end.lstrip("\t") if chomp else end) == name:
                return "".join(content)
            content.append(line + "\n")
        return None
