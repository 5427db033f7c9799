"""Mount points of layers. Apart, because it is all that a layer which is mounted already needs."""

from __future__ import annotations

import errno
import os


def is_mount(point: str) -> bool:
    """Whether something is mounted at ``point``: its device differs from that of the directory it lies in."""
    try:
        return os.lstat(point).st_dev != os.lstat(os.path.dirname(point)).st_dev
    except OSError as e:
        if e.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise
