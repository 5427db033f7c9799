"""Progress of a build as values: BuildKit's ``moby.buildkit.v1.StatusResponse`` messages.

They are handed to ``on: Observer`` from the thread that made them, one at a time. Times are nanoseconds since 1970, 0
is *not yet*.
"""

from __future__ import annotations

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from scow.build.graph import Lines, SourceFile


@value
class VertexUpdate:
    """All that is known of one vertex now; the latest update counts. ``cached``: no work was done. ``error``: why it
    failed.
    """

    vertex: str
    name: str
    inputs: tuple[str, ...] = ()
    started: int = 0
    completed: int = 0
    cached: bool = False
    error: str = ""
    stage: str = ""
    group: str = ""


@value
class VertexStatus:
    """One piece of work inside a vertex (``extracting sha256:...``): ``current`` of ``total``, which is 0 if
    unknown.
    """

    vertex: str
    id: str
    name: str
    current: int = 0
    total: int = 0
    timestamp: int = 0
    started: int = 0
    completed: int = 0


@value
class VertexLog:
    """What a RUN wrote. ``stream``: 1 standard output, 2 standard error. ``data`` is as written, not cut into lines."""

    vertex: str
    stream: int
    data: bytes
    timestamp: int = 0


@value
class VertexWarning:
    """Something the user should know. ``level`` as BuildKit's, 1 is a lint rule's finding."""

    vertex: str
    short: str
    level: int = 1
    detail: tuple[str, ...] = ()
    url: str = ""
    file: SourceFile | None = None
    lines: tuple[Lines, ...] = ()


if TYPE_CHECKING:
    Event: TypeAlias = VertexUpdate | VertexStatus | VertexLog | VertexWarning
    Observer: TypeAlias = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """The observer of whoever does not care."""
