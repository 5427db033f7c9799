"""A file or a tree of files to a tar, by descriptors, as docker packs for ``cp``.

Times are whole seconds, of the extended attributes only ``security.capability`` is kept, sockets are left out. Whoever
may change the tree meanwhile gets nothing that they could not read: no link is followed, no FIFO waited on.
"""

from __future__ import annotations

import errno
import os
import stat

from scow.errors import Unavailable
from scow.runtime.program import reason
from scow.wire.tar import Entry, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.wire.tar.writer import Out

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
}
CAPABILITY = "security.capability"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
SECOND = 10**9
MOST_DEPTH = 800
"""Each level takes a descriptor and a frame of the interpreter's stack."""
_NONE: dict[bytes, bytes] = {}


class Packer:
    """Writes tars to ``out``. ``skipped`` says in docker's words what could not be read and is not in it."""

    def __init__(self, out: Out) -> None:
        self.skipped: list[str] = []
        self._writer = Writer(out)
        self._seen: dict[tuple[int, int], bytes] = {}

    def tree(self, path: str, name: bytes) -> None:
        """Pack the directory ``path`` and all that is in it as ``name``; "" is the root of all. A link is followed."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = os.fstat(fd)
            self._add(name or b"/", found, "dir", _capability(fd))
            self._directory(fd, os.fsencode(path).rstrip(b"/"), name + b"/")
        finally:
            os.close(fd)

    def content(self, path: str) -> None:
        """Pack all that is in the directory ``path``, and not itself, by names relative to it."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._directory(fd, os.fsencode(path).rstrip(b"/"), b"")
        finally:
            os.close(fd)

    def one(self, path: str, name: bytes) -> None:
        """Pack what is at ``path``, which is no directory, as ``name``."""
        above, _, last = path.rpartition("/")
        fd = os.open(above or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._entry(fd, os.fsencode(last), os.fsencode(above), name)
        finally:
            os.close(fd)

    def close(self) -> None:
        """End the tar."""
        self._writer.close()

    def _directory(self, fd: int, path: bytes, prefix: bytes, depth: int = 0) -> None:
        """All that is in the directory ``fd``, in the order of names, which get ``prefix``."""
        if depth > MOST_DEPTH:
            self._skip(path, f"directories are nested deeper than {MOST_DEPTH}")
            return
        for child in sorted([os.fsencode(n) for n in os.listdir(fd)]):
            inner = self._entry(fd, child, path, prefix + child)
            if inner >= 0:
                try:
                    self._directory(inner, path + b"/" + child, prefix + child + b"/", depth + 1)
                finally:
                    os.close(inner)

    def _entry(self, above: int, child: bytes, path: bytes, name: bytes) -> int:
        """Add one member; the descriptor of a directory that is to be gone through, else -1."""
        try:
            found = os.lstat(child, dir_fd=above)
            kind = KINDS.get(stat.S_IFMT(found.st_mode), "")
            if kind == "file":
                self._file(above, child, name)
            elif kind == "dir":
                inner = os.open(child, DIRECTORY, dir_fd=above)
                self._add(name, os.fstat(inner), "dir", _capability(inner))
                return inner
            elif kind == "symlink":
                self._add(name, found, kind, _NONE, os.readlink(child, dir_fd=above))
            elif kind:
                self._add(name, found, kind, _NONE)
            else:
                self._skip(path + b"/" + child, "archive/tar: sockets not supported")
        except OSError as e:
            if e.errno == errno.EPIPE:
                raise
            self._skip(path + b"/" + child, f"{reason(e)}")
        except Unavailable as e:
            self._skip(path + b"/" + child, str(e))
        return -1

    def _skip(self, path: bytes, why: str) -> None:
        if len(self.skipped) < 1000:
            self.skipped.append(f"Can't add file {os.fsdecode(path)} to tar: {why}")

    def _file(self, above: int, child: bytes, name: bytes) -> None:
        fd = os.open(child, _FILE, dir_fd=above)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.ESTALE, "it is no regular file any more")
            self._add(name, found, "file", _capability(fd), b"", fd)
        finally:
            os.close(fd)

    def _add(
        self,
        name: bytes,
        found: os.stat_result,
        kind: str,
        xattrs: dict[bytes, bytes],
        target: bytes = b"",
        data: int | None = None,
    ) -> None:
        size = found.st_size if kind == "file" else 0
        if found.st_nlink > 1 and kind != "dir":
            first = self._seen.setdefault((found.st_dev, found.st_ino), name)
            if first != name:
                kind, target, size, data = "hardlink", first, 0, None
        major = minor = 0
        if kind in ("char", "block"):
            major, minor = os.major(found.st_rdev), os.minor(found.st_rdev)
        entry = Entry(
            name if name != b"/" else b"",
            kind,
            found.st_mode & 0o7777,
            found.st_uid,
            found.st_gid,
            size,
            found.st_mtime_ns // SECOND * SECOND,
            target,
            major,
            minor,
            xattrs,
        )
        self._writer.add(entry, data)


def _capability(fd: int) -> dict[bytes, bytes]:
    """The file capabilities of an open file. Those of a user namespace's root become everybody's, as docker does it."""
    try:
        found = os.getxattr(fd, CAPABILITY)
    except OSError:
        return _NONE
    if len(found) > 20 and found[3] == 3:
        found = found[:3] + b"\2" + found[4:20]
    return {CAPABILITY.encode(): found}
