"""Fake vertices for the solver: they count their calls, take time, fail, and read each other's "content"."""

from __future__ import annotations

import hashlib
import threading
import time

import pytest

from scow import errors
from scow.build.cache import Cache, Record
from scow.build.graph import Edge, Hints, Vertex
from scow.build.keys import CacheMap, Content, InputKey
from scow.build.ops import SourceOp
from scow.build.results import Pending, Stack
from scow.build.solver import Options, Solver
from scow.oci.digest import Digest


class Memory:
    """Records in a dict."""

    def __init__(self):
        self.rows: dict[str, Record] = {}

    def find(self, key):
        return self.rows.get(key)

    def save(self, record):
        self.rows[record.key] = record


class Lab:
    """A store of fake layers, a cache, and vertices whose behaviour is set by name."""

    def __init__(self):
        self.memory = Memory()
        self.layers: set[Digest] = set()
        self.cache = Cache(self.memory, self.layers.__contains__)
        self.calls: list[tuple[str, str]] = []
        self.behaviour: dict[str, dict] = {}
        self.events: list = []
        self.lock = threading.Lock()

    def vertex(self, name, *inputs, reads=(), no_cache=False, **behaviour):
        """``reads``: the inputs whose content counts. ``behaviour``: sleep fail content outputs source pending."""
        self.behaviour[name] = {**behaviour, "reads": reads}
        edges = tuple(i if isinstance(i, Edge) else Edge(i) for i in inputs)
        return Vertex(SourceOp(f"fake://{name}"), edges, Hints(name, no_cache=no_cache))

    def count(self, what, name=None):
        return len([1 for w, n in self.calls if w == what and name in (None, n)])

    def ran(self):
        return sorted(n for w, n in self.calls if w == "run")

    def note(self, what, name):
        with self.lock:
            self.calls.append((what, name))

    def solve(self, *vertices, runners=None, **options):
        self.calls.clear()
        self.events.clear()
        edges = tuple(v if isinstance(v, Edge) else Edge(v) for v in vertices)
        self.solver = Solver(runners or (lambda _: Fake(self)), self.cache, self.events.append, Options(**options))
        return self.solver.solve(edges)


class Fake:
    def __init__(self, lab):
        self.lab = lab

    def cache_map(self, vertex, job):
        name = vertex.op.identifier.removeprefix("fake://")
        behaviour = self.lab.behaviour[name]
        self.lab.note("map", name)

        def content(result):
            self.lab.note("read", name)
            return Content(hashlib.sha256(repr(result.settled()).encode()).hexdigest())

        keys = tuple(InputKey("", content if n in behaviour["reads"] else None) for n in range(len(vertex.inputs)))
        return CacheMap({"name": behaviour.get("alias", name), "nonce": behaviour.get("nonce", "")}, keys,
                        remember=not behaviour.get("source"))  # fmt: skip

    def run(self, vertex, inputs, job):
        name = vertex.op.identifier.removeprefix("fake://")
        b = self.lab.behaviour[name]
        self.lab.note("run", name)
        end = time.monotonic() + b.get("sleep", 0)
        while time.monotonic() < end:
            if job.cancel.is_set():
                self.lab.note("cancelled", name)
                raise errors.Unavailable("canceled")
            time.sleep(0.005)
        if b.get("fail"):
            raise b["fail"] if isinstance(b["fail"], BaseException) else errors.Invalid(b["fail"])
        below = inputs[0] if inputs and 0 not in b["reads"] else Stack()
        return [self._layer(below, name, b, n) for n in range(b.get("outputs", 1))]

    def _layer(self, below, name, b, n):
        layer = Digest.of(f"{b.get('content', name)}{n}".encode())
        self.lab.layers.add(layer)
        if not b.get("pending"):
            return below.push(layer)
        pending = Pending(f"key-{name}")

        def later():
            time.sleep(b["pending"])
            pending.fail(b["broken"]) if b.get("broken") else pending.resolve(layer)

        threading.Thread(target=later).start()
        return below.push(pending)


@pytest.fixture
def lab():
    return Lab()


@pytest.fixture
def new_lab():
    return Lab
