"""Which runner does which op."""

from __future__ import annotations

import threading

from scow import errors
from scow.build.ops import DiffOp, ExecOp, FileOp, MergeOp, SourceOp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scow.build.graph import Vertex
    from scow.build.solver import Runner

KINDS = {ExecOp: "exec", FileOp: "file", MergeOp: "layers", DiffOp: "layers"}


class Table:
    """Runners by kind of op; sources by scheme. Each is made when the first vertex wants it: most builds want two."""

    def __init__(self, makers: Mapping[str, Callable[[], Runner]]) -> None:
        self._makers = makers
        self._made: dict[str, Runner] = {}
        self._lock = threading.Lock()

    def __call__(self, vertex: Vertex) -> Runner:
        """The runner of a vertex; Unsupported names what there is none for."""
        op = vertex.op
        kind = op.identifier.partition("://")[0] if isinstance(op, SourceOp) else KINDS[type(op)]
        if kind not in self._makers:
            raise errors.Unsupported(f"build source {kind}://")
        with self._lock:
            if kind not in self._made:
                self._made[kind] = self._makers[kind]()
            return self._made[kind]
