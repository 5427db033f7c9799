"""A file that takes some space while there is some, so that what frees space works on a full disk too.

SQLite needs a few pages even to read, and so do locks and leases: on a disk with nothing left, ``images``, ``rmi`` and
``prune`` would fail for want of space. Whoever finds no space for the database gives the reserve away; collection makes
it again when there is room.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.paths import Paths

NAME = "reserve"
SIZE = 512 << 10
LOW = 1 << 20
"""The reserve is given away when less than this is free."""
PLENTY = 16 << 20
"""It is made again when at least this is."""


def release(root: str) -> bool:
    """Give the reserve away if the disk is as good as full; whether there is more space now."""
    try:
        if _free(root) >= LOW:
            return False
        os.unlink(f"{root}/{NAME}")
    except OSError:
        return False
    return True


def ensure(paths: Paths) -> None:
    """Make the reserve if it is not there and there is room for it."""
    try:
        path = f"{paths.root}/{NAME}"
        if os.path.exists(path) or _free(paths.root) < PLENTY:
            return
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, SIZE)
        finally:
            os.close(fd)
    except OSError:  # it is there for convenience: a store without it is a good store
        return


def _free(root: str) -> int:
    status = os.statvfs(root)
    return status.f_bavail * status.f_frsize
