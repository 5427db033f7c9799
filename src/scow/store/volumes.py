"""The table of named volumes. Creating one that is there gives the one that is there, as docker does."""

from __future__ import annotations

from scow.errors import Conflict, Invalid, NotFound
from scow.light import loads
from scow.store.rows import NAME_RULE, dump, is_name, labels
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.store.state import State

_SELECT = "SELECT name, driver, created, labels, config FROM volumes "
_INSERT = "INSERT INTO volumes (name, driver, created, labels, config) VALUES (?, ?, ?, ?, ?)"


@value
class VolumeRecord:
    """One volume; ``created`` in ns, ``config`` the engine's JSON (driver options, whether it is anonymous)."""

    name: str
    driver: str
    created: int
    labels: dict[str, str]
    config: dict[str, Any]


def ensure(state: State, record: VolumeRecord) -> VolumeRecord:
    """Enter a volume, or give the one of that name. Raises Conflict if that one has another driver."""
    _check_name(record.name)
    with state.change() as db:
        row = db.execute(_SELECT + "WHERE name = ?", (record.name,)).fetchone()
        if row and row[1] != record.driver:
            raise Conflict(f"a volume named {record.name} already exists with driver {row[1]}")
        if row:
            return _record(row)
        db.execute(
            _INSERT,
            (record.name, record.driver, record.created, dump(record.labels), dump(record.config)),
        )
    return record


def get(state: State, name: str) -> VolumeRecord:
    """The volume of this name. Raises NotFound."""
    row = state.row(_SELECT + "WHERE name = ?", name)
    if not row:
        raise NotFound(f"get {name}: no such volume")
    return _record(row)


def list_all(state: State) -> list[VolumeRecord]:
    """All volumes by name."""
    return [_record(row) for row in state.rows(_SELECT + "ORDER BY name")]


def remove(state: State, name: str) -> None:
    """Forget a volume. Raises NotFound."""
    with state.change() as db:
        if not db.execute("DELETE FROM volumes WHERE name = ?", (name,)).rowcount:
            raise NotFound(f"get {name}: no such volume")


def _check_name(name: str) -> None:
    if len(name) == 1:
        raise Invalid("volume name is too short, names should be at least two alphanumeric characters")
    if not is_name(name):
        raise Invalid(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only "{NAME_RULE}" are '
            "allowed. If you intended to pass a host directory, use absolute path"
        )


def _record(row: tuple[Any, ...]) -> VolumeRecord:
    name, driver, created, label_text, config = row
    return VolumeRecord(name, driver, created, labels(label_text), loads(config))
