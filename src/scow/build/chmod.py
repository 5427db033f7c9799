"""``--chmod``: octal (``0755``) or symbolic (``u=rwX,go-w``) permissions, as chmod(1) reads them."""

from __future__ import annotations

import functools
import re

from scow import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
_ACTION = re.compile(r"([-+=])([rwxXstugo]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}


@functools.lru_cache(maxsize=64)
def parse(text: str) -> Callable[[int, bool], int]:
    """A function from old permission bits (and whether it is a directory) to new ones. Invalid for what is no mode."""
    octal = fixed(text)
    if octal is not None:
        return lambda _mode, _directory: octal
    clauses = [_CLAUSE.fullmatch(c) for c in text.split(",")]
    if not all(clauses):
        raise errors.Invalid(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
    steps = [(m[1], _ACTION.findall(m[2])) for m in clauses if m]

    def change(mode: int, directory: bool) -> int:
        for who, actions in steps:
            for operator, permissions in actions:
                mode = _apply(mode, directory, who or "a", (operator, permissions))
        return mode

    return change


def fixed(text: str) -> int | None:
    """The bits of an octal mode; None if it is symbolic."""
    if not re.fullmatch(r"[0-7]+", text):
        return None
    bits = int(text, 8)
    if bits > 0o7777:
        raise errors.Invalid(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
    return bits


def _apply(mode: int, directory: bool, who: str, action: tuple[str, str]) -> int:
    operator, permissions = action
    people = "ugo" if "a" in who else who
    bits = 0
    for person in people:
        bits |= _rwx(mode, directory, permissions) << _SHIFT[person]
    if "s" in permissions:
        bits |= (0o4000 if "u" in people else 0) | (0o2000 if "g" in people else 0)
    if "t" in permissions and ("o" in people or "a" in who):
        bits |= 0o1000
    if operator == "+":
        return mode | bits
    if operator == "-":
        return mode & ~bits
    cleared = sum(7 << _SHIFT[p] for p in set(people))
    special = (0o4000 if "u" in people else 0) | (0o2000 if "g" in people else 0)
    # GNU: "=" leaves the set-id bits of directories alone unless they are named.
    return mode & ~cleared & ~(0 if directory else special) | bits


def _rwx(mode: int, directory: bool, permissions: str) -> int:
    bits = 0
    for p in permissions:
        if p in _SHIFT:
            bits |= mode >> _SHIFT[p] & 7
        elif p == "X":
            bits |= 1 if directory or mode & 0o111 else 0
        else:
            bits |= {"r": 4, "w": 2, "x": 1}.get(p, 0)
    return bits
