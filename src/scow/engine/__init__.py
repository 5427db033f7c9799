"""The engine: docker's verbs over one store. The only room that wires the others together.

``Engine`` is a record of services and holds no logic itself; each service is imported when it is first asked for, so a
command pays only for what it uses.

    with open_engine() as engine:
        engine.images.tag("alpine", "mine:1")
"""

from __future__ import annotations

from scow.oci.lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from scow.engine.builds import Builds
    from scow.engine.containers import Containers
    from scow.engine.images import Images
    from scow.engine.registries import Registries
    from scow.engine.system import System
    from scow.store.store import Store


class Engine:
    """Services over one open store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @lazy
    def images(self) -> Images:
        """Images: list, tag, remove, save, load, import."""
        from scow.engine.images import Images

        return Images(self.store)

    @lazy
    def containers(self) -> Containers:
        """Containers: create, start, exec, stop, remove, commit, export."""
        from scow.engine.containers import Containers

        return Containers(self.store, self.images)

    @lazy
    def builds(self) -> Builds:
        """Builds of Dockerfiles, and the build cache."""
        from scow.engine.builds import Builds

        return Builds(self.store, lambda: self.registries)

    @lazy
    def registries(self) -> Registries:
        """Registries: pull, push, login, logout."""
        from scow.engine.registries import Registries

        return Registries(self.store)

    @lazy
    def system(self) -> System:
        """The store as a whole: info, disk usage, check, reset."""
        from scow.engine.system import System

        return System(self.store, self.images, self.containers)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_engine(root: str | None = None) -> Engine:
    """An engine over the store at ``root`` (None: the user's default); errors: Denied, Corrupt, Unavailable."""
    import os

    from scow.store.paths import default_paths
    from scow.store.store import open_store

    paths = default_paths(os.environ, os.geteuid(), root)
    return Engine(open_store(paths.root, paths.run))
