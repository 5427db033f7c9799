"""The solver: moves vertices through their states until the wanted edges are done.

One lock guards everything; what takes time (``_define``, ``_fingerprint``, ``_load``, ``_run``) is done by workers
without it. The calling thread is a worker; more are started while work is ready and nobody is free, so that steps
which only wait overlap. Equal digests are one node from the start, so nothing is ever merged while it runs (in
BuildKit, merging running edges is where the ``inconsistent graph state`` bugs were); different vertices that turn out
to have one cache key meet in ``cache.Flights``.
"""

from __future__ import annotations

import os
import threading
from collections import deque

from scow import errors
from scow.build import states
from scow.build.events import ignore
from scow.build.failures import failed
from scow.build.graph import topological
from scow.build.jobs import Cancel, Job, Serial
from scow.build.keys import content_key, definition_key, make_key
from scow.build.nodes import Node, Reporter
from scow.build.states import Action, Goal, State
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol, TypeAlias

    from scow.build.cache import Cache, Flight
    from scow.build.events import Observer
    from scow.build.graph import Edge, Vertex
    from scow.build.keys import CacheMap
    from scow.build.results import Result

    class Runner(Protocol):
        """How the ops of one kind are done."""

        def cache_map(self, vertex: Vertex, job: Job) -> CacheMap:
            """What identifies the work; may ask the outside (what a tag names now), but reads no input."""

        def run(self, vertex: Vertex, inputs: Sequence[Result], job: Job) -> Sequence[Result]:
            """Do it; the results by output."""

    class Runners(Protocol):
        """Finds the runner of a vertex."""

        def __call__(self, vertex: Vertex) -> Runner:
            """The runner; Unsupported if there is none."""

    Work: TypeAlias = "tuple[Node, states.Rule]"

MAX_WORKERS = 64


@value
class Options:
    """``no_cache``: nothing is looked up (``--no-cache``); single vertices say so in their hints
    (``--no-cache-filter``).
    """

    no_cache: bool = False
    max_workers: int = MAX_WORKERS


def solve(
    edges: Iterable[Edge], runners: Runners, cache: Cache, on: Observer = ignore, options: Options | None = None
) -> tuple[Result, ...]:
    """The results of ``edges``. The first fault cancels all other work and is raised as ``failed to solve: ...``."""
    return Solver(runners, cache, on, options or Options()).solve(tuple(edges))


class Solver:
    """One solve, or several one after another that share their vertices (a frontend that looks at results and goes
    on).
    """

    def __init__(self, runners: Runners, cache: Cache, on: Observer, options: Options) -> None:
        self.cancel = Cancel()
        self._runners = runners
        self._cache = cache
        self._on = Serial(on)
        self._options = options
        self._reporter = Reporter(self._on)
        self._changed = threading.Condition()
        self._nodes: dict[str, Node] = {}
        self._ready: deque[Work] = deque()
        self._idle = 0
        self._busy = 0
        self._workers: list[threading.Thread] = []
        self._savers: list[threading.Thread] = []
        self._fault: BaseException | None = None
        self._targets: list[Node] = []

    def solve(self, edges: tuple[Edge, ...]) -> tuple[Result, ...]:
        """See the function of the same name."""
        with self._changed:
            for vertex in topological(edges):
                self._add(vertex)
            self._targets = [self._nodes[e.vertex.digest] for e in edges]
            self._want([(n, Goal.RESULT) for n in self._targets])
        try:
            self._work(calling=True)
        except BaseException as fault:  # the user's ^C, mostly
            self._fail(None, fault)
            raise
        finally:
            self._wind_up()
        if self._fault is not None:
            raise self._fault
        return tuple(n.results[e.output] for n, e in zip(self._targets, edges, strict=True))

    # ── the state of things; all under the lock ─────────────────────────────────────────────────────────────────

    def _add(self, vertex: Vertex) -> None:
        node = self._nodes.get(vertex.digest)
        if node is None:
            inputs = tuple((self._nodes[e.vertex.digest], e.output) for e in vertex.inputs)
            self._nodes[vertex.digest] = Node(vertex, inputs, no_cache=self._options.no_cache)
        elif vertex.hints.no_cache and node.state is State.NEW:
            node.no_cache = True

    def _want(self, wishes: list[tuple[Node, Goal]]) -> None:
        """Raise what is wanted of some nodes and do what follows, without recursion: graphs may be deep."""
        look: deque[Node] = deque()

        def raise_goal(node: Node, goal: Goal, *, anyway: bool = False) -> None:
            if anyway or node.goal < goal:  # each node is looked at once per rise: paths to it may be very many
                node.goal = max(node.goal, goal)
                look.append(node)

        for node, goal in wishes:
            raise_goal(node, goal, anyway=True)
        while look:
            node = look.popleft()
            rule = None if node.busy else states.next_rule(node.situation())
            if rule is None:
                continue
            blocked = [(n, g) for n, g in node.needs(rule.needs) if not n.satisfies(g)]
            for other, _ in blocked:
                other.waiters.add(node)
            if not blocked:
                node.busy = True
                self._ready.append((node, rule))
                continue
            # Nothing made of what the cache has never seen can be in it, so that will have to run: begin at once.
            blocked += [(n, Goal.RESULT) for n, _ in node.inputs if n.unseen]
            for other, wanted in blocked:
                raise_goal(other, wanted)
        self._hire()
        self._changed.notify_all()

    def _hire(self) -> None:
        """Start workers for what is ready beyond those who are free."""
        missing = min(len(self._ready) - self._idle - 1, self._options.max_workers - len(self._workers) - 1)
        for _ in range(missing):
            worker = threading.Thread(target=self._work, name="solver", daemon=True)
            self._workers.append(worker)
            worker.start()

    def _over(self) -> bool:
        return self._fault is not None or all(t.state is State.DONE for t in self._targets)

    # ── workers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _next(self) -> Work | None:
        with self._changed:
            self._idle += 1
            while not self._ready and not self._over():
                assert self._busy, "nothing is under way and nothing is done"
                self._changed.wait()
            self._idle -= 1
            if self._over():
                return None
            self._busy += 1
            work = self._ready.popleft()
            self._hire()
            return work

    def _work(self, *, calling: bool = False) -> None:
        while (work := self._next()) is not None:
            node, rule = work
            try:
                self._do(node, rule.action)
            except BaseException as fault:
                self._fail(node, fault)
                if calling and not isinstance(fault, Exception):
                    raise
                if not isinstance(fault, (errors.Error, OSError)) and not calling:
                    raise  # a bug: its traceback belongs on the terminal, too
            else:
                with self._changed:
                    node.busy = False
                    node.state = rule.to
                    self._want([(node, Goal.NOTHING), *((w, Goal.NOTHING) for w in node.waiters)])
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _fail(self, node: Node | None, fault: BaseException) -> None:
        with self._changed:
            first = self._fault is None
            if first:
                told = node is not None and isinstance(fault, Exception)
                self._fault = failed(node.vertex, fault) if node and told else fault
            self._changed.notify_all()
        if node is not None:
            self._reporter.completed(node.vertex, error=str(fault) if first else "canceled")
        self.cancel.set()

    def _wind_up(self) -> None:
        """Wait for workers and for layers under way: what was finished before a fault stays in the cache."""
        with self._changed:
            self._changed.notify_all()
        for thread in [*self._workers, *self._savers]:
            thread.join()
        self._workers.clear()
        self._savers.clear()

    # ── actions; without the lock, each node by one worker at a time ────────────────────────────────────────────

    def _do(self, node: Node, action: Action) -> None:
        job = Job(node.vertex, self._on, self.cancel)
        self.cancel.check()
        match action:
            case Action.DEFINE:
                self._define(node, job)
            case Action.FINGERPRINT:
                self._fingerprint(node)
            case Action.LOAD:
                assert node.hit is not None
                node.results = node.hit
            case Action.RUN:
                self._run(node, job)

    def _define(self, node: Node, job: Job) -> None:
        node.runner = self._runners(node.vertex)
        node.map = node.runner.cache_map(node.vertex, job)
        if node.map.at_hand:
            self._reporter.cached(node.vertex)
        key = definition_key(node.map, tuple(n.known_as(o) for n, o in node.inputs))
        node.keys.append(key)
        if node.map.remember and node.no_cache:
            # Whatever depends on a forced run is built anew: the run gets a name nobody has seen.
            node.identity = make_key({"forced": key.digest, "nonce": os.urandom(16).hex()}).digest
        elif not node.map.remember or not node.slow:
            node.identity = key.digest
        self._probe(node, key.digest)

    def _fingerprint(self, node: Node) -> None:
        """The content key, and what is stored under it."""
        assert node.map is not None
        seen = [
            k.content(n.results[o]) if k.content else n.known_as(o)
            for k, (n, o) in zip(node.map.inputs, node.inputs, strict=True)
        ]
        key = content_key(node.map, tuple(seen))
        node.keys.append(key)
        if node.no_cache:
            return
        published, node.identity = node.identity, key.digest
        self._probe(node, key.digest)
        if node.hit is not None:
            self._file(node, node.hit)
        if published not in (None, node.identity):
            # The definition stood for something else when its result was lost, and dependants know it by that name.
            node.drifted, node.filed_as, node.identity = True, node.identity, published

    def _probe(self, node: Node, key: str) -> None:
        assert node.map is not None
        node.unseen = node.map.remember and node.identity is not None
        if node.no_cache or not node.map.remember:
            return
        found = self._cache.probe(key)
        if found is None:
            return
        node.unseen = False
        node.identity = found.identity
        if found.outputs is not None:
            node.hit = found.outputs
            self._reporter.cached(node.vertex)

    def _file(self, node: Node, results: Sequence[Result]) -> None:
        """Save a result under all keys of its vertex, unless an input is not what its name promises."""
        if any(n.drifted for n, _ in node.inputs):
            node.drifted = True
            return
        identity = node.filed_as or node.identity
        assert identity is not None
        self._cache.save(node.keys, identity, results, node.vertex.hints.name)

    def _run(self, node: Node, job: Job) -> None:
        assert node.map is not None and node.runner is not None and node.identity is not None
        remember = node.map.remember
        flight = None
        if remember and not node.no_cache:
            flight = self._cache.flights.enter(node.filed_as or node.identity, self.cancel)
            found = self._cache.probe(flight.identity)  # somebody may have finished since we looked
            if found is not None and found.outputs is not None:
                flight.leave()
                node.results = found.outputs
                self._reporter.cached(node.vertex)
                return
        try:
            if not node.map.at_hand:
                self._reporter.started(node.vertex)
            node.results = tuple(node.runner.run(node.vertex, [n.results[o] for n, o in node.inputs], job))
            if not node.map.at_hand:
                self._reporter.completed(node.vertex)
        except BaseException:
            if flight:
                flight.leave()
            raise
        if remember:
            self._save(node, flight)

    def _save(self, node: Node, flight: Flight | None) -> None:
        """File the result: now if its layers are there, else in a thread that waits for them."""

        def body() -> None:
            try:
                self._file(node, node.results)
            except BaseException as fault:
                self._fail(node, fault)
                if not isinstance(fault, (errors.Error, OSError)):
                    raise
            finally:
                if flight:
                    flight.leave()

        if all(r.ready() for r in node.results):
            body()
        else:
            saver = threading.Thread(target=body, name="cache record")
            with self._changed:
                self._savers.append(saver)
            saver.start()
