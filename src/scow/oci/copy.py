"""copy: pull, push, save, load and mirror are all this.

Children are there before what points to them, so whoever sees a root in a sink may rely on everything below it; an
interrupted copy leaves blobs that the next one does not move again.
"""

from __future__ import annotations

import io
import threading

from scow.errors import Corrupt
from scow.oci import graph, media_types
from scow.oci.crew import Crew
from scow.oci.events import Done, Found, Present, Progress, Skipped, Started
from scow.oci.platform import Platform, matches
from scow.oci.streams import Through
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.oci.protocols import Observer, Opener, Putter

MAX_NODES = 100_000
"""How many blobs one root may hold together."""
_STEP = 1 << 19


@value
class Choice:
    """What of the graph is copied."""

    platforms: tuple[Platform, ...] = ()
    """Of an index, only what runs on one of these (all, if empty). The index keeps listing the others."""
    foreign: bool = False
    """Whether foreign (nondistributable) layers are copied too; registries must not be given them."""


def copy(
    source: Opener,
    root: Descriptor,
    sink: Putter,
    *,
    jobs: int = 4,
    on: Observer | None = None,
    choice: Choice | None = None,
) -> None:
    """Bring ``root`` and all below it into ``sink``: children first, root last, each blob once, missing ones only.

    Up to ``jobs`` blobs move at once. The first error stops the others and is raised. Every document is looked into,
    also those that the sink has: one that came as some other image's "layer" came without its children. To spare a
    registry these reads, give ``overlay.Preferring(store, registry)`` as the source.
    """
    crew = Crew(jobs)
    job = _Copy(source, sink, crew, on, choice or Choice())
    job.visit([root], None)
    crew.run()
    if job.unfinished():
        raise Corrupt(f"{root.digest}: contains itself")


class _Node:
    """One blob on its way, and what waits for it."""

    __slots__ = ("blob", "depth", "parents", "present", "raw", "waiting")

    def __init__(self, blob: Descriptor, depth: int) -> None:
        self.blob = blob
        self.depth = depth
        self.raw: bytes | None = None
        self.present = False
        self.waiting = 0
        self.parents: list[_Node] = []

    def task(self, do: Callable[[_Node], None]) -> Callable[[], None]:
        return lambda: do(self)


class _Copy:
    def __init__(self, source: Opener, sink: Putter, crew: Crew, on: Observer | None, choice: Choice) -> None:
        self.source = source
        self.sink = sink
        self.crew = crew
        self.choice = choice
        self._on = on
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._nodes: dict[Digest, _Node | None] = {}
        """Every blob met so far; None once it is in the sink."""

    def unfinished(self) -> bool:
        """Whether blobs wait for each other."""
        return any(node is not None for node in self._nodes.values())

    def tell(self, event: object) -> None:
        if self._on is not None:
            with self._telling:
                self._on(event)

    def visit(self, blobs: Sequence[Descriptor], parent: _Node | None) -> None:
        """Meet blobs: each becomes a task the first time; all are told of before any begins, in their order."""
        new = [node for blob in blobs if (node := self._meet(blob, parent))]
        for node in new:
            self.tell(Found(node.blob))
        for node in new:
            self.crew.add(node.task(self._begin))

    def _meet(self, blob: Descriptor, parent: _Node | None) -> _Node | None:
        """Let ``parent`` wait for the blob unless it is there already; its node if it is new."""
        with self._lock:
            new = blob.digest not in self._nodes
            depth = parent.depth + 1 if parent else 0
            if new and (len(self._nodes) >= MAX_NODES or depth > graph.MAX_NESTING + 1):
                raise Corrupt(f"{blob.digest}: there are too many blobs, or they are nested too deep")
            node = self._nodes.setdefault(blob.digest, _Node(blob, depth))
            if node is not None and parent is not None:
                node.parents.append(parent)
                parent.waiting += 1
        return node if new else None

    def _begin(self, node: _Node) -> None:
        blob = node.blob
        node.present = self.sink.has(blob)
        if not graph.is_document(blob):
            return self._finish(node)
        doc = graph.document(self.source, blob)
        node.raw = doc.raw
        node.waiting = 1  # this visit itself, so that quick children do not finish the node before all are met
        self.visit(self._wanted(graph.references(doc)), node)
        return self._child_done(node)

    def _wanted(self, found: Sequence[Descriptor]) -> list[Descriptor]:
        wanted = []
        for child in found:
            reason = self._reason_to_skip(child)
            if reason is None:
                wanted.append(child)
            else:
                self.tell(Skipped(child, reason))
        return wanted

    def _reason_to_skip(self, child: Descriptor) -> str | None:
        if media_types.is_foreign(child.media_type) and not self.choice.foreign:
            return "foreign layer"
        offered, wanted = child.platform, self.choice.platforms
        if wanted and offered and not any(matches(p, offered) for p in wanted):
            return "other platform"
        return None

    def _child_done(self, node: _Node) -> None:
        with self._lock:
            node.waiting -= 1
            if node.waiting:
                return
        self._finish(node)

    def _finish(self, node: _Node) -> None:
        """All children are there: move the blob itself, then let its parents know."""
        if node.present:
            self.tell(Present(node.blob))
        else:
            self.tell(Started(node.blob))
            self._put(node)
            self.tell(Done(node.blob))
        with self._lock:
            self._nodes[node.blob.digest] = None
        for parent in node.parents:
            self._child_done(parent)

    def _put(self, node: _Node) -> None:
        self.crew.check()
        raw = node.raw if node.raw is not None else node.blob.data
        opened = io.BytesIO(raw) if raw is not None else self.source.open(node.blob)
        with _Watch(opened, node.blob, self).buffered() as content:
            self.sink.put(node.blob, content)


class _Watch(Through):
    """Tells progress, and gives up when another blob has failed."""

    def __init__(self, stream: BinaryIO, blob: Descriptor, copy: _Copy) -> None:
        super().__init__(stream)
        self.blob = blob
        self.copy = copy
        self.offset = 0
        self.told = 0

    def saw(self, data: memoryview) -> None:
        self.copy.crew.check()
        self.offset += len(data)
        if self.offset - self.told >= _STEP:
            self.told = self.offset
            self.copy.tell(Progress(self.blob, self.offset))
