"""MergeOp and DiffOp: stacks of layers put together and taken apart; no byte is read."""

from __future__ import annotations

from scow import errors
from scow.build.graph import plain
from scow.build.keys import CacheMap, InputKey
from scow.build.ops import NONE, DiffOp, MergeOp
from scow.build.results import SCRATCH, Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from scow.build.graph import Vertex
    from scow.build.jobs import Job
    from scow.build.results import Result


class LayerRunner:
    """Results are made of their inputs' layers alone, so there is nothing worth remembering."""

    def cache_map(self, vertex: Vertex, job: Job) -> CacheMap:  # noqa: ARG002
        """Inputs count by identity."""
        return CacheMap({"op": plain(vertex.op)}, tuple(InputKey() for _ in vertex.inputs), remember=False)

    def run(self, vertex: Vertex, inputs: Sequence[Result], job: Job) -> Sequence[Result]:  # noqa: ARG002
        """The stack."""
        op = vertex.op
        if isinstance(op, MergeOp):
            made = SCRATCH
            for n in op.inputs:
                made = _stack(inputs, n).on_top_of(made)
            return [made]
        assert isinstance(op, DiffOp)
        lower, upper = _stack(inputs, op.lower), _stack(inputs, op.upper)
        below = lower.members
        if upper.members[: len(below)] != below:
            raise errors.Unsupported("a diff of trees where one was not built on the other")
        return [Stack(upper.members[len(below) :])]


def _stack(inputs: Sequence[Result], index: int) -> Stack:
    if index == NONE:
        return SCRATCH
    found = inputs[index]
    if not isinstance(found, Stack):
        raise errors.Unsupported("a build context has no layers to merge")
    return found
