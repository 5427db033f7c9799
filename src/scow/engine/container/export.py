"""``export`` and ``diff``: a container's files as one tar, and what it has changed."""

from __future__ import annotations

import os

from scow.engine.container.scaffold import scaffold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from scow.store.containers import ContainerRecord
    from scow.store.store import Store

    class Out(Protocol):
        """Where the tar goes."""

        def write(self, data: bytes | memoryview, /) -> object: ...  # noqa: D102


PIECE = 1 << 20


def export(store: Store, record: ContainerRecord, out: Out) -> tuple[str, ...]:
    """Write all of the container's root file system: image and changes, without volumes and what is mounted.

    What could not be read is not in it; returned are docker's words for that.
    """
    from scow.engine.container.copying.session import Session

    with Session(store, record, into=False, bare=True) as session:
        session.send({"do": "pack", "path": "", "name": ""})
        while piece := os.read(session.pipe, PIECE):
            out.write(piece)
        session.end_pipe()
        return tuple(session.finish()["skipped"])


def diff(store: Store, record: ContainerRecord) -> list[tuple[str, str]]:
    """What the container has changed: ("A" added, "C" changed, "D" deleted) and the path, as docker lists it."""
    ours = {f"/{path}" for path in scaffold(store, record)}
    return [(kind, path) for kind, path in store.layers.changes(record.id) if path not in ours]
