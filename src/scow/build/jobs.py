"""What a runner gets besides its op: cancellation and a way to tell of progress."""

from __future__ import annotations

import threading
import time

from scow import errors
from scow.build.events import VertexLog, VertexStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.build.events import Event, Observer
    from scow.build.graph import Vertex


class Cancel:
    """Set once, by the first error of a solve or by the user. Whoever waits for something else registers how to be
    woken.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._calls: dict[int, Callable[[], object]] = {}
        self._next = 0

    def is_set(self) -> bool:
        """Whether work should stop."""
        return self._set

    def set(self) -> None:
        """Stop everything: run what was registered, once."""
        with self._lock:
            calls = [] if self._set else list(self._calls.values())
            self._set = True
        for call in calls:
            call()

    def check(self) -> None:
        """Raise Unavailable if the solve was cancelled."""
        if self._set:
            raise errors.Unavailable("canceled")

    def register(self, call: Callable[[], object]) -> Callable[[], None]:
        """Run ``call`` when cancelled (now, if that is past); the result takes it back."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            if not self._set:
                self._calls[number] = call
                return lambda: self._forget(number)
        call()
        return lambda: None

    def _forget(self, number: int) -> None:
        with self._lock:
            self._calls.pop(number, None)


class Job:
    """One vertex's work within one solve."""

    def __init__(self, vertex: Vertex, on: Observer, cancel: Cancel) -> None:
        self.vertex = vertex
        self.on = on
        self.cancel = cancel

    def log(self, stream: int, data: bytes) -> None:
        """Pass on what the step wrote."""
        self.on(VertexLog(self.vertex.digest, stream, data, time.time_ns()))

    def status(self, name: str, current: int, total: int = 0, *, started: int = 0, completed: bool = False) -> None:
        """Tell how far a named piece of the work is."""
        now = time.time_ns()
        self.on(VertexStatus(self.vertex.digest, name, name, current, total, now, started, now if completed else 0))


class Serial:
    """An observer that lets one thread at a time through to another, so that nobody else has to lock."""

    def __init__(self, on: Observer) -> None:
        self._on = on
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        with self._lock:
            self._on(event)
