"""``top``: the processes of a container."""

from __future__ import annotations

from scow.engine.container import states
from scow.engine.container.stop import not_running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store


def top(store: Store, record: ContainerRecord, arguments: tuple[str, ...] = ()) -> tuple[list[str], list[list[str]]]:
    """(titles, rows); ``arguments`` are those of ps(1). Conflict if the container does not run."""
    from scow.runtime import top as processes

    state = states.read(store.paths, record.id)
    if not state.running:
        raise not_running(record)
    return processes.top(state.cgroup, arguments)
