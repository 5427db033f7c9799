"""Tables about layers: their sizes and last use, and which compressed blob unpacks to which diff id.

Both are memory, not truth: a lost row costs a stat or a download, never an image.
"""

from __future__ import annotations

import time

from scow.oci.digest import Digest
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from scow.store.state import State


@value
class Compressed:
    """A compressed form of a layer, as a registry names it."""

    digest: Digest
    media_type: str
    size: int
    diff_id: Digest


def learn(state: State, form: Compressed) -> None:
    """Remember, after unpacking it with verified digests, that a compressed blob holds a layer."""
    with state.change() as db:
        db.execute(
            "INSERT OR REPLACE INTO compressed (digest, media_type, size, diff_id) VALUES (?, ?, ?, ?)",
            (str(form.digest), form.media_type, form.size, str(form.diff_id)),
        )


def diff_id_of(state: State, blob: Digest) -> Digest | None:
    """The diff id of a compressed blob seen before, so that a layer already here is not fetched again."""
    row = state.row("SELECT diff_id FROM compressed WHERE digest = ?", str(blob))
    return Digest.parse(row[0]) if row else None


def compressed_forms(state: State, diff_id: Digest) -> list[Compressed]:
    """Known compressed forms of a layer: what a push can name without compressing again."""
    query = "SELECT digest, media_type, size FROM compressed WHERE diff_id = ? ORDER BY digest"
    rows = state.rows(query, str(diff_id))
    return [Compressed(Digest.parse(digest), media_type, size, diff_id) for digest, media_type, size in rows]


def touch(state: State, layers: Iterable[tuple[Digest, int]]) -> None:
    """Note that layers (diff id, size in bytes) are in use now."""
    now = time.time_ns()
    with state.change() as db:
        query = "INSERT OR REPLACE INTO layers (diff_id, size, used) VALUES (?, ?, ?)"
        db.executemany(query, [(str(diff_id), size, now) for diff_id, size in layers])


def sizes(state: State) -> dict[str, tuple[int, int]]:
    """Size and last use (ns) of all layers noted, by diff id in text."""
    return {diff_id: (size, used) for diff_id, size, used in state.rows("SELECT diff_id, size, used FROM layers")}


def forget(state: State, diff_ids: Iterable[Digest]) -> None:
    """Drop what is known of layers that were removed; the map of compressed forms stays true and stays."""
    with state.change() as db:
        db.executemany("DELETE FROM layers WHERE diff_id = ?", [(str(d),) for d in diff_ids])
