"""The build cache: from keys to results that are still there.

A *record* is filed under a key. It says which identity the key stands for and, where the key is the identity itself,
which layers every output has. A hit counts only if each of those layers is still in the store. ``Flights`` keeps one
piece of work from being done twice at once: by two vertices, by two solvers in this process, or by two processes.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time

from scow.build.results import Stack
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from scow.build.jobs import Cancel
    from scow.build.keys import CacheKey
    from scow.build.results import Result
    from scow.oci.digest import Digest

    class Records(Protocol):
        """Where records are kept (``store.buildcache``)."""

        def find(self, key: str) -> Record | None:
            """The record of a key; finding it counts as use."""

        def save(self, record: Record) -> None:
            """File a record, in place of an older one of the same key."""


@value
class Record:
    """One row. ``outputs``: the diff ids of every output's stack, None if this key only stands for another.

    ``name`` is the vertex's, by which ``scow build`` finds the last preimage to tell why something was built again.
    """

    key: str
    identity: str
    outputs: tuple[tuple[Digest, ...], ...] | None = None
    preimage: bytes = b""
    name: str = ""


@value
class Hit:
    """What a key stands for. ``outputs`` is None if the result itself is gone, or never was stored."""

    identity: str
    outputs: tuple[Stack, ...] | None


class Cache:
    """Records over layers. ``present`` says whether the store has a layer; ``keep`` protects layers that are about to
    be used.
    """

    def __init__(
        self,
        records: Records,
        present: Callable[[Digest], bool],
        flights: Flights | None = None,
        keep: Callable[[tuple[Digest, ...]], None] | None = None,
    ) -> None:
        self._records = records
        self._present = present
        self._keep = keep
        self.flights = flights or Flights()
        self._seen: set[Digest] = set()
        """Layers that were there when they were already protected, and so still are."""

    def probe(self, key: str) -> Hit | None:
        """What is known under a key."""
        found = self._records.find(key)
        if found is None:
            return None
        full = found if found.identity == key else self._records.find(found.identity)
        return Hit(found.identity, self._stacks(full) if full else None)

    def _stacks(self, record: Record) -> tuple[Stack, ...] | None:
        outputs = record.outputs
        if outputs is None:
            return None
        for stack in outputs:
            new = [d for d in stack if d not in self._seen]
            if new and self._keep:
                self._keep(tuple(new))  # first protect, then look: the other way round leaves a gap for the collector
            for digest in new:
                if not self._present(digest):
                    return None
                if self._keep:
                    self._seen.add(digest)
        return tuple(Stack(o) for o in outputs)

    def save(self, keys: Sequence[CacheKey], identity: str, results: Sequence[Result], name: str = "") -> bool:
        """File results under their identity and all keys; waits for layers under way. False if they are no layers."""
        outputs = []
        for result in results:
            settled = result.settled()
            if settled is None:
                return False
            outputs.append(settled)
        preimages = {k.digest: k.preimage for k in keys}
        self._records.save(Record(identity, identity, tuple(outputs), preimages.pop(identity, b""), name))
        for key, preimage in preimages.items():
            self._records.save(Record(key, identity, None, preimage, name))
        return True


class Flights:
    """Work under way, by identity: one lock per identity, in this process and, with a directory, between processes."""

    def __init__(self, directory: str | None = None) -> None:
        self._directory = directory
        self._guard = threading.Lock()
        self._locks: dict[str, Flight] = {}

    def enter(self, identity: str, cancel: Cancel) -> Flight:
        """Wait until nobody else works on ``identity``, and take it; the caller then looks again for a result."""
        with self._guard:
            flight = self._locks.setdefault(identity, Flight(self, identity))
            flight.users += 1
        try:
            while not flight.lock.acquire(timeout=0.05):
                cancel.check()
        except BaseException:
            self._forget(flight)
            raise
        try:
            self._lock_file(flight, cancel)
        except BaseException:
            flight.leave()
            raise
        return flight

    def _lock_file(self, flight: Flight, cancel: Cancel) -> None:
        """Take the lock file; processes that die drop it."""
        if self._directory is None:
            return
        path = os.path.join(self._directory, "build-" + flight.identity.replace(":", "-").replace("#", "-"))
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _flock(fd, cancel)
                if _same_file(fd, path):
                    flight.fd, flight.path = fd, path
                    return
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # its last owner removed it between our open and our lock

    def _forget(self, flight: Flight) -> None:
        with self._guard:
            flight.users -= 1
            if not flight.users:
                self._locks.pop(flight.identity, None)


class Flight:
    """One identity that somebody works on."""

    def __init__(self, flights: Flights, identity: str) -> None:
        self.flights = flights
        self.identity = identity
        self.lock = threading.Lock()
        self.users = 0
        self.fd = -1
        self.path = ""

    def leave(self) -> None:
        """Let the next one in; may be called from another thread than the one that entered."""
        if self.fd >= 0:
            os.unlink(self.path)
            os.close(self.fd)
            self.fd = -1
        self.lock.release()
        self.flights._forget(self)


def _flock(fd: int, cancel: Cancel) -> None:
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            cancel.check()
            time.sleep(0.02)


def _same_file(fd: int, path: str) -> bool:
    try:
        there, ours = os.stat(path), os.fstat(fd)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
