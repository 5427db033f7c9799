"""Here-documents: ``<<EOF``, ``<<-EOF``, ``<<"EOF"``, ``3<<EOF``, several on a line."""

from __future__ import annotations

import re

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.shell import Style, expand
from scow.values import value

_FORM = re.compile(r"(\d*)<<(-?)[ \t\n\f\r]*([^<]*)", re.ASCII)
_TABS = re.compile(r"^\t+", re.MULTILINE)
_AS_WRITTEN = Style(raw_quotes=True, raw_escapes=True, keep_unset=True)
_KEEP_QUOTES = Style(raw_quotes=True, keep_unset=True)
_DROP_QUOTES = Style(keep_unset=True)


@value
class Heredoc:
    """``name`` is the terminator; ``expand`` is false when it was quoted; ``chomp`` removes leading tabs (``<<-``)."""

    name: str
    expand: bool = True
    chomp: bool = False
    descriptor: int = 0
    content: str = ""

    @property
    def text(self) -> str:
        """The content, without leading tabs if they are to go."""
        return chomped(self.content) if self.chomp else self.content


def chomped(text: str) -> str:
    """``text`` without the tabs that begin its lines."""
    return _TABS.sub("", text)


def heredoc_of(word: str) -> Heredoc | None:
    """The heredoc a word announces, or None; DockerfileError when its quotes do not match."""
    match = _FORM.fullmatch(word) if "<<" in word else None
    if match is None or not match[3]:
        return None
    bare, quoted = expand(match[3], {}, _DROP_QUOTES).words, expand(match[3], {}, _KEEP_QUOTES).words
    if len(bare) != 1 or len(quoted) != 1:
        return None
    return Heredoc(bare[0], _quotes(bare[0]) == _quotes(quoted[0]), match[2] == "-", int(match[1][-9:] or 0))


def _quotes(word: str) -> int:
    return word.count("'") + word.count('"')


def announced(word: str) -> Heredoc | None:
    """As ``heredoc_of``, and None for a word that cannot be read."""
    try:
        return heredoc_of(word)
    except DockerfileError:
        return None


def heredocs_of(line: str) -> list[Heredoc]:
    """All heredocs an instruction's line announces, in order."""
    try:
        words = expand(line, {}, _AS_WRITTEN).words
    except DockerfileError:
        return []
    return [doc for doc in map(heredoc_of, words) if doc is not None]
