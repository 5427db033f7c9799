"""File trees as build steps read them: a context on disk, a stack of layers, or what a FileOp has made so far.

Paths are ``str`` without a leading slash (surrogate escapes stand for bytes that are no UTF-8); the root is "". Trees
resolve links themselves, component by component and never above their root, so no tree can be led out of itself.
"""

from __future__ import annotations

import os
import stat
from collections import namedtuple
from collections.abc import Mapping

from scow import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, NamedTuple, Protocol, TypeAlias

    Data: TypeAlias = int | bytes | BinaryIO

    class Info(NamedTuple):
        """One file as a tree has it. ``kind``: file dir symlink char block fifo (as ``wire.tar``'s; hard links are
        files).

        ``mode``: permission bits; ``mtime``: ns; ``link``: text of a symlink; ``inode``: equal for hard links of one
        file, None for a file with one name; ``token``: whatever the tree needs to find the data again.
        """

        path: str
        kind: str
        mode: int = 0o755
        uid: int = 0
        gid: int = 0
        size: int = 0
        mtime: int = 0
        link: str = ""
        inode: object = None
        rdev: tuple[int, int] = (0, 0)
        xattrs: Mapping[bytes, bytes] = {}
        token: object = None

    class Files(Protocol):
        """A tree that can be read; the rest of this module is made of these four."""

        def find(self, path: str) -> Info | None:
            """The file at a path that has no links on the way; "" is the root."""

        def entries(self, directory: str) -> Mapping[str, Info]:
            """What is in a directory, by name."""

        def open(self, info: Info) -> Data:
            """The bytes of a regular file: a descriptor (the caller closes it), a binary file, or bytes."""

        def digest(self, info: Info) -> str:
            """A strong digest of a regular file's bytes, hex; of the same form for all files of this tree."""
else:
    Info = namedtuple(
        "Info",
        "path kind mode uid gid size mtime link inode rdev xattrs token",
        defaults=(0o755, 0, 0, 0, 0, "", None, (0, 0), {}, None),
        module=__name__,
    )

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
"""Kinds by ``stat.S_IFMT``."""
ROOT = Info("", "dir")
MAX_LINKS = 255
"""Symlinks followed in one lookup, as in containerd's ``fs.RootPath``."""


def join(directory: str, name: str) -> str:
    """``name`` inside ``directory``."""
    return f"{directory}/{name}" if directory else name


def split(path: str) -> tuple[str, str]:
    """Directory and last name."""
    directory, _, name = path.rpartition("/")
    return directory, name


def clean(path: str) -> str:
    """``path`` below the root as text: no ``.`` or empty parts, ``..`` taken back, never above the root."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def resolve(files: Files, path: str, *, follow: bool = True) -> str:
    """The real path that ``path`` leads to, links followed inside the root (the last one only if ``follow``).

    Parts that do not exist are taken as they stand, as ``fs.RootPath`` does: the result may name nothing.
    """
    todo = [p for p in reversed(path.split("/")) if p not in ("", ".")]
    done = ""
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            done = split(done)[0]
            continue
        here = join(done, part)
        info = files.find(here) if todo or follow else None
        if info is None or info.kind != "symlink":
            done = here
            continue
        links += 1
        if links > MAX_LINKS:
            raise errors.Invalid(f"too many links: {path}")
        if info.link.startswith("/"):
            done = ""
        todo += [p for p in reversed(info.link.split("/")) if p not in ("", ".")]
    return done


def lookup(files: Files, path: str, *, follow: bool = True) -> Info | None:
    """The file that ``path`` leads to."""
    return files.find(resolve(files, path, follow=follow))


def read(files: Files, info: Info, limit: int = 1 << 24) -> bytes:
    """All bytes of a regular file that is no longer than ``limit``."""
    if info.size > limit:
        raise errors.Invalid(f"{info.path} is too large: {info.size} bytes")
    data = files.open(info)
    if isinstance(data, int):
        with os.fdopen(data, "rb") as f:
            return f.read(limit)
    return data if isinstance(data, bytes) else data.read(limit)


def walk(files: Files, top: Info) -> list[Info]:
    """Everything below a directory, parents first, names in byte order."""
    found: list[Info] = []
    stack = [top]
    while stack:
        info = stack.pop()
        if info is not top:
            found.append(info)
        if info.kind == "dir":
            inside = files.entries(info.path)
            stack.extend(inside[name] for name in sorted(inside, key=os.fsencode, reverse=True))
    return found
