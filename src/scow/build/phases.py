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
def phase(on: Observer, name: str, *, blamed: bool = True) -> Iterator[str]:
    """Show a piece of work that is no vertex as one; its digest is handed out for statuses.

    ``blamed``: an error is shown as its own, else it just ends.
    """
    digest = "sha256:" + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    started = time.time_ns()
    on(VertexUpdate(digest, name, started=started))
    why = ""
    try:
        yield digest
    except errors.Error as fault:
        why = str(fault) if blamed else ""
        raise
    finally:
        on(VertexUpdate(digest, name, started=started, completed=time.time_ns(), error=why))


def say(on: Observer, vertex: str, text: str, size: int = 0, started: int = 0) -> None:
    """Show a finished piece of work within one; ``size`` in bytes, ``started`` if it took long enough to tell."""
    now = time.time_ns()
    on(VertexStatus(vertex, text, text, size, 0, now, started or now, now))


class Later:
    """An observer that keeps what it is told until it is let go."""

    def __init__(self, on: Observer) -> None:
        self._on = on
        self._kept: list[Event] | None = []

    def __call__(self, event: Event) -> None:
        """Keep an event, or pass it on."""
        if self._kept is None:
            self._on(event)
        else:
            self._kept.append(event)

    def let_go(self) -> None:
        """Pass on what was kept and keep nothing more."""
        kept, self._kept = self._kept or [], None
        for event in kept:
            self._on(event)
