"""Docker's rules for the two paths of ``cp``: what is copied, into which directory, and by which name.

The path functions are Go's ``path/filepath``, the rest ``github.com/moby/go-archive/copy.go``: a trailing slash says
that something is a directory, ``/.`` means what is in a directory and not itself. Pure.
"""

from __future__ import annotations

import os

from scow.errors import Invalid, NotFound
from scow.values import value


@value
class Place:
    """One end of a copy. ``rename`` is the name that the copy has instead of the source's own ("" for that)."""

    path: str
    exists: bool = False
    is_dir: bool = False
    rename: str = ""


def clean(path: str) -> str:
    """The shortest path that is lexically equal (Go's Clean)."""
    found = os.path.normpath(path)
    return found[1:] if found.startswith("//") else found


def base(path: str) -> str:
    """The last element: "." of an empty path, "/" of slashes alone (Go's Base)."""
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def is_slashed(path: str) -> bool:
    """Whether a path ends in a slash."""
    return path.endswith("/")


def is_content(path: str) -> bool:
    """Whether a path ends in ``.``: the content of a directory."""
    return base(path) == "."


def split(path: str) -> tuple[str, str]:
    """(directory, last element), where a trailing ``.`` counts as an element."""
    found = clean(path)
    if is_content(path):
        found += "/."
    return clean(found[: found.rfind("/") + 1]), base(found)


def keep_end(cleaned: str, original: str) -> str:
    """``cleaned`` with the ``/.`` or ``/`` that ``original`` ends in."""
    if not is_content(cleaned) and is_content(original):
        if not is_slashed(cleaned):
            cleaned += "/"
        cleaned += "."
    if not is_slashed(cleaned) and is_slashed(original):
        cleaned += "/"
    return cleaned


def rooted(path: str) -> str:
    """A path of a container, which counts from its root, with its end kept."""
    return keep_end(clean("/" + path), path)


def followed(path: str, target: str) -> tuple[str, str]:
    """Where a link leads, with the end of the link's ``path``, and the name that the copy keeps ("" for its own)."""
    if is_content(path) and not is_content(target):
        target += "/."
    if is_slashed(path) and not is_slashed(target):
        target += "/"
    return target, base(path) if base(path) != base(target) else ""


def arrange(source: Place, destination: Place) -> tuple[str, str]:
    """(the directory to unpack into, the name there of what is copied). Invalid, NotFound in docker's words."""
    name = source.rename or split(source.path)[1]
    if destination.exists and destination.is_dir:
        return destination.path, name
    directory, new = split(destination.path)
    if destination.exists and source.is_dir:
        raise Invalid("cannot copy directory")
    if not destination.exists and not source.is_dir and (is_slashed(destination.path) or is_content(destination.path)):
        raise NotFound("no such directory")
    return directory, new


def parse(argument: str) -> tuple[str, str]:
    """``CONTAINER:PATH`` or a path of the host ("" and the path), which a leading ``/`` or ``.`` makes sure of."""
    name, colon, path = argument.partition(":")
    if argument.startswith("/") or not colon or name.startswith("."):
        return "", argument
    return name, path
