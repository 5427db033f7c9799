"""Mount points of layers. Apart, because it is all that a layer which is mounted already needs."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.oci.digest import Digest
    from scow.store.locks import Lock
    from scow.store.paths import Paths


def is_mount(point: str) -> bool:
    """Whether something is mounted at ``point``: its device differs from that of the directory it lies in."""
    try:
        return os.lstat(point).st_dev != os.lstat(os.path.dirname(point)).st_dev
    except OSError as e:
        if e.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise


def mounting(paths: Paths) -> Lock:
    """The lock of who mounts or unmounts a layer; a context manager."""
    from scow.store import locks

    return locks.exclusive(f"{paths.run}/layers/.lock")


def release(paths: Paths, diff_id: Digest) -> None:
    """Unmount a layer before it is removed; harmless if it is not mounted. An overlay that uses it keeps its hold."""
    point = paths.layer_mount(diff_id)
    if not os.path.isdir(point):
        return
    from scow.kernel.mount import MNT_DETACH, umount

    with mounting(paths):
        while is_mount(point):
            umount(point, MNT_DETACH)
        try:
            os.rmdir(point)
        except FileNotFoundError:
            pass
