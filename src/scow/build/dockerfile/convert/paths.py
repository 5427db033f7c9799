"""Paths inside an image and inside a context, joined and cleaned as Go's ``path`` does; no file is looked at."""

from __future__ import annotations

from scow.build.ignore_pattern import clean

_WILDCARDS = frozenset("*?[")


def absolute(path: str) -> str:
    """``path`` below the root, cleaned: ``..`` can not leave it."""
    return clean("/" + path)


def in_directory(directory: str, path: str) -> str:
    """``path`` as seen from ``directory``, cleaned; a slash or ``/.`` at its end is kept: it means *a directory*."""
    if path in ("", "."):
        path = "./"
    found = clean(path) if path.startswith("/") else clean(f"/{directory}/{path}")
    if path.endswith("/") and found != "/":
        return found + "/"
    if path.endswith("/."):
        return "/." if found == "/" else found + "/."
    return found


def workdir(current: str, path: str) -> str:
    """The new working directory: an absolute one as it is written, a relative one below the old, cleaned."""
    if path.startswith("/"):
        return path
    return clean(f"{current or '/'}/{path}") if path else current or "/"


def needed(paths: set[str]) -> list[str]:
    """The paths a tree has to deliver, relative and sorted; nothing for all of it."""
    return [] if "/" in paths else sorted(p[1:] for p in paths)
