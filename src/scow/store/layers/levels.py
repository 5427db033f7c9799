"""The layers of a stack as ``tree.Tree`` reads them: an EROFS index with its tar, or a directory."""

from __future__ import annotations

import errno
import io
import os
import stat

from scow.errors import Corrupt, Invalid, NotFound
from scow.kernel.openat import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from scow.store.erofs.reader import Extent, Index, Inode
from scow.store.tree import Info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from _typeshed import WriteableBuffer

    Handle = Any


class ErofsLevel:
    """A layer in EROFS form, read from its files; handles are inodes."""

    def __init__(self, index: str, tar: str) -> None:
        fd = _open_file(index)
        try:
            self._index = Index(fd)
        finally:
            os.close(fd)
        self._paths = (index, tar)

    def root(self) -> Inode:
        """The root's inode."""
        return self._index.inode(self._index.root)

    def child(self, directory: Inode, name: bytes) -> Inode | None:
        """What has a name in a directory."""
        if directory.mode >> 12 != 0o4:
            return None
        nid = self._index.find(directory, name)
        return None if nid is None else self._index.inode(nid)

    def names(self, directory: Inode) -> Iterator[tuple[bytes, Inode]]:
        """All of a directory."""
        if directory.mode >> 12 == 0o4:
            for name, nid in self._index.names(directory):
                yield name, self._index.inode(nid)

    def info(self, handle: Inode) -> Info:
        """Its attributes."""
        i = handle
        target = self._index.target(i) if i.mode >> 12 == 0o12 else b""
        device = (i.rdev >> 8 & 0xFFF, i.rdev & 0xFF | i.rdev >> 12 & 0xFFF00)
        size = i.size if i.mode >> 12 != 0o4 else 0
        return Info(i.mode, i.uid, i.gid, size, i.mtime, i.links, device, target, (id(self), i.nid))

    def xattrs(self, handle: Inode) -> dict[bytes, bytes]:
        """Its extended attributes."""
        return self._index.xattrs(handle) if handle.tail > handle.attributes else {}

    def opaque(self, handle: Inode) -> bool:
        """Whether a directory hides what lower layers have at its path."""
        return self.xattrs(handle).get(b"trusted.overlay.opaque") == b"y"

    def open(self, handle: Inode) -> BinaryIO:
        """Its data."""
        extents = self._index.extents(handle)
        devices = {e.device for e in extents if e.device >= 0}
        files = {device: _open_file(self._paths[device]) for device in devices}
        return io.BufferedReader(_Extents(files, extents, handle.size), 1 << 16)

    def close(self) -> None:
        """Let go of the index; open files stay readable."""
        self._index.close()


class _Extents(io.RawIOBase):
    """A file put together from pieces of others; closes those with itself."""

    def __init__(self, files: dict[int, int], extents: list[Extent], size: int) -> None:
        self._files = files
        self._extents = extents
        self._size = size
        self._at = 0
        self._number = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        self._number = 0
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._at >= self._size:
            return 0
        while self._at >= self._extents[self._number].offset + self._extents[self._number].length:
            self._number += 1
        piece = self._extents[self._number]
        inside = self._at - piece.offset
        view = memoryview(buffer).cast("B")[: piece.length - inside]
        if piece.device < 0:
            view[:] = bytes(len(view))
            n = len(view)
        else:
            n = os.preadv(self._files[piece.device], [view], piece.start + inside)
            if n == 0 and view:
                raise Corrupt("layer tar is shorter than its index says")
        self._at += n
        return n

    def close(self) -> None:
        if not self.closed:
            super().close()
            for fd in self._files.values():
                os.close(fd)


class DirectoryLevel:
    """A directory: a layer in directory form, or the upper directory of a snapshot. Handles are paths below it.

    ``userxattr`` says whose marks count: those that a rootless overlay makes, or those that only root can.
    """

    def __init__(self, directory: str, *, userxattr: bool) -> None:
        self._mark = b"user.overlay.opaque" if userxattr else b"trusted.overlay.opaque"
        try:
            self._root = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"{directory} is not here") from None

    def root(self) -> bytes:
        """The directory itself."""
        return b"."

    def child(self, directory: bytes, name: bytes) -> bytes | None:
        """What has a name in a directory."""
        path = directory + b"/" + name
        try:
            os.close(self._open(path, os.O_PATH | os.O_NOFOLLOW))
        except OSError as e:
            if e.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise
        return path

    def names(self, directory: bytes) -> list[tuple[bytes, bytes]]:
        """All of a directory."""
        try:
            fd = self._open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except NotADirectoryError:
            return []
        try:
            return [(name, directory + b"/" + name) for name in sorted(map(os.fsencode, os.listdir(fd)))]
        finally:
            os.close(fd)

    def info(self, handle: bytes) -> Info:
        """Its attributes."""
        fd = self._open(handle, os.O_PATH | os.O_NOFOLLOW)
        try:
            s = os.fstat(fd)
            target = os.fsencode(os.readlink(b"", dir_fd=fd)) if stat.S_ISLNK(s.st_mode) else b""
        finally:
            os.close(fd)
        device = (os.major(s.st_rdev), os.minor(s.st_rdev))
        size = s.st_size if not stat.S_ISDIR(s.st_mode) else 0
        identity = (s.st_dev, s.st_ino)
        return Info(s.st_mode, s.st_uid, s.st_gid, size, s.st_mtime_ns, s.st_nlink, device, target, identity)

    def xattrs(self, handle: bytes) -> dict[bytes, bytes]:
        """Its extended attributes."""
        fd = self._open(handle, os.O_PATH | os.O_NOFOLLOW)
        try:
            if stat.S_ISLNK(os.fstat(fd).st_mode):
                return {}
            path = f"/proc/self/fd/{fd}"
            return {os.fsencode(name): os.getxattr(path, name) for name in os.listxattr(path)}
        finally:
            os.close(fd)

    def opaque(self, handle: bytes) -> bool:
        """Whether a directory hides what lower layers have at its path."""
        fd = self._open(handle, os.O_PATH | os.O_NOFOLLOW)
        try:
            return os.getxattr(f"/proc/self/fd/{fd}", self._mark) == b"y"
        except OSError as e:
            if e.errno in (errno.ENODATA, errno.ENOTSUP):
                return False
            raise
        finally:
            os.close(fd)

    def open(self, handle: bytes) -> BinaryIO:
        """Its data."""
        return os.fdopen(self._open(handle, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")

    def _open(self, path: bytes, flags: int) -> int:
        try:
            return openat2(self._root, path, flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
        except OSError as e:
            if e.errno == errno.ENAMETOOLONG:
                raise Invalid(f"/{os.fsdecode(path[2:80])}... is nested too deeply") from None
            raise

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._root)


def _open_file(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"{path} is not here") from None
