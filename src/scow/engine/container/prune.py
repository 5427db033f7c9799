"""``container prune``: remove the containers that do not run."""

from __future__ import annotations

import time

from scow.engine import filters
from scow.engine.container import states
from scow.engine.container.remove import remove
from scow.errors import Conflict, NotFound
from scow.store import containers as rows
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from scow.store.store import Store

FILTERS = ("until", "label", "label!")


@value
class Pruned:
    """What a prune took away: ids, and bytes on disk."""

    ids: tuple[str, ...]
    space: int


def prune(store: Store, wanted: Iterable[str] = ()) -> Pruned:
    """Remove all that are created, exited or dead and fit the filters."""
    from scow.store.snapshots import usage

    found = filters.parse(wanted, FILTERS)
    now = time.time()
    before = [filters.since_text(t, now) for t in found.get("until", ())]
    removed, space = [], 0
    for record in rows.list_all(store.state):
        if before and record.created >= min(before):
            continue
        if not filters.labels_match(found, record.labels):
            continue
        if "label!" in found and filters.labels_match(found, record.labels, "label!"):
            continue
        if states.read(store.paths, record.id).active:
            continue
        try:
            size = usage(store.layers, record.id)
        except NotFound:
            size = 0
        try:
            remove(store, record)
        except (Conflict, NotFound):
            continue  # somebody has just started or removed it
        removed.append(record.id)
        space += size
    return Pruned(tuple(removed), space)
