"""``attach``: the streams of a container that runs already."""

from __future__ import annotations

from scow.engine.container import states
from scow.engine.container.session import Session, connected
from scow.errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store


def attach(store: Store, record: ContainerRecord, streams: str) -> Session:
    """A session with ``streams`` (letters i, o, e). Conflict in docker's words if the container does not run."""
    state = states.read(store.paths, record.id)
    if state.status == "paused":
        raise Conflict("You cannot attach to a paused container, unpause it first")
    if state.status == "restarting":
        raise Conflict("You cannot attach to a restarting container, wait until it is running")
    session = connected(store.paths.container_run(record.id)) if state.active else None
    if session is None:
        raise Conflict("You cannot attach to a stopped container, start it first")
    session.attach(streams)
    return session
