"""Patterns of ``${name#pattern}`` and ``${name/pattern/text}``.

``*`` is any run, ``?`` any character, neither a line feed; a backslash takes ``* ? \\ / }`` literally. No brackets.

Patterns come from the file, values may be long: matching takes time in proportion to the value. Each run between two
stars is found at its earliest place and never tried again (an atomic group), so a row of stars cannot explode.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

MAX_WORK = 1 << 26
"""Length of the value times length of the pattern."""

Token = str  # one character, or STAR or ANY
STAR, ANY = "**", "??"


class Glob:
    """A compiled pattern."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens

    @functools.cached_property
    def _segments(self) -> list[str]:
        return _segments(self.tokens)

    def _check(self, text: str) -> None:
        if len(text) * len(self.tokens) > MAX_WORK:
            raise ValueError("too long for so long a value")

    def without_prefix(self, text: str, *, longest: bool) -> str:
        """``text`` without the shortest (or longest) beginning that matches."""
        self._check(text)
        match = re.match(_regex(self._segments, longest=longest), text)
        return text[match.end() :] if match else text

    def without_suffix(self, text: str, *, longest: bool) -> str:
        """``text`` without the shortest (or longest) end that matches."""
        mirror = Glob(self.tokens[::-1])
        return mirror.without_prefix(text[::-1], longest=longest)[::-1]

    def replace(self, text: str, by: str, *, everywhere: bool, limit: int) -> str:
        """``text`` with the first (or every) longest match replaced; ValueError when it grows beyond ``limit``."""
        self._check(text)
        out, at, size = [], 0, 0
        for start, end in self._matches(text):
            out += [text[at:start], by]
            size += len(by)
            at = end
            if size > limit:
                raise ValueError(f"replaced text is longer than {limit} characters")
            if not everywhere:
                break
        return "".join([*out, text[at:]])

    def _matches(self, text: str) -> Iterator[tuple[int, int]]:
        head, whole = re.compile(self._segments[0]), re.compile(_regex(self._segments, longest=True))
        at, previous = 0, -1
        while at <= len(text):
            begin = head.search(text, at)
            if begin is None:
                return
            match = whole.match(text, begin.start())
            if match is None:  # what did not follow here does not follow later on this line either
                at = text.find("\n", begin.end()) + 1
                if not at:
                    return
            elif match.end() > match.start():
                yield match.span()
                at = previous = match.end()
            else:
                if match.start() != previous:
                    yield match.span()
                at = match.end() + 1


def _segments(tokens: list[Token]) -> list[str]:
    out = [""]
    for token in tokens:
        if token == STAR:
            out.append("")
        else:
            out[-1] += "." if token == ANY else re.escape(token)
    return out


def _regex(segments: list[str], *, longest: bool) -> str:
    first, *rest = segments
    if not rest:
        return first
    last = rest.pop()
    return first + "".join(f"(?>.*?{s})" for s in rest) + (f".*{last}" if longest else f".*?{last}")


def pattern_of(text: str) -> Glob:
    """Compile a pattern; ValueError for a backslash before any other character."""
    tokens: list[Token] = []
    chars = iter(text)
    for char in chars:
        if char == "*":
            tokens.append(STAR)
        elif char == "?":
            tokens.append(ANY)
        elif char == "\\":
            taken = next(chars, "")
            if taken not in tuple("*?\\/}"):
                raise ValueError(f"invalid escape '\\{taken}'")
            tokens.append(taken)
        else:
            tokens.append(char)
    return Glob(tokens)
