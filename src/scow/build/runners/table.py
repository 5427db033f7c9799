"""Which runner does which op."""

from __future__ import annotations

from scow import errors
from scow.build.ops import DiffOp, ExecOp, FileOp, MergeOp, SourceOp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scow.build.graph import Vertex
    from scow.build.solver import Runner

KINDS = {ExecOp: "exec", FileOp: "file", MergeOp: "layers", DiffOp: "layers"}


class Table:
    """Runners by kind of op; sources by scheme."""

    def __init__(self, runners: Mapping[str, Runner]) -> None:
        self._runners = runners

    def __call__(self, vertex: Vertex) -> Runner:
        """The runner of a vertex; Unsupported names what there is none for."""
        op = vertex.op
        kind = op.identifier.partition("://")[0] if isinstance(op, SourceOp) else KINDS[type(op)]
        found = self._runners.get(kind)
        if found is None:
            raise errors.Unsupported(f"build source {kind}://")
        return found
