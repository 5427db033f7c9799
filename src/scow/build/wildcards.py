"""Wildcards of COPY and ADD: Go's ``path/filepath.Match`` per component, and ``**`` for ``COPY --parents``."""

from __future__ import annotations

import functools
import os
import re

from scow import errors
from scow.build.files import join, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from scow.build.files import Files


def has_wildcard(text: str) -> bool:
    """Whether ``* ? [`` occurs without a backslash before it."""
    skip = False
    for char in text:
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif char in "*?[":
            return True
    return False


@functools.lru_cache(maxsize=256)
def matcher(pattern: str) -> re.Pattern[str]:
    """One component's pattern. Invalid: ``syntax error in pattern`` as Go says."""
    out, at = [], 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            out.append(".*")
        elif char == "?":
            out.append(".")
        elif char == "\\":
            if at == len(pattern):
                raise errors.Invalid(f"syntax error in pattern: {pattern}")
            out.append(re.escape(pattern[at]))
            at += 1
        elif char == "[":
            text, at = _class(pattern, at)
            out.append(text)
        else:
            out.append(re.escape(char))
    return re.compile("".join(out), re.DOTALL)


def _class(pattern: str, at: int) -> tuple[str, int]:
    """``[a-z]`` or ``[^a-z]`` from behind the bracket; a backslash takes a character literally."""
    wrong = errors.Invalid(f"syntax error in pattern: {pattern}")
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    while True:
        if pattern[at : at + 1] == "]" and ranges:
            return f"[{'^' if negated else ''}{''.join(ranges)}]", at + 1
        low, at = _member(pattern, at, wrong)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _member(pattern, at + 1, wrong)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("\0-\0")  # Go: an empty range matches nothing


def _member(pattern: str, at: int, wrong: errors.Invalid) -> tuple[str, int]:
    char = pattern[at : at + 1]
    if char in ("", "-", "]"):
        raise wrong
    if char == "\\":
        at += 1
        char = pattern[at : at + 1]
        if not char:
            raise wrong
    return char, at + 1


def matches(files: Files, pattern: str, *, follow: bool = True, deep: bool = False) -> list[str]:
    """Real paths that ``pattern`` names, in byte order; links are followed only before the first wildcard.

    Without wildcards the one path, existing or not. ``deep``: ``**`` is any number of directories.
    """
    parts = [p for p in pattern.split("/") if p not in ("", ".")]
    first = next((n for n, p in enumerate(parts) if has_wildcard(p)), len(parts))
    if first == len(parts):
        return [resolve(files, pattern, follow=False)] if not follow else ["/".join(parts)]
    base = resolve(files, "/".join(parts[:first]))
    return list(dict.fromkeys(_below(files, base, tuple(parts[first:]), deep)))


def _below(files: Files, directory: str, parts: tuple[str, ...], deep: bool) -> Iterator[str]:
    top = files.find(directory)
    if top is None or top.kind != "dir":
        return
    part, rest = parts[0], parts[1:]
    inside = files.entries(directory)
    names = sorted(inside, key=os.fsencode)
    if deep and part == "**":
        if rest:
            yield from _below(files, directory, rest, deep)
        for name in names:
            here = join(directory, name)
            if not rest:
                yield here
            elif inside[name].kind == "dir":
                yield from _below(files, here, parts, deep)
        return
    fits = matcher(part).fullmatch
    for name in names:
        if fits(name):
            if rest:
                yield from _below(files, join(directory, name), rest, deep)
            else:
                yield join(directory, name)
