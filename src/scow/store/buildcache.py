"""The table of build cache records: cache key -> result, with what each result needs kept alive.

A hit is only good while what it holds exists: take a lease on ``holds`` first, then look whether all is there.
"""

from __future__ import annotations

import json
import time

from scow.store.rows import dump
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from scow.store.state import State

_SELECT = "SELECT key, kind, description, result, holds, size, created, used, uses FROM build_cache "


@value
class CacheRecord:
    """One remembered result; times in ns, ``size`` in bytes, ``holds`` resources as in ``scow.store.leases``."""

    key: str
    kind: str
    description: str
    result: dict[str, Any]
    holds: tuple[str, ...] = ()
    size: int = 0
    created: int = 0
    used: int = 0
    uses: int = 0


def save(state: State, record: CacheRecord) -> None:
    """Remember a result, in place of what the key had; ``created``, ``used`` and ``uses`` are set here."""
    now = time.time_ns()
    documents = dump(record.result), dump(record.holds)
    row = (record.key, record.kind, record.description, *documents, record.size, now, now, 0)
    with state.change() as db:
        db.execute("INSERT OR REPLACE INTO build_cache VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def find(state: State, key: str) -> CacheRecord | None:
    """What is remembered under ``key``. Does not count as a use; :func:`touch` does, for many keys in one change."""
    row = state.row(_SELECT + "WHERE key = ?", key)
    return _record(row) if row else None


def touch(state: State, keys: Iterable[str]) -> None:
    """Note that records were used now, so that they are the last to be pruned."""
    now = time.time_ns()
    with state.change() as db:
        db.executemany("UPDATE build_cache SET used = ?, uses = uses + 1 WHERE key = ?", [(now, key) for key in keys])


def list_all(state: State) -> list[CacheRecord]:
    """All records, last used first."""
    return [_record(row) for row in state.rows(_SELECT + "ORDER BY used DESC, key")]


def remove(state: State, keys: Iterable[str]) -> None:
    """Forget records; unknown keys are fine."""
    with state.change() as db:
        db.executemany("DELETE FROM build_cache WHERE key = ?", [(key,) for key in keys])


def prune(
    state: State,
    *,
    older_than: int | None = None,
    keep_bytes: int | None = None,
    wanted: Callable[[CacheRecord], bool] | None = None,
) -> list[CacheRecord]:
    """Forget records, least recently used first; what was forgotten. Their content goes at the next collection.

    ``older_than``: only those last used before that time (ns). ``keep_bytes``: only until the rest is no larger.
    ``wanted``: only those it is true for. Without any of them, all.
    """
    with state.change():
        records = list_all(state)
        total = sum(r.size for r in records)
        gone = []
        for record in reversed(records):
            if keep_bytes is not None and total <= keep_bytes:
                break
            if (older_than is None or record.used < older_than) and (wanted is None or wanted(record)):
                gone.append(record)
                total -= record.size
        remove(state, [r.key for r in gone])
    return gone


def holds(state: State) -> set[str]:
    """Every resource that some record needs."""
    found: set[str] = set()
    for (text,) in state.rows("SELECT holds FROM build_cache"):
        found.update(json.loads(text))
    return found


def _record(row: tuple[Any, ...]) -> CacheRecord:
    key, kind, description, result, held, size, created, used, uses = row
    parsed = json.loads(result)
    return CacheRecord(key, kind, description, parsed, tuple(json.loads(held)), size, created, used, uses)
