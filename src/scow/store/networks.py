"""The table of user-made networks. The built-in ones (bridge, host, none) are the engine's and are not kept here."""

from __future__ import annotations

from scow.errors import Conflict, NotFound
from scow.light import loads
from scow.store.rows import check_name, dump, find_id, labels
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.store.state import State

_SELECT = "SELECT id, name, driver, created, labels, config FROM networks "
_INSERT = "INSERT INTO networks (id, name, driver, created, labels, config) VALUES (?, ?, ?, ?, ?, ?)"


@value
class NetworkRecord:
    """One network; ``created`` in ns, ``config`` the engine's JSON (subnets, options)."""

    id: str
    name: str
    driver: str
    created: int
    labels: dict[str, str]
    config: dict[str, Any]


def add(state: State, record: NetworkRecord) -> None:
    """Enter a new network. Raises Conflict if the name is taken."""
    check_name(record.name, "network")
    with state.change() as db:
        if db.execute("SELECT 1 FROM networks WHERE name = ?", (record.name,)).fetchone():
            raise Conflict(f"network with name {record.name} already exists")
        db.execute(
            _INSERT,
            (record.id, record.name, record.driver, record.created, dump(record.labels), dump(record.config)),
        )


def get(state: State, text: str) -> NetworkRecord:
    """The network with this id, name or unique beginning of an id. Raises NotFound or Invalid."""
    try:
        full = find_id(state, "networks", text, "network")
    except NotFound:
        raise NotFound(f"network {text} not found") from None
    row = state.row(_SELECT + "WHERE id = ?", full)
    if not row:
        raise NotFound(f"network {text} not found")
    return _record(row)


def list_all(state: State) -> list[NetworkRecord]:
    """All networks by name."""
    return [_record(row) for row in state.rows(_SELECT + "ORDER BY name")]


def remove(state: State, network: str) -> None:
    """Forget a network. Raises NotFound."""
    with state.change() as db:
        if not db.execute("DELETE FROM networks WHERE id = ?", (network,)).rowcount:
            raise NotFound(f"network {network} not found")


def _record(row: tuple[Any, ...]) -> NetworkRecord:
    full, name, driver, created, label_text, config = row
    return NetworkRecord(full, name, driver, created, labels(label_text), loads(config))
