"""What Linux does with files beyond ``os``: cloning, holes, statx, exchanging renames, unnamed files."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct

from scow.kernel.openat import makedirs_in_root, open_in_root, openat2
from scow.kernel.syscall import check, cstring, syscall
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Path = str | bytes

__all__ = [
    "FS_NAMES",
    "Statx",
    "clone",
    "clone_or_copy",
    "copy_range",
    "data_ranges",
    "exchange",
    "fallocate",
    "getxattrs",
    "link_unnamed",
    "makedirs_in_root",
    "mknod",
    "open_in_root",
    "open_unnamed",
    "openat2",
    "punch_hole",
    "rename_noreplace",
    "renameat2",
    "set_times",
    "setxattrs",
    "statfs_type",
    "statx",
]

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_SYMLINK_FOLLOW = 0x400
AT_SYMLINK_NOFOLLOW = 0x100
FICLONE = 0x40049409
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2

FS_NAMES = {
    0xEF53: "ext4",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0x01021994: "tmpfs",
    0x794C7630: "overlay",
    0xE0F5E1E2: "erofs",
    0x6969: "nfs",
    0x65735546: "fuse",
    0x2FC12FC1: "zfs",
    0x73717368: "squashfs",
    0x858458F6: "ramfs",
    0x9FA0: "proc",
    0x62656572: "sysfs",
    0x27E0EB: "cgroup",
    0x63677270: "cgroup2",
    0x6E736673: "nsfs",
    0xF2F52010: "f2fs",
}

_STATX_BASIC, _STATX_BTIME, _STATX_MNT_ID = 0x7FF, 0x800, 0x1000


@value
class Statx:
    """statx(2): times are ns; ``birth`` is None where the file system keeps none; ``attributes`` are STATX_ATTR_*
    bits.
    """

    mode: int
    inode: int
    device: tuple[int, int]
    links: int
    uid: int
    gid: int
    size: int
    blocks: int
    rdev: tuple[int, int]
    mtime: int
    ctime: int
    birth: int | None
    mount: int
    attributes: int


def statx(path: Path, dirfd: int = AT_FDCWD, flags: int = AT_SYMLINK_NOFOLLOW) -> Statx:
    """statx(2) without following the last link; "" with AT_EMPTY_PATH is ``dirfd`` itself."""
    buf = ctypes.create_string_buffer(256)
    check(
        "statx", dirfd, cstring(path), flags, _STATX_BASIC | _STATX_BTIME | _STATX_MNT_ID, ctypes.byref(buf), path=path
    )
    mask, _, attrs, links, uid, gid, mode, inode, size, blocks, _ = struct.unpack_from("=IIQIIIH2xQQQQ", buf)
    _, _, birth, birth_ns, ctime, ctime_ns, mtime, mtime_ns = struct.unpack_from("=qI4xqI4xqI4xqI4x", buf, 64)
    rmajor, rminor, major, minor, mount = struct.unpack_from("=IIIIQ", buf, 128)
    return Statx(
        mode,
        inode,
        (major, minor),
        links,
        uid,
        gid,
        size,
        blocks,
        (rmajor, rminor),
        mtime * 10**9 + mtime_ns,
        ctime * 10**9 + ctime_ns,
        birth * 10**9 + birth_ns if mask & _STATX_BTIME else None,
        mount,
        attrs,
    )


def getxattrs(fd: int) -> dict[bytes, bytes]:
    """All extended attributes of an open file; empty where the file system has none."""
    try:
        names = os.listxattr(fd)
    except OSError as e:
        if e.errno in (errno.ENOTSUP, errno.ENOSYS):
            return {}
        raise
    return {os.fsencode(name): os.getxattr(fd, name) for name in names}


def setxattrs(path: Path | int, attrs: dict[bytes, bytes]) -> None:
    """Set extended attributes on an open file or, without following a link, on a path."""
    follow = isinstance(path, int)
    for name, data in attrs.items():
        os.setxattr(path, name, data, follow_symlinks=follow)


def clone(source: int, target: int) -> bool:
    """Share all blocks of ``source`` with the empty file ``target`` (FICLONE); False where that cannot be."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as e:
        if e.errno in (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM):
            return False
        raise
    return True


def copy_range(
    source: int, target: int, count: int, offset: int | None = None, target_offset: int | None = None
) -> int:
    """Copy ``count`` bytes inside the kernel, falling back to read and write; the bytes copied, fewer only at end of
    file.
    """
    done = 0
    while done < count:
        at = None if offset is None else offset + done
        to = None if target_offset is None else target_offset + done
        try:
            n = os.copy_file_range(source, target, count - done, at, to)
        except OSError as e:
            if e.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF):
                raise
            return done + _copy(source, target, count - done, at, to)
        if n == 0:  # the end, or a file of /proc whose size is 0 and whose content is not
            return done + _copy(source, target, count - done, at, to)
        done += n
    return done


def _copy(source: int, target: int, count: int, at: int | None, to: int | None) -> int:
    done = 0
    while done < count:
        size = min(count - done, 1 << 18)
        data = memoryview(os.read(source, size) if at is None else os.pread(source, size, at + done))
        if not data:
            break
        while data:
            n = os.write(target, data) if to is None else os.pwrite(target, data, to + done)
            data = data[n:]
            done += n
    return done


def clone_or_copy(source: int, target: int) -> None:
    """Make the empty file ``target`` equal to ``source``: cloned where possible, else copied with its holes."""
    if clone(source, target):
        return
    size = os.fstat(source).st_size
    for start, length in data_ranges(source, size):
        copy_range(source, target, length, start, start)
    os.ftruncate(target, size)


def data_ranges(fd: int, size: int | None = None) -> Iterator[tuple[int, int]]:
    """The (offset, length) of each run of data in a file, holes left out (SEEK_DATA, SEEK_HOLE)."""
    size = os.fstat(fd).st_size if size is None else size
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as e:
            if e.errno == errno.ENXIO:  # a hole to the end
                return
            if e.errno == errno.EINVAL:  # the file system knows no holes
                yield at, size - at
                return
            raise
        at = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        if start >= size:
            return
        yield start, at - start


def mknod(path: Path, mode: int, device: tuple[int, int] = (0, 0), dirfd: int | None = None) -> None:
    """mknod(2) with S_IF* and permission bits in ``mode``; the umask does not apply to the result."""
    os.mknod(path, mode, os.makedev(*device), dir_fd=dirfd)
    os.chmod(path, mode & 0o7777, dir_fd=dirfd)


def renameat2(source: Path, target: Path, flags: int, source_dir: int = AT_FDCWD, target_dir: int = AT_FDCWD) -> None:
    """renameat2(2) with RENAME_* flags."""
    check("renameat2", source_dir, cstring(source), target_dir, cstring(target), flags, path=target)


def rename_noreplace(source: Path, target: Path) -> None:
    """Rename, or FileExistsError if ``target`` is there."""
    renameat2(source, target, RENAME_NOREPLACE)


def exchange(one: Path, other: Path) -> None:
    """Swap two names in one step."""
    renameat2(one, other, RENAME_EXCHANGE)


def statfs_type(path: Path | int) -> int:
    """The magic number of the file system at a path or descriptor (``FS_NAMES`` names the common ones)."""
    buf = ctypes.create_string_buffer(128)
    if isinstance(path, int):
        check("fstatfs", path, ctypes.byref(buf), path=f"fd {path}")
    else:
        check("statfs", cstring(path), ctypes.byref(buf), path=path)
    return int(struct.unpack_from("=q", buf)[0]) & 0xFFFFFFFF


def set_times(path: Path, mtime: int, dirfd: int | None = None) -> None:
    """Set both times of a file, or of a link itself, to ``mtime`` ns."""
    os.utime(path, ns=(mtime, mtime), dir_fd=dirfd, follow_symlinks=False)


def open_unnamed(directory: Path, mode: int = 0o666) -> int:
    """A writable file without a name in ``directory`` (O_TMPFILE); gone with its last descriptor unless linked."""
    return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode)


def link_unnamed(fd: int, path: Path, dirfd: int = AT_FDCWD) -> None:
    """Give an unnamed file its name; FileExistsError if it is taken."""
    if syscall("linkat", fd, b"", dirfd, cstring(path), AT_EMPTY_PATH) == 0:
        return
    if ctypes.get_errno() == errno.EEXIST:
        raise FileExistsError(errno.EEXIST, "linkat: File exists", os.fsdecode(path))
    # Linking by descriptor alone wants CAP_DAC_READ_SEARCH; by its name in /proc it does not.
    check("linkat", AT_FDCWD, b"/proc/self/fd/%d" % fd, dirfd, cstring(path), AT_SYMLINK_FOLLOW, path=path)


def fallocate(fd: int, offset: int, length: int, flags: int = 0) -> None:
    """fallocate(2) with FALLOC_FL_* flags."""
    check("fallocate", fd, flags, offset, length, path=f"fd {fd}")


def punch_hole(fd: int, offset: int, length: int) -> None:
    """Give the blocks of a range back; it reads as zeros."""
    fallocate(fd, offset, length, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
