"""Copy-up: a new, empty volume is filled with what the image has where it is mounted.

The target may be the volume of a container that runs, so nothing in it is ever reached by a path: only by descriptors
of directories that were opened without following links, and files that were made new.
"""

from __future__ import annotations

import errno
import os
import stat

from scow.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.tree import Info, Tree

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def fill(tree: Tree, path: str, volume: str) -> None:
    """Copy what is at ``path`` in the image into the directory ``volume``, if that is empty, with owner, mode, time.

    Nothing happens where the image has no directory there. Sockets are left out.
    """
    if os.listdir(volume):
        return
    try:
        top = tree.resolve(path)
        info = tree.stat(top)
    except (NotFound, Invalid):
        return
    if info.kind != "dir":
        return
    _Copy(tree, top.rstrip(b"/"), os.open(volume, _DIRECTORY)).run(info)


class _Copy:
    """One filling."""

    def __init__(self, tree: Tree, top: bytes, fd: int) -> None:
        self._tree = tree
        self._top = top
        self._root = fd
        self._links: dict[object, bytes] = {}

    def run(self, info: Info) -> None:
        """Copy everything, then the attributes of the top."""
        try:
            self._directory(self._top, b"", self._root)
            _attributes(self._root, info, self._tree.xattrs(self._top or b"/"))
        finally:
            os.close(self._root)

    def _directory(self, source: bytes, below: bytes, fd: int) -> None:
        for name, info in self._tree.list(source or b"/").items():
            path = source + b"/" + name
            self._one(path, below + name, fd, info)
            if info.kind == "dir":
                inner = os.open(name, _DIRECTORY, dir_fd=fd)
                try:
                    self._directory(path, below + name + b"/", inner)
                    _attributes(inner, info, self._tree.xattrs(path, follow=False))
                finally:
                    os.close(inner)

    def _one(self, source: bytes, below: bytes, fd: int, info: Info) -> None:
        name = source.rpartition(b"/")[2]
        known = self._links.get(info.identity) if info.links > 1 and info.kind != "dir" else None
        if known is not None:
            os.link(known, below, src_dir_fd=self._root, dst_dir_fd=self._root, follow_symlinks=False)
        elif info.kind == "dir":
            os.mkdir(name, 0o700, dir_fd=fd)
        elif info.kind == "file":
            self._file(source, name, fd, info)
        elif info.kind == "symlink":
            os.symlink(info.target, name, dir_fd=fd)
            os.chown(name, info.uid, info.gid, dir_fd=fd, follow_symlinks=False)
            os.utime(name, ns=(info.mtime, info.mtime), dir_fd=fd, follow_symlinks=False)
        elif info.kind in ("char", "block", "fifo"):
            os.mknod(name, stat.S_IFMT(info.mode) | 0o600, os.makedev(*info.device), dir_fd=fd)
            os.chown(name, info.uid, info.gid, dir_fd=fd, follow_symlinks=False)
            os.chmod(name, stat.S_IMODE(info.mode), dir_fd=fd)  # after chown, which drops set-user-id bits
            os.utime(name, ns=(info.mtime, info.mtime), dir_fd=fd, follow_symlinks=False)
        if info.links > 1 and info.identity is not None:
            self._links.setdefault(info.identity, below)

    def _file(self, source: bytes, name: bytes, fd: int, info: Info) -> None:
        target = os.open(name, _NEW, 0o600, dir_fd=fd)
        with os.fdopen(target, "wb") as out, self._tree.open(source) as data:
            while chunk := data.read(1 << 20):
                out.write(chunk)
            out.flush()
            _attributes(out.fileno(), info, self._tree.xattrs(source, follow=False))


def _attributes(fd: int, info: Info, xattrs: dict[bytes, bytes]) -> None:
    os.fchown(fd, info.uid, info.gid)
    os.fchmod(fd, stat.S_IMODE(info.mode))
    for name, found in xattrs.items():
        try:
            os.setxattr(fd, name, found)
        except OSError as e:
            if e.errno not in (errno.ENOTSUP, errno.EPERM):
                raise
    os.utime(fd, ns=(info.mtime, info.mtime))
