"""Collection: remove the content, layers and snapshots that nothing needs.

Mark: from names, images and repository digests through manifests to configs and layers; from containers, live leases
and build cache records. Sweep: what is not marked and did not appear since the oldest live lease began.

Collection holds the gc lock alone, and leases are taken and extended under the same lock, shared: nobody can come to
rely on something between mark and sweep (see ``scow.store.leases``). Killed half-way it has removed only garbage.
"""

from __future__ import annotations

import json
import os
import time

from scow.errors import Conflict, Corrupt, NotFound, Unavailable
from scow.oci import graph, media_types
from scow.oci.config import ImageConfig
from scow.oci.digest import Digest
from scow.oci.verify import read
from scow.store import buildcache, images, leases, locks, reserve, usage
from scow.store.blobs import Blobs
from scow.store.content import Content, layer_size
from scow.store.layers import staging
from scow.store.leases import Leases
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from scow.oci.descriptor import Descriptor
    from scow.store.paths import Paths
    from scow.store.state import State

    class Layers(Protocol):
        """What collection asks of the layer store (a part of ``Snapshotter``)."""

        def remove(self, name: str | Digest) -> None: ...  # noqa: D102
        def walk(self) -> Iterator[str | Digest]: ...  # noqa: D102
        def parent(self, key: str) -> tuple[str | Digest, ...]: ...  # noqa: D102


RESUME_SECONDS = 24 * 3600
"""How long an unfinished download waits to be continued."""
STAGING_SECONDS = 3600
"""How long other unlocked staging is left alone."""
LEASED = ("git-",)
"""Staging of builds, which is made under the build's lease: garbage as soon as no lease is as old."""


@value
class Freed:
    """What a collection removed, and what it could not because somebody uses it; ``bytes`` of the removed."""

    blobs: tuple[Digest, ...] = ()
    layers: tuple[Digest, ...] = ()
    snapshots: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    bytes: int = 0


def collect(paths: Paths, state: State, layers: Layers | None = None) -> Freed:
    """Remove what nothing needs. Waits for those who are just taking a lease; others wait for it."""
    with locks.exclusive(paths.gc_lock):
        live = Leases(paths).live()
        since = min([lease.since for lease in live], default=1 << 63)
        marked = marks(paths, state).union(*[lease.resources for lease in live])
        if layers:
            mark_parents(paths, layers, marked, since)
        blobs, size = _sweep_blobs(Blobs(paths), marked, since)
        freed = _sweep_layers(paths, layers, marked, since) if layers else Freed()
        usage.forget(state, freed.layers)
        _sweep_tmp(paths, since)
        _sweep_locks(paths)
    reserve.ensure(paths)
    return Freed(tuple(blobs), freed.layers, freed.snapshots, freed.busy, size + freed.bytes)


def marks(paths: Paths, state: State) -> set[str]:
    """Resources (``leases.blob`` and so on) that images, containers and build cache records need."""
    found: set[str] = set()
    content = Content(paths)
    for root in images.roots(state):
        _mark(content, root, found, graph.MAX_NESTING)
    found.update(leases.layer(diff_id) for diff_id in images.layers_in_use(state))
    for container, text in state.rows("SELECT id, layers FROM containers"):
        found.add(leases.snapshot(container))
        found.update(f"layer {name}" if ":" in name else leases.snapshot(name) for name in json.loads(text))
    found.update(buildcache.holds(state))
    return found


def _mark(content: Content, node: Descriptor, found: set[str], depth: int) -> None:
    """Mark a blob, the same digest as a layer, and what is below it as far as it is here."""
    resource = leases.blob(node.digest)
    if resource in found:
        return
    found.update((resource, leases.layer(node.digest)))
    try:
        if media_types.is_config(node.media_type):  # an image of another platform has no row, but perhaps layers
            found.update(leases.layer(diff_id) for diff_id in ImageConfig(read(content, node)).diff_ids)
        below = graph.children(content, node) if depth >= 0 else ()
    except (NotFound, Corrupt):  # an index may list what was never fetched; damage is for check to report
        return
    for child in below:
        _mark(content, child, found, depth - 1)


def mark_parents(paths: Paths, layers: Layers, marked: set[str], since: int) -> None:
    """Mark what the snapshots that stay stand on: layers, and other snapshots with theirs."""
    todo = [name for name in layers.walk() if isinstance(name, str)]
    todo = [key for key in todo if leases.snapshot(key) in marked or _changed(paths.snapshot(key)) >= since]
    while todo:
        try:
            below = layers.parent(todo.pop())
        except (NotFound, Corrupt):
            continue
        for name in below:
            resource = leases.layer(name) if isinstance(name, Digest) else leases.snapshot(name)
            if isinstance(name, str) and resource not in marked:
                todo.append(name)
            marked.add(resource)


def _sweep_blobs(blobs: Blobs, marked: set[str], since: int) -> tuple[list[Digest], int]:
    gone, size = [], 0
    for digest, status in blobs.walk():
        if leases.blob(digest) not in marked and status.st_ctime_ns < since:
            size += blobs.delete(digest)
            gone.append(digest)
    return gone, size


def _sweep_layers(paths: Paths, layers: Layers, marked: set[str], since: int) -> Freed:
    gone: list[Digest] = []
    snapshots: list[str] = []
    busy: list[str] = []
    size = 0
    for name in list(layers.walk()):
        resource = leases.layer(name) if isinstance(name, Digest) else leases.snapshot(name)
        path = paths.layer_meta(name) if isinstance(name, Digest) else paths.snapshot(name)
        if resource in marked or _changed(path) >= since:
            continue
        freed = (layer_size(paths, name) or 0) if isinstance(name, Digest) else 0
        try:
            layers.remove(name)
        except (Conflict, Unavailable):
            busy.append(resource)
            continue
        except NotFound:
            continue
        size += freed
        if isinstance(name, Digest):
            gone.append(name)
        else:
            snapshots.append(name)
    return Freed((), tuple(gone), tuple(snapshots), tuple(busy), size)


def _changed(path: str) -> int:
    try:
        return os.stat(path, follow_symlinks=False).st_ctime_ns
    except FileNotFoundError:
        return 0


def garbage(paths: Paths, since: int = 1 << 63) -> list[str]:
    """Paths in ROOT/tmp that no lock holds, that are older than their kind may wait, and older than ``since`` (ns)."""
    now = time.time_ns()
    found = []
    for name in sorted(os.listdir(paths.tmp)):
        path = f"{paths.tmp}/{name}"
        wait = RESUME_SECONDS if name.startswith("ingest-") else 0 if name.startswith(LEASED) else STAGING_SECONDS
        changed = _changed(path)
        if changed < min(since, now - wait * 1_000_000_000) and not locks.is_held(path):
            found.append(path)
    return found


def _sweep_tmp(paths: Paths, since: int) -> None:
    staging.sweep(paths)
    for path in garbage(paths, since):
        remove_tree(path)


def remove_tree(path: str) -> None:
    """Remove a file or a directory with all it holds, following no links."""
    if os.path.isdir(path) and not os.path.islink(path):
        staging.delete(path)
        return
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _sweep_locks(paths: Paths) -> None:
    """Lock files are remade at need; those nobody holds go, so that they do not pile up."""
    for name in os.listdir(f"{paths.root}/locks"):
        lock = locks.attempt(f"{paths.root}/locks/{name}") if name != "gc" else None
        if lock:
            lock.discard()
