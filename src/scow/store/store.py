"""The store of one ROOT, its parts joined. This is the one place that opens ``scow.db``."""

from __future__ import annotations

import os

from scow.oci.lazy import lazy
from scow.store import paths as tree
from scow.store.paths import Paths
from scow.store.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from scow.store.content import Content
    from scow.store.leases import Lease, Leases
    from scow.store.local import Local
    from scow.store.snapshots import Snapshotter


class Store:
    """Everything this machine keeps. A context manager; parts load when they are first used."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.state = State(paths.database)

    @lazy
    def content(self) -> Content:
        """Blobs by digest."""
        from scow.store.content import Content

        return Content(self.paths, self.layers)

    @lazy
    def layers(self) -> Snapshotter:
        """Layers, and the snapshots that stand on them."""
        from scow.store.snapshots import Snapshotter

        return Snapshotter(self.paths)

    @lazy
    def leases(self) -> Leases:
        """What work under way keeps alive."""
        from scow.store.leases import Leases

        return Leases(self.paths)

    def local(self, lease: Lease | None = None) -> Local:
        """The images here as a Source and Sink; under ``lease``, all that it is asked for stays alive."""
        from scow.store.local import Local

        return Local(self.paths, self.content.under(lease) if lease else self.content, self.state)

    def close(self) -> None:
        """Close the database; harmless when done already."""
        self.state.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_store(root: str, run: str) -> Store:
    """Open the store, and make what of its tree is missing. Raises Denied, Invalid or Unsupported, with a hint."""
    paths = Paths(root, run)
    if not os.path.exists(paths.database):
        from scow.store import reserve

        tree.create(paths)
        reserve.ensure(paths)
    elif not os.path.isdir(f"{run}/layers"):
        tree.create_run(paths)
    return Store(paths)
