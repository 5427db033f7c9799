"""The progress events that the doors show, named where doors may import them from."""

from __future__ import annotations

from scow.build.events import VertexLog, VertexStatus, VertexUpdate, VertexWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    BuildEvent: TypeAlias = VertexUpdate | VertexStatus | VertexLog | VertexWarning

__all__ = ["BuildEvent", "VertexLog", "VertexStatus", "VertexUpdate", "VertexWarning"]
