"""Parser directives: ``# syntax=``, ``# escape=`` and ``# check=`` in the first lines of a Dockerfile.

They end at the first line that is no directive: a blank line, another comment or an instruction. Each may stand once.
``syntax`` and ``check`` are also found below a ``#!`` line; ``syntax`` also in ``//`` comments and as a JSON object, so
that files in other languages can name their frontend.
"""

from __future__ import annotations

import re

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.source import BOM, SPACE, printable
from scow.values import value

KNOWN = ("syntax", "escape", "check")
_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)[ \t\f\r]*=(.+)")


@value
class Directive:
    """A directive as written; ``line`` counts from 1."""

    name: str
    value: str
    line: int

    @property
    def word(self) -> str:
        """The value up to the first blank, which is what counts for ``syntax`` and ``check``."""
        return self.value.partition(" ")[0]


class DirectiveParser:
    """Eats the first lines of a file, one at a time, until one is no directive."""

    def __init__(self, comment: str = "#", line: int = 0) -> None:
        self.comment, self.line = comment, line
        self.seen: set[str] = set()
        self.done = False

    def feed(self, text: str) -> Directive | None:
        """The directive on this line, if directives are still allowed here and it is one."""
        self.line += 1
        if self.done:
            return None
        match = _DIRECTIVE.fullmatch(text[len(self.comment) :].lstrip(SPACE)) if text.startswith(self.comment) else None
        name, given = (match[1].lower(), match[2].strip(" \t\f\r")) if match else ("", "")
        if match is None or name not in KNOWN or not given:
            self.done = True
            return None
        if name in self.seen:
            raise DockerfileError(f"only one {name} parser directive can be used", near=match[1])
        self.seen.add(name)
        return Directive(name, given, self.line)


def escape_of(directive: Directive) -> str:
    """The escape character an ``# escape=`` line asks for."""
    if directive.value not in ("\\", "`"):
        raise DockerfileError(
            f"invalid escape token '{directive.value}' does not match ` or \\", near=directive.value, hint="use ` or \\"
        )
    return directive.value


def find(name: str, data: bytes, *, any_form: bool = False) -> Directive | None:
    """The directive ``name`` of a file, without parsing more of it; ``any_form`` looks for ``//`` and JSON as well."""
    text = printable(data[: 1 << 20].removeprefix(BOM).decode("utf-8", "surrogateescape"))
    first = 0
    if text.startswith("#!"):
        text, first = text.partition("\n")[2], 1
    for comment in ("#", "//") if any_form else ("#",):
        parser = DirectiveParser(comment, first)
        for line in text.split("\n"):
            try:
                directive = parser.feed(line.removesuffix("\r"))
            except DockerfileError:
                break
            if directive is None:
                break
            if directive.name == name:
                return directive
    return _json_directive(name, text, first) if any_form else None


def _json_directive(name: str, text: str, first: int) -> Directive | None:
    if not text.lstrip(SPACE).startswith("{"):
        return None
    import json

    try:
        found = json.loads(text).get(name)
    except (ValueError, RecursionError):
        return None
    return Directive(name, found, first + 1) if isinstance(found, str) else None


def syntax(data: bytes) -> str | None:
    """The frontend a file asks for, such as ``docker/dockerfile:1``; None when it leaves the choice to the builder."""
    directive = find("syntax", data, any_form=True)
    return directive.word if directive else None
