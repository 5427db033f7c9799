"""Loop devices (loop(4)), for kernels whose EROFS mounts block devices only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct

from scow.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CTL_GET_FREE, _CONFIGURE, _CLR_FD = 0x4C82, 0x4C0A, 0x4C01
_READ_ONLY, _AUTOCLEAR, _DIRECT_IO = 1, 4, 16
_ATTEMPTS = 64
_BUSY = (errno.EBUSY, errno.ENXIO, errno.ENOENT)


@contextlib.contextmanager
def attached(path: str, *, direct: bool) -> Iterator[str]:
    """A read-only loop device of ``path`` with 512-byte sectors. It goes away with its last user: the mount that was
    made in the block, or the block itself.
    """
    backing = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        device, fd = _configure(backing, path, direct)
    finally:
        os.close(backing)
    try:
        yield device
    finally:
        os.close(fd)


def _configure(backing: int, path: str, direct: bool) -> tuple[str, int]:
    try:
        control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    except OSError as e:
        raise Unavailable(f"open /dev/loop-control: {e.strerror}", hint="load the loop module") from e
    try:
        for _ in range(_ATTEMPTS):
            device = f"/dev/loop{fcntl.ioctl(control, _CTL_GET_FREE)}"
            try:
                fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as e:
                if e.errno in _BUSY:
                    continue
                raise
            try:
                _set(fd, backing, path, direct)
                return device, fd
            except OSError as e:
                os.close(fd)
                if e.errno not in _BUSY:  # somebody else took it in between
                    raise
    finally:
        os.close(control)
    raise Unavailable("no free loop device")


def _set(fd: int, backing: int, path: str, direct: bool) -> None:
    """LOOP_CONFIGURE (Linux 5.8): struct loop_config is the descriptor, the block size and a loop_info64."""
    flags = _READ_ONLY | _AUTOCLEAR | (_DIRECT_IO if direct else 0)
    name = os.fsencode(path)[-63:]
    info = struct.pack("=QQQQQIIII64s64s32sQQ", 0, 0, 0, 0, 0, 0, 0, 0, flags, name, b"", b"", 0, 0)
    try:
        fcntl.ioctl(fd, _CONFIGURE, struct.pack("=II", backing, 512) + info + bytes(64))
    except OSError as e:
        if not direct or e.errno != errno.EINVAL:
            raise
        _set(fd, backing, path, direct=False)
