"""``rm``: take a container away, in the reverse order of how it came to be; the record goes last.

So whatever is killed on the way leaves a container that can be removed again, and nothing that has no name.
"""

from __future__ import annotations

import os

from scow.engine.container import mounted, states
from scow.errors import Conflict, Error, NotFound
from scow.runtime import statefile
from scow.store import containers as rows
from scow.store import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store


def remove(store: Store, record: ContainerRecord, *, force: bool = False, volumes: bool = False) -> None:
    """Remove a container. Conflict, in docker's words, if it runs and ``force`` is not given."""
    _end(store, record, force=force)
    if record.config["HostConfig"].get("AutoRemove"):
        wait_gone(store, record.id)  # not under the lock: its supervisor may be removing it, and takes the lock
    with locks.exclusive(store.paths.lock("container", record.id)):
        _end(store, record, force=force)  # somebody may have started it meanwhile
        wait_gone(store, record.id)
        delete(store, record, volumes=volumes)


def _end(store: Store, record: ContainerRecord, *, force: bool) -> None:
    """Kill the container if it runs and may be killed. Conflict."""
    state = states.read(store.paths, record.id)
    if state.active:
        if not force:
            what = "paused" if state.status == "paused" else "restarting" if state.status == "restarting" else "running"
            remedy = ": stop the container before removing or force remove"
            if what == "paused":
                remedy = " and must be unpaused first"
            raise Conflict(f'cannot remove container "{record.name}": container is {what}{remedy}')
        from scow.engine.container import stop

        try:
            stop.kill(store, record)
        except Error:
            if states.read(store.paths, record.id).active:
                raise


def wait_gone(store: Store, container: str) -> None:
    """Wait until the supervisor of a container that has ended is gone too; it may still be cleaning up."""
    import select

    run = store.paths.container_run(container)
    while pid := statefile.owner(run):
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            if not poll.poll(10_000):
                raise Conflict(f"container {container} is still being taken down", hint="try again")
        finally:
            os.close(fd)


def delete(store: Store, record: ContainerRecord, *, volumes: bool = False) -> None:
    """Remove all there is of a container that does not run, as far as it is there."""
    from scow.store.layers.staging import delete as remove_tree

    remove_tree(store.paths.container_run(record.id))
    remove_tree(store.paths.container(record.id))
    try:
        store.layers.remove(record.id)
    except NotFound:
        pass
    try:
        rows.remove(store.state, record.id)
    except NotFound:
        pass  # somebody else has just removed it
    names = mounted.anonymous(record.config["Mounts"]) if volumes else []
    if names:
        from scow.engine.container import mountpoints

        mountpoints.discard(store, names)
    try:
        os.unlink(store.paths.lock("container", record.id))
    except FileNotFoundError:
        pass
