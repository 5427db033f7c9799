"""Writing a layer's tree out as directories and files.

The tree is already judged (``assemble``) and the target is a new directory of ours, so no name is ever looked up
through a link: each file is made, exclusively, in the open descriptor of its directory. The walk goes down by name and
up by ``..``, so that depth costs no descriptors.
"""

from __future__ import annotations

import errno
import os
import stat

from scow.errors import Denied, Unsupported
from scow.kernel.files import copy_range
from scow.store.layers.nodes import BLOCK, CHARACTER, FILE, LINK, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from scow.store.layers.split import Gap

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MISSING_RIGHT = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP)


class Unpacker:
    """Writes trees from the tar ``tar`` below new directories.

    Without ``full`` rights (rootless) overlay's marks are ``user.overlay.*``, and what only the machine's root may make
    is left out and counted in ``skipped``: device nodes, attributes other than ``user.*``.
    """

    def __init__(self, tar: int, *, full: bool) -> None:
        self._tar = tar
        self._full = full
        self._namespace = b"trusted" if full else b"user"
        self._first: dict[Node, bytes] = {}
        self._root = self._at = -1  # the new tree's root, and the directory that is being filled
        self.gaps: list[Gap] = []
        """Where in the tar the data lies that is now in files, by path."""
        self.skipped = 0

    def write(self, root: Node, directory: str) -> None:
        """Write ``root`` (names sorted: ``nodes.walk``) as the new directory ``directory``."""
        os.mkdir(directory, 0o700)
        self._root = os.open(directory, _FLAGS)
        try:
            self._at = os.dup(self._root)
            try:
                self._walk(root)
                self._finish(root, is_root=True)
            finally:
                os.close(self._at)
        finally:
            os.close(self._root)
        self.gaps.sort()

    def _walk(self, root: Node) -> None:
        """Fill the directory ``_at`` and those below it."""
        trail: list[tuple[Node, Iterator[tuple[bytes, Node]], int]] = []
        assert root.children is not None
        node, names, path = root, iter(root.children.items()), b""
        while True:
            for name, child in names:
                if child.children is None:
                    self._make(child, name, path)
                    continue
                os.mkdir(name, 0o700, dir_fd=self._at)
                self._move(name)
                trail.append((node, names, len(path)))
                node, names, path = child, iter(child.children.items()), path + name + b"/"
                break
            else:
                if not trail:
                    return
                self._finish(node)
                node, names, length = trail.pop()
                path = path[:length]
                self._move(b"..")

    def _move(self, name: bytes) -> None:
        """From the directory ``_at`` to ``name`` in it."""
        there = os.open(name, _FLAGS, dir_fd=self._at)
        os.close(self._at)
        self._at = there

    def _finish(self, node: Node, *, is_root: bool = False) -> None:
        """Attributes of a directory, once nothing will be made in it any more."""
        attributes = dict(node.xattrs or {})
        if node.opaque:
            attributes[self._namespace + b".overlay.opaque"] = b"y"
        assert node.children is not None
        if not is_root and any(child.whiteout for child in node.children.values()):
            attributes[self._namespace + b".overlay.origin"] = b""  # as erofs.layout explains
        self._describe(node, self._at, attributes)

    def _make(self, node: Node, name: bytes, path: bytes) -> None:
        if node.links > 1:
            first = self._first.setdefault(node, path + name)
            if first is not None and first != path + name:
                self._link(first, name)
                return
        kind = node.mode >> 12
        if kind == FILE:
            fd = os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._at
            )
            try:
                self._fill(node, fd, path + name)
                self._describe(node, fd, node.xattrs or {})
            finally:
                os.close(fd)
            return
        if kind == LINK:
            assert node.target is not None
            os.symlink(node.target, name, dir_fd=self._at)
        elif not self._special(node, kind, name):
            return
        self._describe_by_name(node, name)

    def _special(self, node: Node, kind: int, name: bytes) -> bool:
        """A device, fifo or whiteout; False if that is not allowed and was left out."""
        device = os.makedev(node.rdev >> 8 & 0xFFF, node.rdev & 0xFF | node.rdev >> 12 & 0xFFF00)
        try:
            os.mknod(name, node.mode, device, dir_fd=self._at)
        except PermissionError as e:
            if self._full:
                raise Denied(f"mknod {os.fsdecode(name)}: {e.strerror}") from e
            if node.whiteout:
                hint = "Linux 5.8 and a file system that allows it in a user namespace are needed"
                raise Unsupported(f"cannot mark {os.fsdecode(name)} as deleted: {e.strerror}", hint) from e
            if kind not in (CHARACTER, BLOCK):
                raise
            self.skipped += 1
            self._first.pop(node, None)
            return False
        return True

    def _link(self, first: bytes, name: bytes) -> None:
        try:
            os.link(first, name, src_dir_fd=self._root, dst_dir_fd=self._at, follow_symlinks=False)
        except OSError as e:
            if e.errno in (errno.EMLINK, errno.ENAMETOOLONG):
                raise Unsupported(f"hard link {os.fsdecode(name)}: {e.strerror}") from e
            raise

    def _fill(self, node: Node, fd: int, path: bytes) -> None:
        """A file's data, and the gap that it fills in the tar."""
        source = node.data
        for offset, length in ((0, node.size),) if node.sparse is None else node.sparse:
            if length:
                copy_range(self._tar, fd, length, source, offset)
                self.gaps.append((source, length, offset, path))
            source += length
        if node.sparse is not None:
            os.ftruncate(fd, node.size)

    def _describe(self, node: Node, fd: int, attributes: dict[bytes, bytes]) -> None:
        """Owner first (it drops set-user-id bits and capabilities), times last."""
        if node.uid or node.gid or not self._full:
            self._own(node, lambda: os.fchown(fd, node.uid, node.gid))
        os.fchmod(fd, stat.S_IMODE(node.mode))
        for name, data in attributes.items():
            self._attribute(fd, name, data)
        os.utime(fd, ns=(node.mtime, node.mtime))

    def _describe_by_name(self, node: Node, name: bytes) -> None:
        at = self._at
        if node.uid or node.gid or not self._full:
            self._own(node, lambda: os.chown(name, node.uid, node.gid, dir_fd=at, follow_symlinks=False))
        if node.target is None:
            os.chmod(name, stat.S_IMODE(node.mode), dir_fd=at)
        for key, data in (node.xattrs or {}).items():
            self._attribute(b"/proc/self/fd/%d/%b" % (at, name), key, data)
        os.utime(name, ns=(node.mtime, node.mtime), dir_fd=at, follow_symlinks=False)

    def _own(self, node: Node, chown: object) -> None:
        try:
            chown()  # type: ignore[operator]
        except OSError as e:
            if e.errno not in (errno.EINVAL, errno.EPERM):
                raise
            hint = "give the user more subordinate ids in /etc/subuid and /etc/subgid"
            raise Denied(f"layer has files of {node.uid}:{node.gid}, which this user may not make", hint) from e

    def _attribute(self, where: int | bytes, name: bytes, data: bytes) -> None:
        try:
            os.setxattr(where, name, data, follow_symlinks=isinstance(where, int))
        except OSError as e:
            if e.errno in _MISSING_RIGHT and not (self._full and e.errno == errno.EPERM):
                self.skipped += 1
            elif e.errno in (errno.ENOSPC, errno.E2BIG, errno.ERANGE):
                raise Unsupported(f"extended attribute {os.fsdecode(name)}: {e.strerror}") from e
            else:
                raise
