"""The store as a whole: what it is, what it takes, what is wrong with it, and its end."""

from __future__ import annotations

import os

from scow.store import containers as container_rows
from scow.store import images as image_rows
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from scow.engine.containers import Containers
    from scow.engine.images import Images
    from scow.store.faults import Fault
    from scow.store.store import Store


@value
class Usage:
    """One line of ``system df``; sizes in bytes of what is on disk."""

    kind: str
    total: int
    active: int
    size: int
    reclaimable: int


class System:
    """One store, seen from outside."""

    def __init__(self, store: Store, images: Images, containers: Containers) -> None:
        self.store = store
        self.images = images
        self.containers = containers

    def info(self) -> dict[str, Any]:
        """What ``info`` shows, with docker's field names (Engine API v1.51, SystemInfo) where docker has the field."""
        from scow.engine.hostinfo import host_facts
        from scow.store.layers.probe import describe

        states = self._container_states()
        ability = self.store.layers.layers.ability
        return {
            "ID": "",
            "Containers": len(states),
            "ContainersRunning": states.count("running"),
            "ContainersPaused": states.count("paused"),
            "ContainersStopped": len(states) - states.count("running") - states.count("paused"),
            "Images": len(image_rows.list_all(self.store.state)),
            "Driver": "scow",
            "DriverStatus": [["Layers", describe(ability)]],
            "DockerRootDir": self.store.paths.root,
            "RunDir": self.store.paths.run,
            **host_facts(self.store.paths.root),
        }

    def _container_states(self) -> list[str]:
        from scow.runtime.recovery import state

        found = [state(self.store.paths.container_run(c.id)) for c in container_rows.list_all(self.store.state)]
        return [str(s["status"]) if s else "created" for s in found]

    def disk_usage(self) -> list[Usage]:
        """What images, containers, volumes and the build cache take on disk, and how much of it nobody uses."""
        from scow.store.layers.usage import tree_usage

        paths = self.store.paths
        records = image_rows.list_all(self.store.state)
        containers = container_rows.list_all(self.store.state)
        used = {c.image for c in containers}
        layers = {d.name: tree_usage(d.path) for d in os.scandir(paths.layers) if len(d.name) == 64}
        of_images = {d.hex for r in records for d in r.diff_ids}
        active = {d.hex for r in records if str(r.id) in used for d in r.diff_ids}
        blobs = tree_usage(paths.blobs)
        images = sum(size for name, size in layers.items() if name in of_images) + blobs
        idle = sum(size for name, size in layers.items() if name in of_images - active)
        running = self._container_states()
        sizes = [tree_usage(paths.snapshot(c.id)) if os.path.exists(paths.snapshot(c.id)) else 0 for c in containers]
        stopped = sum(s for s, state in zip(sizes, running, strict=True) if state not in ("running", "paused"))
        cached = sum(size for name, size in layers.items() if name not in of_images) + tree_usage(paths.cache)
        return [
            Usage("Images", len(records), len([r for r in records if str(r.id) in used]), images, idle),
            Usage("Containers", len(containers), running.count("running"), sum(sizes), stopped),
            self._volumes(),
            Usage("Build Cache", self._cache_records(), 0, cached, cached),
        ]

    def _volumes(self) -> Usage:
        from scow.store.layers.usage import tree_usage

        folder = os.path.join(self.store.paths.root, "volumes")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        mounts = [m for c in container_rows.list_all(self.store.state) for m in c.config.get("Mounts") or ()]
        used = {m.get("Name") for m in mounts if m.get("Type") == "volume"}
        sizes = {n: tree_usage(os.path.join(folder, n)) for n in names}
        idle = sum(size for name, size in sizes.items() if name not in used)
        return Usage("Local Volumes", len(names), len(used & set(names)), sum(sizes.values()), idle)

    def _cache_records(self) -> int:
        row = self.store.state.row("SELECT count(*) FROM build_cache")
        return int(row[0]) if row else 0

    def check(self, *, repair: bool = False) -> Sequence[Fault]:
        """Everything that is wrong with the store and with what belongs to it on this host: processes, control groups,
        mounts, addresses. With ``repair`` it is mended as far as it can be.
        """
        from scow.engine import leftovers
        from scow.store.check import check

        return check(self.store, repair=repair, others=leftovers.finders(self.store))

    def prune_cache(self, *, keep: int | None = None, older_than: int | None = None) -> int:
        """``builder prune``: forget build cache records and free what only they held; bytes freed."""
        from scow.store import buildcache

        buildcache.prune(self.store.state, older_than=older_than, keep_bytes=keep)
        return self.images.collect()

    def reset(self) -> None:
        """Stop every container and delete the whole store, whatever is in it. Nothing of it can be had back."""
        from scow.engine.reset import reset
        from scow.errors import Error

        try:
            for record in container_rows.list_all(self.store.state):
                self.containers.remove(record.id, force=True)
        except (Error, OSError):
            pass  # a store too damaged for that is what reset is for: the supervisors are killed next
        self.store.close()
        reset(self.store.paths)
