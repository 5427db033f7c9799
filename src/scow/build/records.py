"""Build cache records in the store's database (``store.buildcache``)."""

from __future__ import annotations

import binascii
import threading

from scow.build.cache import Record
from scow.oci.digest import Digest
from scow.store import buildcache, leases
from scow.store.buildcache import CacheRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.store.state import State

KIND = "build"


class StoreRecords:
    """``size`` tells the bytes of a layer, for what ``scow system df`` and pruning count."""

    def __init__(self, state: State, size: Callable[[Digest], int]) -> None:
        self._state = state
        self._size = size
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def find(self, key: str) -> Record | None:
        """See Records; uses are written by ``flush``, all in one transaction."""
        row = buildcache.find(self._state, key)
        if row is None:
            return None
        with self._lock:
            self._used.add(key)
        return record_of(row)

    def save(self, record: Record) -> None:
        """See Records. A result holds its layers; only the topmost counts as its size, the others are its inputs'."""
        outputs = record.outputs
        result = {
            "identity": record.identity,
            "outputs": None if outputs is None else [[str(d) for d in stack] for stack in outputs],
            "preimage": binascii.b2a_base64(record.preimage, newline=False).decode(),
        }
        held = {d for stack in outputs or () for d in stack}
        size = sum(self._size(stack[-1]) for stack in outputs or () if stack)
        row = CacheRecord(record.key, KIND, record.name, result, tuple(sorted(map(leases.layer, held))), size)
        buildcache.save(self._state, row)

    def flush(self) -> None:
        """Write down which records were used."""
        with self._lock:
            used, self._used = self._used, set()
        if used:
            buildcache.touch(self._state, used)


def record_of(row: CacheRecord) -> Record:
    """The record that a row of the database holds."""
    outputs = row.result["outputs"]
    stacks = None if outputs is None else tuple(tuple(map(Digest.parse, stack)) for stack in outputs)
    preimage = binascii.a2b_base64(row.result["preimage"])
    return Record(row.key, row.result["identity"], stacks, preimage, row.description)


def last_preimage(state: State, name: str, before: int) -> bytes | None:
    """The newest preimage that was saved for a vertex of this name before a time (ns): what a miss is compared with."""
    rows = [r for r in buildcache.list_all(state) if r.description == name and r.created < before]
    rows = [r for r in rows if r.result.get("preimage")]
    newest = max(rows, key=lambda r: r.created, default=None)
    return binascii.a2b_base64(newest.result["preimage"]) if newest else None
