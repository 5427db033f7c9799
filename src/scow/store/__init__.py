"""What a machine keeps: content, layers, snapshots and the database of images, containers, networks and volumes.

paths, locks, state, migrations                        the tree on disk, kernel locks, SQLite
blobs, content, local                                  bytes by digest; the same with names, as an end of ``copy``
images, containers, networks, volumes, events,         one table each: typed rows, functions over ``State``
usage, buildcache
layers, erofs, snapshots, overlay, diff, tree          layers as the kernel mounts them
leases, gc, check                                      what keeps things alive, what removes them, what is wrong
filedigests                                            digests of files that have not changed
archive                                                docker save and OCI layouts, read and written

``open_store`` is the one place that joins them. Nothing is imported here before it is called.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.store import Store


def open_store(root: str, run: str) -> Store:
    """The store under ``root`` and ``run``, made if it is not there (see ``scow.store.store``)."""
    from scow.store.store import open_store as open_

    return open_(root, run)
