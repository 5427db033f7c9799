"""The table of containers. Names are unique; errors are worded as docker's, because scripts match on them."""

from __future__ import annotations

from scow.errors import Conflict, NotFound
from scow.light import loads
from scow.store.rows import check_name, dump, find_id, labels
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection
    from typing import Any

    from scow.store.state import State

_SELECT = "SELECT id, name, image, created, labels, layers, config FROM containers "
_INSERT = "INSERT INTO containers (id, name, image, created, labels, layers, config) VALUES (?, ?, ?, ?, ?, ?, ?)"


@value
class ContainerRecord:
    """One container: ``created`` in ns; ``layers`` the diff ids (text) it needs; ``config`` the engine's JSON."""

    id: str
    name: str
    image: str
    created: int
    labels: dict[str, str]
    layers: tuple[str, ...]
    config: dict[str, Any]


def add(state: State, record: ContainerRecord) -> None:
    """Enter a new container. Raises Invalid (name), Conflict (name taken), NotFound (its image went away meanwhile)."""
    check_name(record.name, "container")
    with state.change() as db:
        if record.image and not db.execute("SELECT 1 FROM images WHERE id = ?", (record.image,)).fetchone():
            raise NotFound(f"No such image: {record.image}")
        _check_free(db, record.name)
        db.execute(
            _INSERT,
            (
                record.id,
                record.name,
                record.image,
                record.created,
                dump(record.labels),
                dump(record.layers),
                dump(record.config),
            ),
        )


def get(state: State, text: str) -> ContainerRecord:
    """The container with this id, name or unique beginning of an id. Raises NotFound or Invalid."""
    full = find_id(state, "containers", text, "container")
    row = state.row(_SELECT + "WHERE id = ?", full)
    if not row:
        raise NotFound(f"No such container: {text}")
    return _record(row)


def list_all(state: State) -> list[ContainerRecord]:
    """All containers, newest first."""
    rows = state.rows(_SELECT + "ORDER BY created DESC, id")
    return [_record(row) for row in rows]


def rename(state: State, container: str, name: str) -> None:
    """Give a container another name. Raises as :func:`add`."""
    check_name(name, "container")
    with state.change() as db:
        _check_free(db, name)
        if not db.execute("UPDATE containers SET name = ? WHERE id = ?", (name, container)).rowcount:
            raise NotFound(f"No such container: {container}")


def update(state: State, container: str, config: dict[str, Any]) -> None:
    """Replace a container's configuration document."""
    with state.change() as db:
        if not db.execute("UPDATE containers SET config = ? WHERE id = ?", (dump(config), container)).rowcount:
            raise NotFound(f"No such container: {container}")


def remove(state: State, container: str) -> None:
    """Forget a container; what only it needed is collected later. Raises NotFound."""
    with state.change() as db:
        if not db.execute("DELETE FROM containers WHERE id = ?", (container,)).rowcount:
            raise NotFound(f"No such container: {container}")


def _check_free(db: Connection, name: str) -> None:
    holder = db.execute("SELECT id FROM containers WHERE name = ?", (name,)).fetchone()
    if holder:
        raise Conflict(
            f'Conflict. The container name "/{name}" is already in use by container "{holder[0]}". '
            "You have to remove (or rename) that container to be able to reuse that name."
        )


def _record(row: tuple[Any, ...]) -> ContainerRecord:
    full, name, image, created, label_text, layers, config = row
    return ContainerRecord(full, name, image, created, labels(label_text), tuple(loads(layers)), loads(config))


def free_name(state: State) -> str:
    """A generated name that no container has now; :func:`add` still decides."""
    from scow.store.names import generate

    return generate(lambda name: state.row("SELECT 1 FROM containers WHERE name = ?", name) is not None)
