"""``.dockerignore``: which paths of a build context are left out.

The rules are moby/patternmatcher's. Patterns are cleaned paths; ``*`` and ``?`` do not match a slash, ``**`` matches
any number of directories, ``[a-z]`` and ``[^a-z]`` are classes, a backslash takes the next character literally, ``!``
takes back what earlier lines left out; the last match wins, and what matches a directory matches all below it.

A walk asks for each directory first and hands its ``Verdict`` to what is inside, so that a parent is never matched
again; ``Ignore.prunes`` says that nothing below a directory can be wanted.

    ignore = Ignore(read_patterns(data))
    below = ignore.verdict("src")            # a directory
    ignore.verdict("src/main.c", below).ignored
"""

from __future__ import annotations

import re

from scow.build.ignore_pattern import SPACE, Pattern, clean, compile_pattern
from scow.values import value


@value
class Verdict:
    """What is known of a path: is it left out, and which patterns matched it or a parent (bit n: pattern n)."""

    ignored: bool
    matched: int


ROOT = Verdict(False, 0)
"""The context itself, which can not be left out."""


def read_patterns(data: bytes) -> tuple[str, ...]:
    """The patterns of an ignore file: comments (``#`` in the first column) and blank lines dropped, paths cleaned,
    a leading slash removed."""
    patterns = []
    for line in data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n"):
        pattern = line.strip(SPACE)
        if not pattern or line.startswith("#"):
            continue
        mark = pattern[:1] if pattern.startswith("!") else ""
        pattern = pattern[len(mark) :].strip(SPACE)
        if pattern:
            pattern = clean(pattern)
            pattern = pattern[1:] if len(pattern) > 1 and pattern.startswith("/") else pattern
        patterns.append(mark + pattern)
    return tuple(patterns)


def ignore_files(dockerfile: str) -> tuple[str, ...]:
    """Where to look for patterns, best first, given the Dockerfile's path relative to the context (or its own place):
    ``<Dockerfile>.dockerignore`` beside it, then ``.dockerignore`` of the context."""
    return (f"{dockerfile}.dockerignore", ".dockerignore")


class Ignore:
    """Compiled patterns. What no pattern matches stays."""

    def __init__(self, patterns: tuple[str, ...] | list[str]) -> None:
        self.patterns = tuple(p for p in map(compile_pattern, patterns) if p is not None)
        self.has_exceptions = any(p.exception for p in self.patterns)
        self._exact: dict[str, int] = {}
        self._below: list[tuple[str, int]] = []
        self._suffix: list[tuple[str, int]] = []
        self._regex: list[tuple[re.Pattern[str], int]] = []
        for n, pattern in enumerate(self.patterns):
            self._file(pattern, 1 << n)
        # One test in C for all patterns of a kind; which of them it was is asked only when one hit.
        self._any_below = tuple(literal for literal, _ in self._below)
        self._any_suffix = tuple(literal for literal, _ in self._suffix)
        self._any_regex = re.compile("|".join(f"(?:{r.pattern})" for r, _ in self._regex), re.DOTALL).fullmatch
        self._known: dict[tuple[int, int], Verdict] = {(0, 0): ROOT}

    def _file(self, pattern: Pattern, bit: int) -> None:
        if pattern.kind == "regex":
            self._regex.append((re.compile(pattern.literal, re.DOTALL), bit))
        elif pattern.kind == "below":
            self._below.append((pattern.literal, bit))
        elif pattern.kind == "suffix":
            self._suffix.append((pattern.literal, bit))
        exact = {"exact": pattern.literal, "suffix": pattern.literal[1:] if pattern.literal[:1] == "/" else ""}
        if name := exact.get(pattern.kind):
            self._exact[name] = self._exact.get(name, 0) | bit

    def verdict(self, path: str, parent: Verdict = ROOT) -> Verdict:
        """What becomes of ``path`` (slashes, relative to the context), given the verdict on its directory."""
        hits = self._exact.get(path, 0)
        if self._below and path.startswith(self._any_below):
            for literal, bit in self._below:
                if path.startswith(literal):
                    hits |= bit
        if self._suffix and path.endswith(self._any_suffix):
            for literal, bit in self._suffix:
                if path.endswith(literal):
                    hits |= bit
        if self._regex and self._any_regex(path):
            for regex, bit in self._regex:
                if regex.fullmatch(path):
                    hits |= bit
        if hits | parent.matched == parent.matched:
            return parent
        return self._known.get((parent.matched, hits)) or self._decide(parent.matched, hits)

    def _decide(self, inherited: int, hits: int) -> Verdict:
        """The patterns in order, as moby asks them: one that could change nothing is not asked, and so its match is not
        handed down either."""
        matched, ignored = 0, False
        rest = inherited | hits
        while rest:
            bit = rest & -rest
            rest ^= bit
            exception = self.patterns[bit.bit_length() - 1].exception
            if inherited & bit or exception == ignored:
                matched |= bit
                ignored = not exception
        verdict = self._known[inherited, hits] = Verdict(ignored, matched)
        return verdict

    def ignores(self, path: str) -> bool:
        """Is ``path`` left out, by itself or by one of its parents? For a single path; walks use ``verdict``."""
        verdict = ROOT
        parts = clean(path).split("/")
        for n in range(1, len(parts) + 1):
            verdict = self.verdict("/".join(parts[:n]), verdict)
        return verdict.ignored

    def prunes(self, directory: str, verdict: Verdict) -> bool:
        """Can the whole of ``directory`` be skipped? It can when it is left out and no later ``!`` pattern could match
        anything below it."""
        if not verdict.ignored or not self.has_exceptions:
            return verdict.ignored
        later = self.patterns[verdict.matched.bit_length() :]
        return not any(p.exception and p.may_match_below(directory) for p in later)
