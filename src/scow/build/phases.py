"""Pieces of a build that are no vertices, shown as if they were: loading the build file, exporting."""

from __future__ import annotations

import contextlib
import hashlib
import time

from scow import errors
from scow.build.events import VertexStatus, VertexUpdate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from scow.build.events import Event, Observer


@contextlib.contextmanager
def phase(on: Observer, name: str) -> Iterator[str]:
    """Show a piece of work that is no vertex as one; its digest is handed out for statuses."""
    digest = "sha256:" + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    started = time.time_ns()
    on(VertexUpdate(digest, name, started=started))
    why = ""
    try:
        yield digest
    except errors.Error as fault:
        why = str(fault)
        raise
    finally:
        on(VertexUpdate(digest, name, started=started, completed=time.time_ns(), error=why))


def say(on: Observer, vertex: str, text: str, size: int = 0, started: int = 0) -> None:
    """Show a finished piece of work within one; ``size`` in bytes, ``started`` if it took long enough to tell."""
    now = time.time_ns()
    on(VertexStatus(vertex, text, text, size, 0, now, started or now, now))


class Prologue:
    """The vertex that stands for reading the build file. What is told to ``later`` before it ends comes after it."""

    def __init__(self, on: Observer, name: str) -> None:
        self._on = on
        self._exit = contextlib.ExitStack()
        self.vertex = self._exit.enter_context(phase(on, name))
        self._kept: list[Event] | None = []

    def later(self, event: Event) -> None:
        """Keep an event, or pass it on."""
        if self._kept is None:
            self._on(event)
        else:
            self._kept.append(event)

    def end(self) -> None:
        """Show the vertex as done, and what was kept."""
        kept, self._kept = self._kept or [], None
        self._exit.close()
        for event in kept:
            self._on(event)

    def __enter__(self) -> Prologue:
        return self

    def __exit__(self, *_why: object) -> None:
        self.end()
