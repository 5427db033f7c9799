"""Loop devices (loop(4)): a file as a block device, where a file system does not take the file itself."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

LOOP_CONFIGURE = 0x4C0A  # Linux 5.8
LOOP_SET_FD, LOOP_CLR_FD, LOOP_SET_STATUS64 = 0x4C00, 0x4C01, 0x4C04
LOOP_CTL_GET_FREE = 0x4C82
LO_FLAGS_READ_ONLY, LO_FLAGS_AUTOCLEAR, LO_FLAGS_DIRECT_IO = 1, 4, 16
_ATTEMPTS = 64


def attach(path: str, *, read_only: bool = True, direct: bool = False, block_size: int = 0) -> tuple[str, int]:
    """Attach ``path``: (device name, open descriptor). The device goes away with its last user: keep the descriptor
    until it is mounted.

    ``direct`` reads past the page cache of the file; where its file system cannot, buffered reading is what you get.
    """
    mode = os.O_RDONLY if read_only else os.O_RDWR
    backing = os.open(path, mode | os.O_CLOEXEC)
    try:
        for _ in range(_ATTEMPTS):
            device = _free_device()
            fd = os.open(device, mode | os.O_CLOEXEC)
            try:
                _configure(fd, backing, path, (read_only, direct, block_size))
            except OSError as e:
                os.close(fd)
                if e.errno != errno.EBUSY:  # EBUSY: another process took the device between the two calls
                    raise
                continue
            return device, fd
    finally:
        os.close(backing)
    raise OSError(errno.EBUSY, "no free loop device", path)


def _free_device() -> str:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
    finally:
        os.close(control)
    device = f"/dev/loop{number}"
    if not os.path.exists(device):  # a /dev that is no devtmpfs
        os.mknod(device, 0o60660, os.makedev(7, number))
    return device


def _info(path: str, flags: int) -> bytes:
    """struct loop_info64 of the name and the flags; the rest is the kernel's to fill in."""
    name = os.fsencode(path)[:63]
    return struct.pack("=QQQQQIIII64s64s32s2Q", 0, 0, 0, 0, 0, 0, 0, 0, flags, name, b"", b"", 0, 0)


def _configure(fd: int, backing: int, path: str, options: tuple[bool, bool, int]) -> None:
    read_only, direct, block_size = options
    flags = LO_FLAGS_AUTOCLEAR | (LO_FLAGS_READ_ONLY if read_only else 0)
    wanted = [flags | LO_FLAGS_DIRECT_IO, flags] if direct else [flags]
    for attempt in wanted:
        config = struct.pack("=II", backing, block_size) + _info(path, attempt) + bytes(64)
        try:
            fcntl.ioctl(fd, LOOP_CONFIGURE, config)
        except OSError as e:
            if e.errno == errno.EINVAL and attempt != wanted[-1]:
                continue
            if e.errno in (errno.EINVAL, errno.ENOTTY) and not block_size:  # before 5.8
                fcntl.ioctl(fd, LOOP_SET_FD, backing)
                fcntl.ioctl(fd, LOOP_SET_STATUS64, _info(path, attempt & ~LO_FLAGS_READ_ONLY))
                return
            raise OSError(e.errno, f"LOOP_CONFIGURE: {os.strerror(e.errno or 0)}", path) from None
        return


def detach(device: str) -> None:
    """Detach at once, or when the last user closes it; nothing to do if it is free already."""
    fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, LOOP_CLR_FD)
    except OSError as e:
        if e.errno != errno.ENXIO:
            raise
    finally:
        os.close(fd)
