"""``logs``: what a container has written, from its json-file log."""

from __future__ import annotations

import os
import select
import time

from scow.engine import filters
from scow.engine.container import hostconfig, launch, states
from scow.engine.container.session import connected
from scow.errors import Invalid, NotFound, Unsupported
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from scow.engine.container.session import Session
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store
    from scow.wire.jsonlog import Record

PAUSE_SECONDS = 0.05
"""How often a log that is followed is looked at for more."""


@value
class LogRequest:
    """One ``logs``. ``tail`` None: all; ``since`` and ``until`` as docker takes them, "" for none."""

    follow: bool = False
    tail: int | None = None
    since: str = ""
    until: str = ""


def _moment(name: str, text: str, now: float) -> int | None:
    try:
        return filters.since_text(text, now) if text else None
    except Invalid as e:
        problem = f'invalid value for "{name}": failed to parse value as time or duration: "{text}"'
        raise Invalid(problem, e.hint) from None


def logs(store: Store, record: ContainerRecord, request: LogRequest) -> Iterator[Record]:
    """The records asked for; with ``follow``, on until the container ends. Unsupported where there is no log."""
    driver = hostconfig.of(record.config["HostConfig"], "LogConfig")["Type"]
    if driver != "json-file":
        raise Unsupported("configured logging driver does not support reading")
    from scow.wire.jsonlog import read

    now = time.time()
    since, until = _moment("since", request.since, now), _moment("until", request.until, now)
    path = launch.log_path(store.paths.container(record.id))
    follower = _Follower(store, record, until) if request.follow else None
    while not os.path.exists(path):  # a container that was never started has no log yet
        if follower is None or not follower():
            return
    tail = request.tail
    older = rotated(path)
    if older:
        for file, lines in older_parts(path, older, tail):
            yield from read.follow(file, tail=lines, since=since, until=until)
    try:
        yield from read.follow(path, tail=tail, since=since, until=until, wait=follower)
    except NotFound:
        return  # it was removed


def rotated(path: str) -> list[str]:
    """The older files of a log, oldest first."""
    found: list[str] = []
    while os.path.exists(f"{path}.{len(found) + 1}"):
        found.append(f"{path}.{len(found) + 1}")
    return found[::-1]


def older_parts(path: str, older: list[str], tail: int | None) -> list[tuple[str, int | None]]:
    """Which older files ``tail`` lines of the whole log begin in, and how many lines of each count."""
    if tail is None:
        return [(file, None) for file in older]
    left = tail - _lines(path)
    found: list[tuple[str, int | None]] = []
    for file in reversed(older):
        if left <= 0:
            break
        found.append((file, left))
        left -= _lines(file)
    return found[::-1]


def _lines(path: str) -> int:
    try:
        with open(path, "rb") as f:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: f.read(1 << 20), b""))
    except FileNotFoundError:
        return 0


class _Follower:
    """Called at the end of a log: waits until there may be more, False when there will be none."""

    def __init__(self, store: Store, record: ContainerRecord, until: int | None) -> None:
        self._store, self._record, self._until = store, record, until
        self._session: Session | None = None
        self._poll = select.poll()
        self._ended = False

    def __call__(self) -> bool:
        """Sleep for a moment, or until the container has ended."""
        if self._ended or (self._until is not None and time.time_ns() > self._until):
            return False
        if self._session is None and not self._connect():
            return False
        assert self._session
        if self._poll.poll(PAUSE_SECONDS * 1000) and self._session.receive() == (0, b""):
            self._ended = not states.read(self._store.paths, self._record.id).active
            self._session.close()
            self._session = None
        return True

    def _connect(self) -> bool:
        """Ask its supervisor to tell when it ends; False if there is none."""
        run = self._store.paths.container_run(self._record.id)
        session = connected(run) if states.read(self._store.paths, self._record.id).active else None
        if session is None:
            return False
        session.ask_exit()
        self._session = session
        self._poll = select.poll()
        self._poll.register(session.readable()[0], select.POLLIN)
        return True


def stamp(ns: int) -> str:
    """A time as ``logs --timestamps`` prints it: all nine digits."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09}Z"
