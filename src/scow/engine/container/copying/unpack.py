"""A tar to files below one directory, as docker unpacks for ``cp``.

A directory and anything else never replace each other; else what is there goes, and the new comes. Every name is looked
up from the directory as if that was the root of all (``openat2(RESOLVE_IN_ROOT)``), so links in the archive, and those
that somebody puts there meanwhile, lead nowhere else. Parents that are missing are made.
"""

from __future__ import annotations

import errno
import os
import stat

from scow.engine.container.copying.pack import DIRECTORY
from scow.errors import Corrupt, Denied, Error, Invalid
from scow.kernel.openat import makedirs_in_root
from scow.runtime.program import reason
from scow.wire.tar import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.wire.tar import Entry
    from scow.wire.tar.reader import Stream

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FORMATS = {"char": stat.S_IFCHR, "block": stat.S_IFBLK, "fifo": stat.S_IFIFO}
PIECE = 1 << 20
MOST_SECONDS = (1 << 63) // 10**9
_CACHED = 64


class Unpacker:
    """Unpacks below the open directory ``root``, which is called ``path`` in errors.

    ``owner`` is (uid, gid) for everything; None keeps the tar's; ``own`` false leaves all with this process's user.
    """

    def __init__(self, root: int, path: str, *, own: bool = True, owner: tuple[int, int] | None = None) -> None:
        self._root = root
        self._path = path.rstrip("/") or "/"
        self._own = own
        self._owner = owner
        self._open: dict[bytes, int] = {}
        self._times: list[tuple[bytes, int]] = []
        self._buffer = memoryview(bytearray(PIECE))

    def run(self, stream: Stream) -> None:
        """Unpack a whole archive. Errors: Corrupt for a broken one, Invalid for what it may not hold."""
        reader = Reader(stream)
        name = b""
        try:
            for entry in reader:
                name = entry.name
                self._entry(reader, entry)
            for name, mtime in self._times:
                self._directory_time(name, mtime)
        except OSError as e:
            if e.errno == errno.EPIPE:
                raise
            raise _explained(e, os.fsdecode(name)) from None
        finally:
            for fd in self._open.values():
                os.close(fd)
            self._open.clear()

    def _entry(self, reader: Reader, entry: Entry) -> None:
        name = _normal(entry.name)
        if name is None:
            raise Invalid(f'invalid entry name "{os.fsdecode(entry.name)}"')
        if not name:
            if entry.kind != "dir":
                raise self._refused("directory", b".", "non-directory")
            if entry.name.startswith(b"/") or not entry.name:  # "." stands for what is in it: the directory stays
                self._directory_attributes(os.dup(self._root), entry)
                self._times.append((b"", entry.mtime))
            return
        above, _, last = name.rpartition(b"/")
        parent = self._parent(above)
        if entry.kind == "dir":
            self._directory(parent, last, name, entry)
            return
        try:
            self._make(reader, entry, parent, last)
        except FileExistsError:
            if stat.S_ISDIR(os.lstat(last, dir_fd=parent).st_mode):
                raise self._refused("directory", name, "non-directory") from None
            try:
                os.unlink(last, dir_fd=parent)
            except OSError as e:  # a mount point, say: /etc/hosts
                raise Invalid(f"RemoveAll {os.fsdecode(name)}: {reason(e)}") from None
            self._make(reader, entry, parent, last)

    def _refused(self, what: str, name: bytes, other: str) -> Invalid:
        return Invalid(f'cannot overwrite {what} "{os.fsdecode(name)}" with {other} "{self._path}"')

    def _parent(self, above: bytes) -> int:
        """The open directory ``above``; it stays open for the next members. It is made where it is missing."""
        fd = self._open.get(above)
        if fd is not None:
            return fd
        fd = makedirs_in_root(self._root, above) if above else os.dup(self._root)
        if len(self._open) >= _CACHED:
            os.close(self._open.pop(next(iter(self._open))))
        self._open[above] = fd
        return fd

    def _directory(self, parent: int, last: bytes, name: bytes, entry: Entry) -> None:
        try:
            os.mkdir(last, 0o700, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(last, dir_fd=parent).st_mode):
                raise self._refused("non-directory", name, "directory") from None
        self._directory_attributes(os.open(last, DIRECTORY, dir_fd=parent), entry)
        self._times.append((name, entry.mtime))

    def _directory_attributes(self, fd: int, entry: Entry) -> None:
        try:
            self._describe(fd, entry, times=False)
        finally:
            os.close(fd)

    def _directory_time(self, name: bytes, mtime: int) -> None:
        mtime = _bounded(mtime)
        if not name:
            os.utime(self._root, ns=(mtime, mtime))
            return
        above, _, last = name.rpartition(b"/")
        os.utime(last, ns=(mtime, mtime), dir_fd=self._parent(above), follow_symlinks=False)

    def _make(self, reader: Reader, entry: Entry, parent: int, last: bytes) -> None:
        if entry.kind == "file":
            fd = os.open(last, _NEW, entry.mode & 0o777, dir_fd=parent)
            try:
                self._fill(reader, entry, fd)
                self._describe(fd, entry)
            finally:
                os.close(fd)
            return
        if entry.kind == "hardlink":
            self._link(entry, parent, last)
            return  # whose attributes are those of the first
        if entry.kind == "symlink":
            os.symlink(entry.linkname, last, dir_fd=parent)
        else:
            os.mknod(last, _FORMATS[entry.kind] | 0o600, os.makedev(entry.major, entry.minor), dir_fd=parent)
        uid, gid = self._owner or (entry.uid, entry.gid)
        if self._own:
            os.chown(last, uid, gid, dir_fd=parent, follow_symlinks=False)
        if entry.kind != "symlink":
            os.chmod(last, entry.mode, dir_fd=parent)
        mtime = _bounded(entry.mtime)
        os.utime(last, ns=(mtime, mtime), dir_fd=parent, follow_symlinks=False)

    def _link(self, entry: Entry, parent: int, last: bytes) -> None:
        target = _normal(entry.linkname)
        if not target:
            raise Invalid(f'invalid hardlink target "{os.fsdecode(entry.linkname)}"')
        above, _, first = target.rpartition(b"/")
        os.link(first, last, src_dir_fd=self._parent(above), dst_dir_fd=parent, follow_symlinks=False)

    def _fill(self, reader: Reader, entry: Entry, fd: int) -> None:
        at = entry.data
        if entry.sparse is None:
            self._run(reader, entry, fd, (at, entry.size))
            return
        for offset, length in entry.sparse:
            os.lseek(fd, offset, os.SEEK_SET)
            at = self._run(reader, entry, fd, (at, length))
        os.ftruncate(fd, entry.size)

    def _run(self, reader: Reader, entry: Entry, fd: int, piece: tuple[int, int]) -> int:
        """Write ``piece`` (offset, length) of the archive to ``fd``; the offset behind it."""
        at, left = piece
        buffer = self._buffer
        while left:
            n = reader.data_into(entry, at, buffer[:left] if left < PIECE else buffer)
            if not n:
                raise Corrupt(f"unexpected EOF: {os.fsdecode(entry.name)} is cut short in the archive")
            _write(fd, buffer[:n])
            at += n
            left -= n
        return at

    def _describe(self, fd: int, entry: Entry, *, times: bool = True) -> None:
        """Owner first (it drops set-user-id bits and capabilities), times last."""
        if self._own:
            uid, gid = self._owner or (entry.uid, entry.gid)
            os.fchown(fd, uid, gid)
        for key, data in entry.xattrs.items():
            try:
                os.setxattr(fd, key, data)
            except PermissionError:
                pass  # as docker: a user namespace without the right to
        os.fchmod(fd, entry.mode)
        if times:
            mtime = _bounded(entry.mtime)
            os.utime(fd, ns=(mtime, mtime))


def _normal(name: bytes) -> bytes | None:
    """A member's name as a path below the root, "" for the root itself; None if it leads out, or is no name."""
    found = os.path.normpath(name.lstrip(b"/") or b".")
    if found == b".":
        return b""
    return None if found == b".." or found.startswith(b"../") or b"\0" in found else found


def _bounded(mtime: int) -> int:
    return mtime if 0 <= mtime // 10**9 < MOST_SECONDS else 0


def _write(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _explained(e: OSError, name: str) -> Error:
    kind = Denied if e.errno in (errno.EPERM, errno.EACCES) else Invalid
    return kind(f"{name}: {reason(e)}")
