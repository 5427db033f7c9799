"""``logs``: what a container has written, from its json-file log."""

from __future__ import annotations

import os
import time

from scow.engine import filters
from scow.engine.container import hostconfig, launch, states
from scow.errors import NotFound, Unsupported
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scow.store.containers import ContainerRecord
    from scow.store.store import Store
    from scow.wire.jsonlog import Record

POLL_SECONDS = 0.02
IDLE_SECONDS = 0.25


@value
class LogRequest:
    """One ``logs``. ``tail`` None: all; ``since`` and ``until`` as docker takes them, "" for none."""

    follow: bool = False
    tail: int | None = None
    since: str = ""
    until: str = ""


def logs(store: Store, record: ContainerRecord, request: LogRequest) -> Iterator[Record]:
    """The records asked for; with ``follow``, on until the container ends. Unsupported where there is no log."""
    driver = hostconfig.of(record.config["HostConfig"], "LogConfig")["Type"]
    if driver != "json-file":
        raise Unsupported("configured logging driver does not support reading")
    from scow.wire.jsonlog import read

    now = time.time()
    since = filters.since_text(request.since, now) if request.since else None
    until = filters.since_text(request.until, now) if request.until else None
    path = launch.log_path(store.paths.container(record.id))
    if not os.path.exists(path):
        if not request.follow:
            return
        _wait_for(store, record, path)
    wait = _waiter(store, record, until) if request.follow else None
    try:
        yield from read.follow(path, tail=request.tail, since=since, until=until, wait=wait)
    except NotFound:
        return  # it was removed


def _wait_for(store: Store, record: ContainerRecord, path: str) -> None:
    """Wait for the log of a container that is being started; one that does not run has none to wait for."""
    while not os.path.exists(path) and states.read(store.paths, record.id).active:
        time.sleep(POLL_SECONDS)


def _waiter(store: Store, record: ContainerRecord, until: int | None) -> Callable[[], bool]:
    """Sleeps until there may be more; False when the container has ended and everything was written.

    It sleeps on the supervisor's end, not on a clock: a session with the supervisor becomes readable then.
    """
    import select

    from scow.engine.container.session import connected

    session = connected(store.paths.container_run(record.id))
    poll = select.poll()
    if session is not None:
        session.ask_exit()
        poll.register(session.fileno(), select.POLLIN)
    pause = POLL_SECONDS

    def wait() -> bool:
        if session is None or (until is not None and time.time_ns() > until):
            return False
        if poll.poll(pause * 1000):
            return session.receive() != (0, b"")
        return True

    return wait


def stamp(ns: int) -> str:
    """A time as ``logs --timestamps`` prints it: all nine digits."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09}Z"
