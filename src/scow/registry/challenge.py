"""The ``WWW-Authenticate`` header (RFC 9110, 11.6.1): schemes with parameters, several of them in one line or many."""

from __future__ import annotations

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST = 8192
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@value
class Challenge:
    """One way to identify oneself; ``scheme`` and the names of parameters in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse(headers: Iterable[str]) -> list[Challenge]:
    """The challenges of all ``WWW-Authenticate`` headers; what cannot be read is left out."""
    found: list[Challenge] = []
    for text in headers:
        found += _Reader(text[:LONGEST]).challenges()
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def challenges(self) -> list[Challenge]:
        found: list[Challenge] = []
        parameters: dict[str, str] = {}
        while True:
            self._skip(" \t,")
            word = self._token()
            if not word:
                return found
            self._skip(" \t")
            if self.text[self.at : self.at + 1] == "=" and found:
                self.at += 1
                self._skip(" \t")
                parameters.setdefault(word.lower(), self._text())
            else:
                parameters = {}
                found.append(Challenge(word.lower(), parameters))

    def _skip(self, characters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1

    def _token(self) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in _TOKEN:
            self.at += 1
        return self.text[start : self.at]

    def _text(self) -> str:
        """A token or a quoted string."""
        if self.text[self.at : self.at + 1] != '"':
            return self._token()
        out = []
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != '"':
            if self.text[self.at] == "\\":
                self.at += 1
            out.append(self.text[self.at : self.at + 1])
            self.at += 1
        self.at += 1
        return "".join(out)
