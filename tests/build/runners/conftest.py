"""A real store in ``tmp_path``, contexts on disk, and builds of hand-made graphs."""

from __future__ import annotations

import os
import tarfile

import pytest

from scow.build.cache import Cache
from scow.build.graph import Edge, Hints, Vertex
from scow.build.jobs import Cancel
from scow.build.keys import CacheMap
from scow.build.ops import Copy, FileAction, FileOp, SourceOp
from scow.build.records import StoreRecords
from scow.build.results import SCRATCH, Stack
from scow.build.runners.fileop import FileRunner
from scow.build.solver import Options, Solver
from scow.build.sources.local import LocalTree
from scow.build.world import World
from scow.store.store import open_store


class Bench:
    """Contexts by name, images by name (stacks), the store, and ``solve``."""

    def __init__(self, root):
        self.root = str(root)
        self.store = open_store(f"{root}/root", f"{root}/run")
        if not hasattr(self.store, "layers"):
            from scow.store.snapshots import Snapshotter

            self.store.layers = Snapshotter(self.store.paths)
        self.world = World(self.store)
        self.contexts: dict[str, LocalTree] = {}
        self.images: dict[str, Stack] = {}
        self.events: list = []
        self.cancel = Cancel()

    def context(self, files, name="ctx", ignore=None):
        """``files``: path -> bytes, None (directory), or "-> target"."""
        top = os.path.join(self.root, name)
        os.makedirs(top, exist_ok=True)
        for path, content in files.items():
            full = os.path.join(top, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if content is None:
                os.makedirs(full, exist_ok=True)
            elif isinstance(content, str):
                os.symlink(content.removeprefix("-> "), full)
            else:
                with open(full, "wb") as f:
                    f.write(content)
        self.contexts[name] = LocalTree(top, ignore)
        return Edge(Vertex(SourceOp(f"local://{name}")))

    def image(self, name, *layers):
        """An image of layers, each {path: content as above, or (mode, uid, gid[, content])}."""
        from scow.wire.tar import Entry, Writer

        stack = SCRATCH
        for files in layers:
            with self.store.layers.writer() as out:
                writer = Writer(out)
                for path, content in sorted(files.items()):
                    writer.add(*entry_of(Entry, path, content))
                writer.close()
                stack = stack.push(out.finish().diff_id)
        self.images[name] = stack
        return Edge(Vertex(SourceOp(f"image://{name}")))

    def copy(self, source, base=None, **fields):
        inputs = (*((base,) if base else ()), source)
        action = FileAction(Copy(**fields), 0 if base else -1, len(inputs) - 1, 0)
        return Edge(Vertex(FileOp((action,)), inputs, Hints(f"COPY {fields['src']} {fields['dest']}")))

    def runners(self, vertex):
        if isinstance(vertex.op, FileOp):
            return FileRunner(self.world)
        return Sources(self)

    def solve(self, *edges, **options):
        self.events.clear()
        records = StoreRecords(self.store.state, lambda d: 1)
        present = lambda d: self.store.layers.layers.find(d) is not None  # noqa: E731
        cache = Cache(records, present)
        results = Solver(self.runners, cache, self.events.append, Options(**options)).solve(edges)
        records.flush()
        return results

    def layer(self, edge):
        """The names and properties in the topmost layer: name -> tarfile.TarInfo, in order."""
        (stack,) = self.solve(edge)
        return self.members(stack.settled()[-1])

    def members(self, digest):
        with self.store.layers.open(digest) as f, tarfile.open(fileobj=f) as tar:
            return {m.name: m for m in tar.getmembers()}

    def data(self, edge, name):
        (stack,) = self.solve(edge)
        with self.store.layers.open(stack.settled()[-1]) as f, tarfile.open(fileobj=f) as tar:
            return tar.extractfile(name).read()

    def cached(self):
        return {e.name: e.cached for e in self.events if hasattr(e, "cached")}


def entry_of(entry, path, content):
    mode, uid, gid = 0o755 if content is None else 0o644, 0, 0
    if isinstance(content, tuple):
        mode, uid, gid, content = (*content, None)[:4]
    if content is None:
        return entry(path.encode(), "dir", mode, uid, gid, 0, 10**18), None
    if isinstance(content, str):
        return entry(path.encode(), "symlink", 0o777, uid, gid, 0, 10**18, content.removeprefix("-> ").encode()), None
    return entry(path.encode(), "file", mode, uid, gid, len(content), 10**18), content


class Sources:
    def __init__(self, bench):
        self.bench = bench

    def cache_map(self, vertex, job):
        kind = vertex.op.identifier.partition("://")[0]
        nonce = os.urandom(8).hex() if kind == "local" else ""
        return CacheMap({"source": vertex.op.identifier, "nonce": nonce}, (), remember=False)

    def run(self, vertex, inputs, job):
        kind, _, name = vertex.op.identifier.partition("://")
        return [Context(self.bench.contexts[name]) if kind == "local" else self.bench.images[name]]


class Context:
    def __init__(self, tree):
        self.files = lambda: tree

    def settled(self):
        return None

    def ready(self):
        return True


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    with open("/proc/self/mountinfo") as f:
        points = [line.split()[4] for line in f if str(tmp_path) in line]
    for point in reversed(points):
        os.system(f"umount -l '{point}'")
    made.store.close()
