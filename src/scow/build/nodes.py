"""One vertex while it is solved, and how its progress is told."""

from __future__ import annotations

import threading
import time

from scow.build.events import VertexUpdate
from scow.build.keys import of_output
from scow.build.states import Goal, Needs, Situation, State
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from scow.build.events import Observer
    from scow.build.graph import Vertex
    from scow.build.keys import CacheKey, CacheMap
    from scow.build.results import Result
    from scow.build.solver import Runner


class Node:
    """What is known of a vertex. ``busy``: a worker has it; ``waiters``: the nodes that look again when it has
    moved.
    """

    def __init__(self, vertex: Vertex, inputs: tuple[tuple[Node, int], ...], *, no_cache: bool) -> None:
        self.vertex = vertex
        self.inputs = inputs
        self.no_cache = no_cache or vertex.hints.no_cache
        self.state = State.NEW
        self.goal = Goal.NOTHING
        self.busy = False
        self.waiters: set[Node] = set()
        self.runner: Runner | None = None
        self.map: CacheMap | None = None
        self.keys: list[CacheKey] = []
        self.identity: str | None = None
        self.filed_as: str | None = None
        """The name its result is stored under, where that is not its identity."""
        self.unseen = False
        """Its identity is known, and the cache has no record of it."""
        self.drifted = False
        """Its content is not what its identity stands for, so nothing made of it may be stored."""
        self.hit: tuple[Result, ...] | None = None
        self.results: tuple[Result, ...] = ()

    @property
    def slow(self) -> bool:
        """Whether the content of some input counts."""
        return self.map is not None and any(k.content for k in self.map.inputs)

    def situation(self) -> Situation:
        """What the table of rules looks at."""
        return Situation(self.state, self.goal, self.identity is not None, self.slow, self.hit is not None)

    def satisfies(self, goal: Goal) -> bool:
        """Whether as much is known as somebody wants."""
        if goal is Goal.RESULT:
            return self.state is State.DONE
        return goal is Goal.NOTHING or (self.identity is not None and self.state is not State.NEW)

    def needs(self, needs: Needs) -> Iterator[tuple[Node, Goal]]:
        """Which inputs a rule wants to have how far."""
        for n, (node, _) in enumerate(self.inputs):
            if needs is Needs.KEYS:
                yield node, Goal.KEY
            elif needs is Needs.RESULTS or (needs is Needs.READ and self.map and self.map.inputs[n].content):
                yield node, Goal.RESULT

    def known_as(self, output: int) -> str:
        """The identity of one output."""
        assert self.identity is not None
        return of_output(self.identity, output)


class Reporter:
    """Tells an observer of vertices: each update has all that is known of the vertex."""

    def __init__(self, on: Observer) -> None:
        self._on = on
        self._lock = threading.Lock()
        self._told: dict[str, VertexUpdate] = {}

    def _base(self, vertex: Vertex) -> VertexUpdate:
        known = self._told.get(vertex.digest)
        if known is not None:
            return known
        inputs = tuple(e.vertex.digest for e in vertex.inputs)
        hints = vertex.hints
        return VertexUpdate(vertex.digest, hints.name, inputs, stage=hints.stage, group=hints.group)

    def _tell(self, vertex: Vertex, **changes: object) -> None:
        with self._lock:
            update = self._told[vertex.digest] = replace(self._base(vertex), **changes)
        self._on(update)

    def started(self, vertex: Vertex) -> None:
        """Work begins."""
        self._tell(vertex, started=time.time_ns(), completed=0, cached=False)

    def cached(self, vertex: Vertex) -> None:
        """The result was found."""
        now = time.time_ns()
        self._tell(vertex, started=now, completed=now, cached=True)

    def completed(self, vertex: Vertex, error: str = "") -> None:
        """Work ended."""
        now = time.time_ns()
        self._tell(vertex, started=self._base(vertex).started or now, completed=now, error=error)
