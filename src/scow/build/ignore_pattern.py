"""One pattern of a ``.dockerignore``, ``--exclude`` or wildcard source, compiled.

Patterns come from whoever wrote the context. A row of stars would make a backtracking regular expression run for hours,
so each run of literal text between two stars is matched at its earliest place for good (an atomic group): what follows
can start anywhere behind it, so an earlier place never loses a match.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from scow.errors import Invalid
from scow.values import value

MAX_PATTERN = 4096
MAX_LOOSE = 3
"""``**`` inside a name (``a**b``) rather than between slashes; these do backtrack."""
SPACE = " \t\n\v\f\r\x85\xa0"
_META = frozenset("*?[\\")


@value
class Pattern:
    """``text`` is the cleaned pattern without ``!``, which ``exception`` says was there.

    ``kind``: "exact" (``literal`` is the path), "below" (the path begins with it), "suffix" (the path ends with it, or
    is it without its leading slash), "regex" (``literal`` is a regular expression for the whole path).
    """

    text: str
    exception: bool
    kind: str
    literal: str

    def may_match_below(self, directory: str) -> bool:
        """Could it match a path inside ``directory``? When in doubt, yes."""
        inside = directory + "/"
        start = literal_directories(self.text)
        if not start or start.startswith(inside):
            return True
        return self.kind != "exact" and inside.startswith(start + "/")


def clean(path: str) -> str:
    """The shortest form of a path: no ``.``, ``..`` or double slashes where they can be removed."""
    path = os.path.normpath(path)
    return path[1:] if path.startswith("//") else path


def literal_directories(text: str) -> str:
    """The leading path elements without wildcards; everything a pattern matches begins with them."""
    kept = []
    for part in text.split("/"):
        if not _META.isdisjoint(part):
            break
        kept.append(part)
    return "/".join(kept)


def compile_pattern(line: str) -> Pattern | None:
    """A pattern as written; None for a blank one, Invalid for a malformed one."""
    text = line.strip(SPACE)
    if not text:
        return None
    text = clean(text)
    exception = text.startswith("!")
    text = text[exception:]
    if not text:
        raise Invalid('illegal exclusion pattern: "!"')
    if len(text) > MAX_PATTERN:
        raise Invalid(f"pattern longer than {MAX_PATTERN} characters: {text[:40]}...")
    kind, literal = _translate(text)
    if kind == "regex":
        try:
            re.compile(literal)
        except re.error:
            raise _malformed(text) from None
    return Pattern(text, exception, kind, literal)


def _malformed(text: str) -> Invalid:
    return Invalid(f"syntax error in pattern: {text}")


def _translate(text: str) -> tuple[str, str]:
    """Kind and literal. The special cases are the ones moby has, for they also decide what ``**`` means at the ends."""
    if _META.isdisjoint(text):
        return "exact", text
    if text.startswith("**") and _META.isdisjoint(text[2:]):
        return "suffix", text[2:]
    if text.endswith("**") and _META.isdisjoint(text[:-2]):
        return "below", text[:-2]
    return "regex", _regex(list(_tokens(text)), text)


ANY, STAR, TREE, REST = "?", "*", "**/", "**"
"""One character; a run without slash; any directories, with the slash behind them; everything to the end."""


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """(kind, regular expression) of each piece; literals have the kind "" or "/"."""
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        at += 1
        if char == "*" and text.startswith("*", at):
            at += 2 if text.startswith("/", at + 1) else 1
            yield (REST, ".*") if at >= end else (TREE, "(?:.*/)?")
        elif char == "*":
            yield STAR, "[^/]*"
        elif char == "?":
            yield ANY, "[^/]"
        elif char == "[":
            regex, at = _character_class(text, at)
            yield "", regex
        elif char == "\\":
            if at == end:
                raise _malformed(text)
            yield "", re.escape(text[at])
            at += 1
        else:
            yield "/" if char == "/" else "", re.escape(char)


def _character_class(text: str, at: int) -> tuple[str, int]:
    out = "["
    if text.startswith("^", at):
        out, at = "[^", at + 1
    start = at
    while at == start or not text.startswith("]", at):
        low, at = _class_character(text, at)
        out += re.escape(low)
        if text.startswith("-", at):
            high, at = _class_character(text, at + 1)
            out += "-" + re.escape(high)
    return out + "]", at + 1


def _class_character(text: str, at: int) -> tuple[str, int]:
    char = text[at : at + 1]
    if char in ("", "-", "]"):
        raise _malformed(text)
    if char == "\\":
        at += 1
        char = text[at : at + 1]
    if not char or at + 1 >= len(text):
        raise _malformed(text)
    return char, at + 1


def _regex(tokens: list[tuple[str, str]], text: str) -> str:
    """Join the tokens, with the earliest-place rule between stars of a path element and between trees."""
    blocks: list[list[tuple[str, str]]] = [[]]
    for token in tokens:
        if token[0] == TREE:
            blocks.append([])
        else:
            blocks[-1].append(token)
    out, loose = _block(blocks[0]), 0
    for block in blocks[1:-1]:
        if block and block[-1][0] != "/":
            loose += 1
            out += f"(?:.*/)?{_block(block)}"
        else:
            out += f"(?>(?:.*?/)?{_block(block)})"
    if loose > MAX_LOOSE:
        raise Invalid(f"pattern has too many ** inside names: {text}")
    return out + (f"(?:.*/)?{_block(blocks[-1])}" if len(blocks) > 1 else "")


def _block(tokens: list[tuple[str, str]]) -> str:
    out, element = "", [""]
    for kind, regex in tokens:
        if kind == STAR:
            element.append("")
        elif kind == "/":
            out, element = out + _element(element) + "/", [""]
        else:
            element[-1] += regex
    return out + _element(element)


def _element(parts: list[str]) -> str:
    first, *rest = parts
    if not rest:
        return first
    return first + "".join(f"(?>[^/]*?{p})" for p in rest[:-1]) + f"[^/]*{rest[-1]}"
