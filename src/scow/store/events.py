"""The journal of events: what ``scow events`` shows of the past and follows.

Every process appends; a follower asks for rows after the last id it has seen. Kept small: old rows go as new ones come.
"""

from __future__ import annotations

import json
import time

from scow.store.rows import dump
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.store.state import State

KEEP = 4096
"""Rows kept; docker's daemon remembers 256."""


_SELECT = "SELECT id, time, type, action, actor, attributes FROM events "
_INSERT = "INSERT INTO events (time, type, action, actor, attributes) VALUES (?, ?, ?, ?, ?)"


@value
class EventRecord:
    """One event: ``time`` in ns; ``type`` "container", "image", ...; ``actor`` the id or name it happened to."""

    id: int
    time: int
    type: str
    action: str
    actor: str
    attributes: dict[str, str]


def append(state: State, kind: str, action: str, actor: str, attributes: dict[str, str]) -> int:
    """Enter an event that happens now; its id. Joins the change it is told in, so neither exists without the other."""
    with state.change() as db:
        row = (time.time_ns(), kind, action, actor, dump(attributes))
        number = db.execute(_INSERT, row).lastrowid
        assert number is not None
        if number % 64 == 0:
            db.execute("DELETE FROM events WHERE id <= ?", (number - KEEP,))
    return number


def after(state: State, number: int = 0, since: int = 0, until: int | None = None) -> list[EventRecord]:
    """Events with a higher id than ``number`` and a time (ns) from ``since`` to ``until``, oldest first."""
    query = _SELECT + "WHERE id > ? AND time >= ? AND time <= ? ORDER BY id"
    return [_record(row) for row in state.rows(query, number, since, until if until is not None else 1 << 62)]


def last(state: State) -> int:
    """The highest id given out so far; 0 if none."""
    row = state.row("SELECT max(id) FROM events")
    return (row and row[0]) or 0


def _record(row: tuple[Any, ...]) -> EventRecord:
    number, at, kind, action, actor, attributes = row
    return EventRecord(number, at, kind, action, actor, json.loads(attributes))
