"""Checks of the database, and of what it says against what is there: rows, containers, snapshots, staging."""

from __future__ import annotations

import os
import sqlite3
import time
from functools import partial

from scow.oci.digest import Digest
from scow.store import buildcache, gc, leases
from scow.store import containers as container_rows
from scow.store.content import layer_size
from scow.store.faults import Fault
from scow.store.layers.staging import PREFIX
from scow.store.leases import Leases
from scow.store.locks import is_held
from scow.store.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from scow.store.faults import Finding
    from scow.store.store import Store

_YOUNG = 60 * 1_000_000_000


def database(store: Store) -> Iterator[Finding]:
    """Damage of the database file. Mended by copying all rows that can be read into a new one."""
    problems = store.state.faults()
    if problems:
        fault = Fault(f"database is damaged: {problems[0]}", store.paths.database, "copy what is readable to a new one")
        yield fault, partial(salvage, store)


def salvage(store: Store) -> str:
    """Replace the database by a new one with every row that can still be read; where the damaged one was moved to."""
    store.state.close()
    path = store.paths.database
    fresh = State(f"{path}.new")
    for leftover in (fresh.path, f"{fresh.path}-wal", f"{fresh.path}-shm"):
        gc.remove_tree(leftover)
    tables = fresh.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    old = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        with fresh.change() as db:
            for (table,) in tables:
                _copy_rows(old, db, table)
        version = fresh.row("PRAGMA journal_mode=DELETE")  # one file, ready to be renamed
        assert version == ("delete",)
    finally:
        old.close()
        fresh.close()
    moved = f"{path}.damaged-{time.time_ns()}"
    os.rename(path, moved)
    for suffix in ("-wal", "-shm"):
        gc.remove_tree(path + suffix)
    os.rename(fresh.path, path)
    again = State(path)
    again.row("PRAGMA journal_mode=WAL")
    again.close()
    return moved


def _copy_rows(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    try:
        cursor = old.execute(f"SELECT * FROM {table}")  # noqa: S608  a table of our own schema
        marks = ", ".join("?" * len(cursor.description))
        while row := cursor.fetchone():
            new.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608
    except sqlite3.DatabaseError:  # from here on this table cannot be read
        return


def rows(store: Store) -> Iterator[Finding]:
    """Names and repository digests of images that have no row."""
    for table, column in (("names", "name"), ("repo_digests", "repository || '@' || digest")):
        where = "image IS NOT NULL AND image NOT IN (SELECT id FROM images)"
        found = store.state.rows(f"SELECT {column}, image FROM {table} WHERE {where} ORDER BY 1")  # noqa: S608
        for name, image in found:
            fault = Fault(f"name stands for image {image}, which is not there", name, "remove the name")
            yield fault, partial(_delete, store, table, where)


def _delete(store: Store, table: str, where: str) -> None:
    with store.state.change() as db:
        db.execute(f"DELETE FROM {table} WHERE {where}")  # noqa: S608  both are literals above


def containers(store: Store) -> Iterator[Finding]:
    """Containers whose directory or layers are gone, and directories of no container."""
    known = set()
    for record in container_rows.list_all(store.state):
        known.add(record.id)
        if not os.path.isdir(store.paths.container(record.id)):
            if record.created > time.time_ns() - _YOUNG:  # the row comes first, the directory follows
                continue
            fault = Fault("container has no directory", f"{record.name} ({record.id[:12]})", "remove the container")
            yield fault, partial(container_rows.remove, store.state, record.id)
            continue
        gone = [d for d in record.layers if ":" in d and layer_size(store.paths, Digest.parse(d)) is None]
        if gone:
            where = f"{record.name} ({record.id[:12]})"
            yield (
                Fault(f"container lacks layer {gone[0]}", where, "pull its image again, or remove the container"),
                None,
            )
    since = _oldest(store)
    for name in sorted(os.listdir(store.paths.containers)):
        path = f"{store.paths.containers}/{name}"
        if name not in known and _changed(path) < since and not is_held(store.paths.lock("container", name)):
            yield Fault("directory belongs to no container", path, "remove it"), partial(gc.remove_tree, path)


def leftovers(store: Store) -> Iterator[Finding]:
    """Stale staging, and snapshots that nobody owns."""
    since = _oldest(store)
    stale = set(gc.garbage(store.paths, since))
    for name in sorted(os.listdir(store.paths.tmp)):
        path = f"{store.paths.tmp}/{name}"
        if path in stale or (name.startswith(PREFIX) and not is_held(path)):
            yield Fault("staging was left by a command that died", path, "remove it"), partial(gc.remove_tree, path)
    marked = gc.marks(store.paths, store.state).union(*[lease.resources for lease in Leases(store.paths).live()])
    gc.mark_parents(store.paths, store.layers, marked, since)
    for key in sorted(os.listdir(store.paths.snapshots)):
        path = f"{store.paths.snapshots}/{key}"
        if leases.snapshot(key) not in marked and _changed(path) < since:
            yield Fault("snapshot has no owner", path, "remove it"), partial(store.layers.remove, key)


def cache_records(store: Store) -> Iterator[Finding]:
    """Build cache records whose results are gone: they can never be used again."""
    for record in buildcache.list_all(store.state):
        gone = [resource for resource in record.holds if not _is_here(store, resource)]
        if gone:
            fault = Fault(f"build cache record lacks {gone[0]}", record.key, "remove the record")
            yield fault, partial(buildcache.remove, store.state, [record.key])


def _is_here(store: Store, resource: str) -> bool:
    kind, _, name = resource.partition(" ")
    if kind == "layer":
        return layer_size(store.paths, Digest.parse(name)) is not None
    if kind == "blob":
        return store.content.size(Digest.parse(name)) is not None
    return os.path.isdir(store.paths.snapshot(name))


def _oldest(store: Store) -> int:
    """What changed since then (ns) may belong to work under way."""
    return min([lease.since for lease in Leases(store.paths).live()], default=1 << 63)


def _changed(path: str) -> int:
    return os.stat(path, follow_symlinks=False).st_ctime_ns
