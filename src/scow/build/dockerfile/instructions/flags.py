"""``--name=value`` flags of instructions, checked against what the instruction knows."""

from __future__ import annotations

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.suggest import suggestion
from scow.values import value

TEXT, SWITCH, LIST = "text", "switch", "list"
"""Kinds: one string; true or false, ``--name`` alone is true; a string that may be given many times."""


@value
class Flags:
    """The flags given, by name; switches are "true" or "false", lists are tuples."""

    given: dict[str, str]
    lists: dict[str, tuple[str, ...]]

    @staticmethod
    def of(words: tuple[str, ...], spec: dict[str, str]) -> Flags:
        """Check ``words`` against ``spec``: name (with ``_`` for ``-``) to kind."""
        known = {name.replace("_", "-"): kind for name, kind in spec.items()}
        given: dict[str, str] = {}
        lists: dict[str, tuple[str, ...]] = {}
        for word in words:
            flag, equals, text = word.partition("=")
            name = flag[2:]
            kind = known.get(name)
            if kind is None:
                raise DockerfileError(f"unknown flag: {flag}" + suggestion(name, known), near=flag)
            if kind == LIST:
                lists[name] = (*lists.get(name, ()), _text(flag, equals, text))
                continue
            if name in given:
                raise DockerfileError(f"duplicate flag specified: {flag}", near=flag)
            given[name] = _switch(flag, equals, text) if kind == SWITCH else _text(flag, equals, text)
        return Flags(given, lists)

    def text(self, name: str, default: str = "") -> str:
        """The value of a string flag."""
        return self.given.get(name, default)

    def all(self, name: str) -> tuple[str, ...]:
        """The values of a list flag, in order."""
        return self.lists.get(name, ())

    def on(self, name: str) -> bool | None:
        """A switch; None when it was not given."""
        return {"true": True, "false": False}.get(self.given.get(name, ""))


def _text(flag: str, equals: str, text: str) -> str:
    if not equals:
        raise DockerfileError(f"missing a value on flag: {flag}", near=flag)
    return text


def _switch(flag: str, equals: str, text: str) -> str:
    if equals and not text:
        raise DockerfileError(f"missing a value on flag: {flag}", near=flag)
    if text.lower() not in ("true", "", "false"):
        raise DockerfileError(f"expecting boolean value for flag {flag}, not: {text}", near=flag)
    return text.lower() or "true"
