"""Words of a Dockerfile: quotes, escapes and variables, expanded the way BuildKit's mini shell does.

``$name ${name} ${name:-word} ${name-word} ${name:+word} ${name+word} ${name:?word} ${name?word}
${name#pattern} ${name##pattern} ${name%pattern} ${name%%pattern} ${name/pattern/text} ${name//pattern/text}``

``word`` keeps blanks (one string in, one out); ``words`` splits at blanks that no quote protects, after expansion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from scow.build.dockerfile import gofmt
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.glob import pattern_of
from scow.build.dockerfile.source import SPACE
from scow.values import value

MAX_DEPTH = 60
"""Nested ``${a:-${b:-...}}``."""
MAX_RESULT = 1 << 20
"""Characters of an expanded word; a program's argument may have 128 KiB."""
_SPECIAL = frozenset("@*#?-$!0")
_BLANKS = re.compile(f"[{SPACE}]+")
_PLAIN = re.compile(r"""[^$<'"\\`}/]+""")
"""A run of characters that mean nothing anywhere."""
_QUOTED = frozenset("'\"$<")


@value
class Style:
    """How a lexer treats what it meets: the escape character; keep quotes or escapes in the output; do not treat quotes
    at all; leave variables that are not set as they are written."""

    escape: str = "\\"
    raw_quotes: bool = False
    raw_escapes: bool = False
    plain_quotes: bool = False
    keep_unset: bool = False


@value
class Expansion:
    """A word after expansion, and the variables it named: those that were set and those that were not."""

    text: str
    words: tuple[str, ...]
    matched: tuple[str, ...]
    unmatched: tuple[str, ...]


def expand(text: str, env: Mapping[str, str], style: Style = Style()) -> Expansion:  # noqa: B008
    """Expand ``text``; DockerfileError for an open quote or brace, ``${x?}`` without x, a bad pattern."""
    if _QUOTED.isdisjoint(text) and style.escape not in text:
        return Expansion(text, tuple(split(text)), (), ())
    lexer = _Lexer(text, env, style)
    try:
        result, words = lexer.until("", raw=style.raw_escapes)
    except DockerfileError as fault:
        near = text if len(text) < 200 else ""
        raise DockerfileError(f"failed to process {gofmt.quote(text)}: {fault.message}", near=near) from None
    return Expansion(result, tuple(words), tuple(lexer.matched), tuple(lexer.unmatched))


def split(text: str) -> list[str]:
    """``text`` split at white space."""
    return [word for word in _BLANKS.split(text) if word]


class _Words:
    """Collects words; what is quoted or escaped is added ``raw``, so that its blanks do not split."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.part: list[str] = []

    def add(self, text: str) -> None:
        first, *more = _BLANKS.split(text)
        self.part.append(first)
        for piece in more:
            self.cut()
            self.part.append(piece)

    def raw(self, text: str) -> None:
        self.part.append(text)

    def cut(self) -> None:
        if word := "".join(self.part):
            self.done.append(word)
        self.part = []


class _Lexer:
    def __init__(self, text: str, env: Mapping[str, str], style: Style) -> None:
        self.text, self.env, self.style = text, env, style
        self.at = self.depth = self.size = 0
        self.raw_escapes = False
        self.matched: dict[str, None] = {}
        self.unmatched: dict[str, None] = {}

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        return char

    def grown(self, text: str) -> str:
        self.size += len(text)
        if self.size > MAX_RESULT:
            raise DockerfileError(f"expansion is longer than {MAX_RESULT} characters")
        return text

    def until(self, stop: str, *, raw: bool) -> tuple[str, list[str]]:
        """Read up to ``stop`` (not included in the result) or, when that is empty, to the end."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise DockerfileError(f"substitutions are nested deeper than {MAX_DEPTH}")
        outer, self.raw_escapes = self.raw_escapes, raw
        out: list[str] = []
        words = _Words()
        while self.at < len(self.text):
            char = self.peek()
            if char == stop:
                break
            self._one(char, out, words)
        else:
            if stop:
                raise DockerfileError(f"unexpected end of statement while looking for matching {stop}")
        self.at += len(stop)
        self.depth, self.raw_escapes = self.depth - 1, outer
        words.cut()
        return self.grown("".join(out)), words.done

    def _one(self, char: str, out: list[str], words: _Words) -> None:
        if char == "$":
            piece = self._dollar()
            words.add(piece)
        elif char == "<":
            piece = self._angle()
            words.raw(piece)
        elif char in "'\"" and not self.style.plain_quotes:
            piece = self._single() if char == "'" else self._double()
            words.raw(piece)
        elif char == self.style.escape:
            piece = self._escaped()
            words.raw(piece)
        else:
            piece = self._run()
            words.add(piece)
        out.append(piece)

    def _run(self) -> str:
        """The character here and all plain ones behind it."""
        run = _PLAIN.match(self.text, self.at + 1)
        start, self.at = self.at, run.end() if run else self.at + 1
        return self.text[start : self.at]

    def _escaped(self) -> str:
        mark = self.take()
        return (mark if self.raw_escapes else "") + self.take()

    def _angle(self) -> str:
        """``<<`` keeps the blanks behind it, for ``<< EOF`` is one word."""
        start = self.at
        self.at += 1
        if self.peek() != "<":
            return "<"
        self.at += 1
        while self.peek() in ("\t", "\r", " "):
            self.at += 1
        return self.text[start : self.at]

    def _single(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            self.at = len(self.text)
            raise DockerfileError("unexpected end of statement while looking for matching single-quote")
        start, self.at = self.at, end + 1
        return self.text[start : end + 1] if self.style.raw_quotes else self.text[start + 1 : end]

    def _double(self) -> str:
        self.at += 1
        mark = '"' if self.style.raw_quotes else ""
        out = [mark]
        while True:
            char = self.peek()
            if not char:
                raise DockerfileError("unexpected end of statement while looking for matching double-quote")
            if char == '"':
                self.at += 1
                return "".join([*out, mark])
            if char == "$":
                out.append(self._dollar())
                continue
            if char != self.style.escape:
                out.append(self._run())
                continue
            self.at += 1
            if self.raw_escapes:
                out.append(char)
            follower = self.peek()
            if follower and follower in ('"', "$", self.style.escape):
                char = self.take()
            out.append(char if follower else "")

    def _get(self, name: str) -> str | None:
        found = self.env.get(name)
        (self.unmatched if found is None else self.matched)[name] = None
        return found

    def _name(self) -> str:
        """A name; a run of digits; one special parameter; or nothing."""
        start, first = self.at, self.peek()
        if first.isdecimal():
            while self.peek().isdecimal():
                self.at += 1
        elif first in _SPECIAL:
            self.at += 1
        else:
            while (char := self.peek()) and (char == "_" or char.isalpha() or char.isdecimal()):
                self.at += 1
        return self.text[start : self.at]

    def _dollar(self) -> str:
        self.at += 1
        if self.peek() != "{":
            name = self._name()
            if not name:
                return "$"
            found = self._get(name)
            if found is None:
                return "$" + name if self.style.keep_unset else ""
            return self.grown(found)
        self.at += 1
        first = self.peek()
        if not first:
            raise DockerfileError("syntax error: missing '}'")
        if first in "{}:":
            raise DockerfileError("syntax error: bad substitution")
        return self.grown(self._brace(self._name()))

    def _brace(self, name: str) -> str:
        modifier = self.take()
        if modifier == "}":
            found = self._get(name)
            if found is None:
                return f"${{{name}}}" if self.style.keep_unset else ""
            return found
        if modifier == "/":
            return self._replace(name)
        if modifier == ":":
            modifier += self.take()
        if not modifier:
            raise DockerfileError("syntax error: missing '}'")
        kind = modifier[-1]
        if modifier[0] not in ":+-?#%" or modifier in (":#", ":%"):
            raise DockerfileError(f"unsupported modifier ({modifier}) in substitution")
        word = self._operand("}", "'}'", raw=kind in "#%")
        found = self._get(name)
        if found is None and self.style.keep_unset:
            return f"${{{name}{modifier}{word}}}"
        return self._modify(name, modifier, found, word)

    def _operand(self, stop: str, missing: str, *, raw: bool) -> str:
        try:
            return self.until(stop, raw=raw)[0]
        except DockerfileError:
            if self.at >= len(self.text):
                raise DockerfileError(f"syntax error: missing {missing}") from None
            raise

    def _modify(self, name: str, modifier: str, found: str | None, word: str) -> str:
        kind = modifier[-1]
        absent = found is None or (modifier[0] == ":" and not found)
        if kind == "-":
            return word if absent else found or ""
        if kind == "+":
            return "" if absent else word
        if kind == "?":
            if absent:
                state = "unset" if found is None else "empty"
                raise DockerfileError(f"{name}: {word or f'is not allowed to be {state}'}")
            return found or ""
        if kind in "#%":
            return self._trim(kind, found or "", word)
        raise DockerfileError(f"unsupported modifier ({modifier}) in substitution")

    def _replace(self, name: str) -> str:
        everywhere = self.peek() == "/"
        self.at += everywhere
        pattern = self._operand("/", "'/' in ${}", raw=True)
        text = self._operand("}", "'}'", raw=True)
        found = self._get(name)
        if found is None and self.style.keep_unset:
            return f"${{{name}/{pattern}/{text}}}"
        try:
            return pattern_of(pattern).replace(found or "", text, everywhere=everywhere, limit=MAX_RESULT)
        except ValueError as fault:
            raise DockerfileError(f"invalid pattern ({pattern}) in substitution: {fault}") from None

    def _trim(self, kind: str, found: str, word: str) -> str:
        longest = word[:1] == kind
        try:
            glob = pattern_of(word[1:] if longest else word)
            trim = glob.without_prefix if kind == "#" else glob.without_suffix
            return trim(found, longest=longest)
        except ValueError as fault:
            raise DockerfileError(f"invalid pattern ({word[longest:]}) in substitution: {fault}") from None
