"""``--chown`` and USER as an owner of files; ``--chmod``."""

from __future__ import annotations

import re

from scow.build.dockerfile.errors import DockerfileError
from scow.build.ops import Owner, User

_SYMBOLIC = re.compile(r"[ugoa]*(?:[-+=][rwxXstugo]*)+(?:,[ugoa]*(?:[-+=][rwxXstugo]*)+)*")
_NUMBER = re.compile(r"[0-9]+", re.ASCII)


def owner_of(text: str, base: int) -> Owner | None:
    """``user[:group]``, names or numbers; names are looked up in input ``base``."""
    if not text:
        return None
    user, colon, group = text.partition(":")
    return Owner(_who(user, base), _who(group, base) if colon else None)


def _who(text: str, base: int) -> User | None:
    if not text:
        return None
    if text == "root":
        return User(id=0)
    return User(id=int(text)) if _NUMBER.fullmatch(text) and len(text) <= 10 else User(name=text, input=base)


def mode_of(text: str) -> str:
    """``--chmod``: an octal number of at most 07777, or symbolic as chmod(1) takes it."""
    if not text:
        return ""
    if _NUMBER.fullmatch(text):
        if text.strip("01234567") or int(text[-8:], 8) > 0o7777 or len(text) > 8:
            raise _bad(text)
        return f"0{int(text, 8):o}"
    if len(text) > 200 or not _SYMBOLIC.fullmatch(text):
        raise _bad(text)
    return text


def _bad(text: str) -> DockerfileError:
    words = f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"
    return DockerfileError(words, near=text, hint="or symbolic, such as u=rwX,go=rX")
