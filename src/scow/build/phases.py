"""Pieces of a build that are no vertices, shown as if they were: loading the build file, exporting."""

from __future__ import annotations

import contextlib
import hashlib
import time

from scow import errors
from scow.build.events import VertexUpdate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from scow.build.events import Observer


@contextlib.contextmanager
def phase(on: Observer, name: str) -> Iterator[str]:
    """Show a piece of work that is no vertex as one; its digest is handed out for statuses."""
    digest = "sha256:" + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    started = time.time_ns()
    on(VertexUpdate(digest, name, started=started))
    try:
        yield digest
    except errors.Error as fault:
        on(VertexUpdate(digest, name, started=started, completed=time.time_ns(), error=str(fault)))
        raise
    on(VertexUpdate(digest, name, started=started, completed=time.time_ns()))
