"""The build graph: vertices joined by edges, each named by the digest of its definition.

A graph is a directed acyclic value that is built bottom up: ``Vertex(op, inputs)`` with ``inputs`` being edges of
older vertices. Two vertices with equal digests are the same work, whoever made them. Hints (names, lines,
``no_cache``) are outside the digest.

    base = Edge(Vertex(SourceOp("docker-image://docker.io/library/busybox:latest"), platform="linux/amd64"))
    top = Edge(Vertex(ExecOp(Meta(("/bin/sh", "-c", "make"))), (base,), Hints("[2/2] RUN make")))
"""

from __future__ import annotations

import binascii
import functools
import hashlib
import json
from collections.abc import Iterator

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scow.build.ops import Op


@value
class Lines:
    """Lines ``first`` to ``last`` (counted from 1) of a build file."""

    first: int
    last: int


@value
class SourceFile:
    """The text a graph was made from, for error messages."""

    name: str
    data: bytes


@value
class Hints:
    """What is known about a vertex beyond its work. ``name`` is what progress shows: ``[stage 2/5] RUN make``.

    ``group`` joins vertices in the display. ``no_cache``: run it even if a result is known.
    """

    name: str = ""
    no_cache: bool = False
    lines: tuple[Lines, ...] = ()
    file: SourceFile | None = None
    stage: str = ""
    group: str = ""


NO_HINTS = Hints()


def plain(thing: object) -> object:
    """JSON-able form of an op: a value becomes its class name and the fields that are not at their default."""
    if isinstance(thing, tuple):
        return [plain(t) for t in thing]
    if isinstance(thing, bytes):
        return {"base64": binascii.b2a_base64(thing, newline=False).decode()}
    fields: tuple[str, ...] | None = getattr(thing, "_fields", None)
    if fields is None:
        return thing
    defaults: Mapping[str, object] = getattr(thing, "_defaults", {})
    absent = object()
    named = ((f, getattr(thing, f)) for f in fields)
    return {"is": type(thing).__name__, **{f: plain(v) for f, v in named if v != defaults.get(f, absent)}}


def canonical(thing: object) -> bytes:
    """The one JSON text of a plain thing: sorted names, no blanks, ASCII."""
    return json.dumps(thing, sort_keys=True, separators=(",", ":")).encode()


@value
class Vertex:
    """One piece of work: an op over the outputs of other vertices. Equal by digest."""

    op: Op
    inputs: tuple[Edge, ...] = ()
    hints: Hints = NO_HINTS
    platform: str = ""

    def __post_init__(self) -> None:
        _ = self.digest  # now, while the inputs have theirs: later it would recurse through the whole graph

    @property
    def definition(self) -> dict[str, object]:
        """What the digest is taken of: op, platform, and the digests of the inputs."""
        inputs = [[e.vertex.digest, e.output] for e in self.inputs]
        return {"op": plain(self.op), "platform": self.platform, "inputs": inputs}

    @functools.cached_property
    def digest(self) -> str:
        """``sha256:...`` of the canonical definition."""
        return "sha256:" + hashlib.sha256(canonical(self.definition)).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vertex) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Vertex({self.hints.name or self.op!r})"


@value
class Edge:
    """One output of a vertex."""

    vertex: Vertex
    output: int = 0


def topological(edges: Iterable[Edge]) -> Iterator[Vertex]:
    """Every vertex that ``edges`` need, each once, inputs before what uses them. Deep graphs need no deep stack."""
    seen: set[str] = set()
    stack = [(e.vertex, False) for e in reversed(tuple(edges))]
    while stack:
        vertex, ready = stack.pop()
        if ready:
            yield vertex
        elif vertex.digest not in seen:
            seen.add(vertex.digest)
            stack.append((vertex, True))
            stack.extend((e.vertex, False) for e in reversed(vertex.inputs))


def describe(edges: Iterable[Edge]) -> list[dict[str, object]]:
    """The graph as plain JSON for golden files and ``scow build --print``: inputs are positions in the list instead
    of digests.
    """
    targets = tuple(edges)
    place: dict[str, int] = {}
    rows: list[dict[str, object]] = []
    for n, vertex in enumerate(topological(targets)):
        place[vertex.digest] = n
        row = {"op": plain(vertex.op), "inputs": [[place[e.vertex.digest], e.output] for e in vertex.inputs]}
        extra = {"platform": vertex.platform, "name": vertex.hints.name, "no_cache": vertex.hints.no_cache}
        rows.append({**row, **{k: v for k, v in extra.items() if v}})
    rows.append({"targets": [[place[e.vertex.digest], e.output] for e in targets]})
    return rows
