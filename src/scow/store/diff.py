"""What a container or build step has changed: its upper directory as a layer's tar, and as ``docker diff`` lists it."""

from __future__ import annotations

import errno
import os
import stat

from scow.errors import Invalid, Unavailable, Unsupported
from scow.kernel.files import data_ranges
from scow.kernel.openat import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from scow.store.tree import Found, Info, Tree, child, children
from scow.wire.tar import Entry, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Out(Protocol):
        """Where a tar goes."""

        def write(self, data: bytes | memoryview, /) -> object: ...  # noqa: D102


SPARSE_HOLES = 1 << 20
"""A file is written as sparse if its holes add up to this: small ones depend on the file system, and would make the
bytes of a layer depend on it too."""

_WHITEOUT, _OPAQUE = b".wh.", b".wh..wh..opq"
_MARKS = ("trusted.overlay.", "user.overlay.")
_HOST = "security."  # labels are the machine's, not the image's
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_XATTRS = (errno.ENOTSUP, errno.ENOSYS)


def diff(
    upper: str,
    out: Out,
    *,
    epoch: int | None = None,
    userxattr: bool = False,
    skip: frozenset[bytes] = frozenset(),
) -> None:
    """Write the tar of a layer with all that is in the directory ``upper``, deletions in the form of the OCI layers.

    Directories come before what is in them, whiteouts before their siblings, names in byte order; nothing but the files
    themselves decides the bytes. ``epoch`` (seconds) is the latest modification time that is written. Sockets are left
    out, as docker does. Unavailable if a file changes while it is read; Invalid for names that a layer cannot hold.
    ``userxattr``: the overlay was mounted so. ``skip`` are paths (``etc/hosts``) that are left out with all below them.
    """
    writer = Writer(out, sparse=True)
    walk = _Walk(upper, writer, epoch, "user.overlay." if userxattr else "trusted.overlay.")
    walk.skip = skip
    walk.run()
    writer.close()


class _Walk:
    """The walk over an upper directory, by descriptors: a running container may change it at any moment."""

    def __init__(self, upper: str, writer: Writer, epoch: int | None, mark: str) -> None:
        self._upper = upper
        self._writer = writer
        self._latest = None if epoch is None else epoch * 10**9
        self._mark = mark
        self._first: dict[tuple[int, int], bytes] = {}
        self.skip: frozenset[bytes] = frozenset()

    def run(self) -> None:
        root = os.open(self._upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            pending = [b""]
            while pending:
                path = pending.pop()
                fd = root if not path else _open_below(root, path)
                if fd is None:
                    continue
                try:
                    pending += reversed(self._directory(fd, path))
                finally:
                    if path:
                        os.close(fd)
        finally:
            os.close(root)

    def _directory(self, fd: int, path: bytes) -> list[bytes]:
        """Write a directory's own entry (not the root's, which is no part of a layer), and what is in it but
        directories; the paths of these are returned.

        Directories follow after the files of their parent, each with all of its own: still parents first.
        """
        self._own_entry(fd, path)
        above = path + b"/" if path else b""
        found: list[tuple[bytes, os.stat_result]] = []
        gone: list[bytes] = []
        deeper: list[bytes] = []
        for name in sorted(map(os.fsencode, os.listdir(fd))):
            status = None if above + name in self.skip else _lstat(name, fd)
            if status is None:
                continue
            if name.startswith(_WHITEOUT):
                raise Invalid(
                    f"{_shown(above + name)} cannot be kept in a layer: names that begin with .wh. mark deletions",
                    hint="rename or remove the file",
                )
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                gone.append(name)
            elif stat.S_ISDIR(status.st_mode):
                deeper.append(above + name)
            else:
                found.append((name, status))
        for name in gone:
            self._writer.add(Entry(above + _WHITEOUT + name, "file", 0o600))
        for name, status in found:
            self._file(fd, name, above + name, status)
        return deeper

    def _own_entry(self, fd: int, path: bytes) -> None:
        attributes = self._xattrs(fd, path)
        mark = attributes.pop(self._mark.encode() + b"opaque", b"")
        if path:
            s = os.fstat(fd)
            self._writer.add(self._entry(path, "dir", s, attributes))
        if mark == b"y":
            self._writer.add(Entry(path + b"/" + _OPAQUE if path else _OPAQUE, "file", 0o600))

    def _file(self, directory: int, name: bytes, path: bytes, s: os.stat_result) -> None:
        kind = s.st_mode
        if stat.S_ISSOCK(kind):
            return
        if s.st_nlink > 1:
            first = self._first.setdefault((s.st_dev, s.st_ino), path)
            if first != path:
                self._writer.add(self._entry(path, "hardlink", s, {}, linkname=first))
                return
        if stat.S_ISREG(kind):
            self._regular(directory, name, path)
            return
        attributes = self._xattrs(b"/proc/self/fd/%d/%b" % (directory, name), path)
        if stat.S_ISLNK(kind):
            target = os.fsencode(os.readlink(name, dir_fd=directory))
            self._writer.add(self._entry(path, "symlink", s, attributes, linkname=target))
        elif stat.S_ISFIFO(kind):
            self._writer.add(self._entry(path, "fifo", s, attributes))
        else:
            entry = self._entry(path, "char" if stat.S_ISCHR(kind) else "block", s, attributes)
            self._writer.add(entry._replace(major=os.major(s.st_rdev), minor=os.minor(s.st_rdev)))

    def _regular(self, directory: int, name: bytes, path: bytes) -> None:
        try:
            fd = os.open(name, _FLAGS, dir_fd=directory)
        except FileNotFoundError:
            return
        try:
            s = os.fstat(fd)
            if not stat.S_ISREG(s.st_mode):
                raise Unavailable(f"{_shown(path)} became another kind of file while it was read")
            entry = self._entry(path, "file", s, self._xattrs(fd, path))._replace(size=s.st_size)
            if s.st_size - 512 * s.st_blocks >= SPARSE_HOLES:
                entry = entry._replace(sparse=tuple(data_ranges(fd, s.st_size)))
                os.lseek(fd, 0, os.SEEK_SET)
            self._writer.add(entry, fd)
        finally:
            os.close(fd)

    def _entry(
        self, path: bytes, kind: str, s: os.stat_result, attributes: dict[bytes, bytes], linkname: bytes = b""
    ) -> Entry:
        mtime = s.st_mtime_ns if self._latest is None else min(s.st_mtime_ns, self._latest)
        return Entry(path, kind, s.st_mode & 0o7777, s.st_uid, s.st_gid, 0, mtime, linkname, xattrs=attributes)

    def _xattrs(self, where: int | bytes, path: bytes) -> dict[bytes, bytes]:
        """What a layer keeps of a file's attributes, and overlay's mark of opacity."""
        follow = isinstance(where, int)
        try:
            names = os.listxattr(where, follow_symlinks=follow)
        except OSError as e:
            if e.errno in _NO_XATTRS:
                return {}
            raise
        kept = {}
        for name in names:
            if name.startswith(_MARKS):
                if name in (self._mark + "metacopy", self._mark + "redirect"):
                    raise Unsupported(f"{_shown(path)} is no whole copy: its overlay was mounted by something else")
                if name != self._mark + "opaque":
                    continue
            elif name.startswith(_HOST) and name != "security.capability":
                continue
            kept[os.fsencode(name)] = os.getxattr(where, name, follow_symlinks=follow)
        return kept


def _open_below(root: int, path: bytes) -> int | None:
    try:
        return openat2(root, path, os.O_RDONLY | os.O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    except OSError as e:
        if e.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):  # gone, or replaced, while the walk went on
            return None
        if e.errno == errno.ENAMETOOLONG:
            raise Invalid(f"{_shown(path[:200])}... is nested too deeply for a layer") from None
        raise


def _lstat(name: bytes, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _shown(path: bytes) -> str:
    return "/" + path.decode("utf-8", "backslashreplace")


def changes(upper: Tree, lower: Tree) -> list[tuple[str, str]]:
    """(kind, path) of each difference as ``docker diff`` lists them, sorted by path: A added, C changed, D deleted.

    As docker does it, a file counts as changed if owner, mode, device, size or modification time differ, a directory if
    owner or mode differ or anything in it changed, and what a deleted directory held is not listed. ``upper`` is the
    tree of the upper directory alone (whiteouts visible), ``lower`` that of all below it.
    """
    found: dict[bytes, str] = {}
    both: set[bytes] = set()  # directories that are in both trees
    pending: list[tuple[Found, Found | None, bytes]] = [(upper.root, lower.root, b"")]
    while pending:
        pending += _compare(*pending.pop(), found, both)
    for path in list(found):
        above = path.rpartition(b"/")[0]
        while above in both and above not in found:
            found[above] = "C"
            above = above.rpartition(b"/")[0]
    return [(kind, os.fsdecode(path)) for path, kind in sorted(found.items())]


def _compare(
    top: Found, below: Found | None, path: bytes, found: dict[bytes, str], both: set[bytes]
) -> list[tuple[Found, Found | None, bytes]]:
    """Compare the names in one directory; the directories in it, to be compared next."""
    level, handle = top.places[0]
    deeper: list[tuple[Found, Found | None, bytes]] = []
    names = set()
    for name, place in level.names(handle):
        info = level.info(place)
        names.add(name)
        old = child(below, name) if below is not None else None
        full = path + b"/" + name
        if info.whiteout:
            if old is not None:
                found[full] = "D"
            continue
        if old is None:
            found[full] = "A"
        elif _differs(info, old.info):
            found[full] = "C"
        if info.kind == "dir":
            if old is not None and old.info.kind == "dir":
                both.add(full)
            else:
                old = None
            deeper.append((Found(info, [(level, place)]), old, full))
    if below is not None and level.opaque(handle):
        found.update({path + b"/" + name: "D" for name, _ in children(below) if name not in names})
    return deeper


def _differs(new: Info, old: Info) -> bool:
    if (new.mode, new.uid, new.gid, new.device) != (old.mode, old.uid, old.gid, old.device):
        return True
    return new.kind != "dir" and (new.mtime, new.size) != (old.mtime, old.size)
