"""``--progress rawjson``: one JSON object a line, BuildKit's ``SolveStatus`` with its field names."""

from __future__ import annotations

import json

from scow.cli.progress.model import Display
from scow.cli.units import rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.engine.events import BuildEvent, VertexLog, VertexStatus, VertexUpdate, VertexWarning


def _times(event: VertexUpdate | VertexStatus) -> dict[str, str]:
    names = {"started": event.started, "completed": event.completed}
    return {n: rfc3339(t) for n, t in names.items() if t}


def _vertex(event: VertexUpdate) -> dict[str, object]:
    found: dict[str, object] = {"digest": event.vertex}
    if event.inputs:
        found["inputs"] = list(event.inputs)
    found.update({"name": event.name, **_times(event)})
    if event.cached:
        found["cached"] = True
    if event.error:
        found["error"] = event.error
    return found


def _status(event: VertexStatus) -> dict[str, object]:
    found: dict[str, object] = {"id": event.id, "vertex": event.vertex, "name": event.name, "current": event.current}
    if event.total:
        found["total"] = event.total
    return {**found, "timestamp": rfc3339(event.timestamp), **_times(event)}


def _log(event: VertexLog) -> dict[str, object]:
    import base64

    data = base64.b64encode(event.data).decode()
    return {"vertex": event.vertex, "stream": event.stream, "data": data, "timestamp": rfc3339(event.timestamp)}


def _warning(event: VertexWarning) -> dict[str, object]:
    import base64

    short = base64.b64encode(event.short.encode()).decode()
    found: dict[str, object] = {"vertex": event.vertex, "level": event.level, "short": short}
    if event.detail:
        found["detail"] = [base64.b64encode(d.encode()).decode() for d in event.detail]
    if event.url:
        found["url"] = event.url
    return found


FORMS = {"VertexUpdate": ("vertexes", _vertex), "VertexStatus": ("statuses", _status),
         "VertexLog": ("logs", _log), "VertexWarning": ("warnings", _warning)}  # fmt: skip


class RawJson(Display):
    """Every event as it comes."""

    def __call__(self, event: BuildEvent) -> None:
        """Write one line."""
        super().__call__(event)
        name, form = FORMS[type(event).__name__]
        line = json.dumps({name: [form(event)]}, ensure_ascii=False, separators=(",", ":"))  # type: ignore[operator]
        with self.lock:
            self.stream.write(line + "\n")
            self.stream.flush()
