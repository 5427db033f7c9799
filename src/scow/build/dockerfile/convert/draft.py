"""Vertices that can still change: what a local context has to send is known only when all stages are converted.

Drafts are linked like vertices and become vertices all at once. No draft stands for an empty file system (scratch).
"""

from __future__ import annotations

from scow.build.graph import NO_HINTS, Edge, Hints, Vertex
from scow.build.ops import NONE, Copy, FileAction, FileOp, MkDir, MkFile
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from scow.build.ops import Op

    Action: TypeAlias = Copy | MkFile | MkDir


class Draft:
    """A vertex to be; its first output is what other drafts use. ``op`` may be a function, called at the end."""

    def __init__(
        self,
        op: Op | Callable[[], Op],
        inputs: tuple[Draft, ...] = (),
        hints: Hints = NO_HINTS,
        platform: str = "",
    ) -> None:
        self.op, self.inputs, self.hints, self.platform = op, inputs, hints, platform
        self.edge: Edge | None = None

    @staticmethod
    def of(edge: Edge) -> Draft:
        """A draft for an edge that exists."""
        draft = Draft(edge.vertex.op)
        draft.edge = edge
        return draft

    def final(self) -> Edge:
        """The edge of this draft, with all it needs. Deep graphs need no deep stack."""
        stack = [self]
        while stack:
            draft = stack[-1]
            waiting = [d for d in draft.inputs if d.edge is None] if draft.edge is None else []
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if draft.edge is None:
                op = draft.op() if callable(draft.op) else draft.op
                edges = tuple(d.edge for d in draft.inputs if d.edge is not None)
                draft.edge = Edge(Vertex(op, edges, draft.hints, draft.platform))
        if self.edge is None:
            raise AssertionError("a draft was not made final")
        return self.edge


class Inputs:
    """Collects the inputs of an op; equal ones are listed once."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []

    def add(self, draft: Draft | None) -> int:
        """The index of ``draft``, NONE for scratch."""
        if draft is None:
            return NONE
        if draft not in self.drafts:
            self.drafts.append(draft)
        return self.drafts.index(draft)


@value
class Change:
    """One action of a FileOp before indices are known; ``source`` is what a Copy copies from."""

    action: Action
    source: Draft | None = None


def file_draft(base: Draft | None, changes: list[Change], hints: Hints) -> Draft:
    """A FileOp that does ``changes`` in order on top of ``base``."""
    inputs = Inputs()
    first = inputs.add(base)
    sources = [inputs.add(c.source) for c in changes]
    size, last = len(inputs.drafts), len(changes) - 1
    actions = tuple(
        FileAction(c.action, first if n == 0 else size + n - 1, sources[n], 0 if n == last else NONE)
        for n, c in enumerate(changes)
    )
    return Draft(FileOp(actions), tuple(inputs.drafts), hints)


def inline_file(path: str, data: bytes, mode: int) -> Draft:
    """A tree that holds one file made of the Dockerfile's text."""
    return file_draft(None, [Change(MkFile(path, data, mode))], Hints("[internal] preparing inline document"))
