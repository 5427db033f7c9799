"""Volumes of containers: ROOT/volumes/<name>/_data, made when a container first names them."""

from __future__ import annotations

import os
import time

from scow.store import locks
from scow.store import volumes as rows
from scow.store.paths import component
from scow.store.volumes import VolumeRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.paths import Paths
    from scow.store.store import Store

DRIVER = "local"


def directory(paths: Paths, name: str) -> str:
    """The directory of one volume."""
    return f"{paths.root}/volumes/{component(name)}"


def data(paths: Paths, name: str) -> str:
    """What containers see of it."""
    return f"{directory(paths, name)}/_data"


def anonymous_name() -> str:
    """A name for a volume that was given none: 64 hexadecimal digits, as docker's."""
    return os.urandom(32).hex()


def ensure(store: Store, name: str, *, anonymous: bool = False) -> bool:
    """Make the volume if it is not there; whether it was made. Invalid for a bad name."""
    wanted = VolumeRecord(name, DRIVER, time.time_ns(), {}, {"anonymous": True} if anonymous else {})
    made = rows.ensure(store.state, wanted) == wanted
    path = data(store.paths, name)
    if not os.path.isdir(path):
        for one in (f"{store.paths.root}/volumes", os.path.dirname(path), path):
            try:
                os.mkdir(one, 0o755 if one == path else 0o700)
            except FileExistsError:
                pass
    return made


def remove(store: Store, name: str) -> None:
    """Delete a volume and all that is in it. NotFound. The row goes first: what is left then is garbage."""
    from scow.store.gc import remove_tree

    with locks.exclusive(store.paths.lock("volume", name)) as lock:
        rows.remove(store.state, name)
        remove_tree(directory(store.paths, name))
        lock.discard()
