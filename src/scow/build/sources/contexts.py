"""``local://``: build contexts by name, each a directory of this machine or a stack of layers (an archive, a
repository).
"""

from __future__ import annotations

import json
import os
import threading

from scow import errors
from scow.build.ignore import Ignore
from scow.build.keys import CacheMap
from scow.build.ops import Attr
from scow.build.results import Stack
from scow.build.sources.local import LocalTree
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    from scow.build.graph import Vertex
    from scow.build.jobs import Job
    from scow.build.ops import SourceOp
    from scow.build.results import Result
    from scow.oci.digest import Digest

    Where: TypeAlias = "str | Stack"

SCHEME = "local://"


@value
class Context:
    """A directory as a step's input; a Result that is no stack."""

    tree: LocalTree

    def files(self) -> LocalTree:
        """The tree to read."""
        return self.tree

    def settled(self) -> tuple[Digest, ...] | None:
        """It is no stack of layers."""
        return None

    def ready(self) -> bool:
        """Nothing is under way."""
        return True


class ContextRunner:
    """``places``: what each name stands for. ``memory`` makes the memory of file digests for a directory."""

    def __init__(self, places: Mapping[str, Where], memory: Callable[[str], Any] | None = None) -> None:
        self._places = places
        self._memory = memory
        self._trees: dict[tuple[str, str], LocalTree] = {}
        self._lock = threading.Lock()

    def cache_map(self, vertex: Vertex, job: Job) -> CacheMap:  # noqa: ARG002
        """A directory has no name that would say what is in it: only the content that is read counts."""
        name, place = self._place(vertex)
        if isinstance(place, Stack):
            return CacheMap({"layers": [str(d) for d in place.settled()]}, (), remember=False)
        return CacheMap({"local": name, "session": os.urandom(16).hex()}, (), remember=False)

    def run(self, vertex: Vertex, inputs: Sequence[Result], job: Job) -> Sequence[Result]:  # noqa: ARG002
        """The tree; what is not asked for is not read."""
        name, place = self._place(vertex)
        if isinstance(place, Stack):
            return [place]
        op: SourceOp = vertex.op  # type: ignore[assignment]
        exclude = op.attr(Attr.EXCLUDE)
        with self._lock:
            tree = self._trees.get((name, exclude))
            if tree is None:
                rules = Ignore(json.loads(exclude)) if exclude else None
                memory = self._memory(place) if self._memory else None
                tree = self._trees[name, exclude] = LocalTree(place, rules, memory)
        return [Context(tree)]

    def _place(self, vertex: Vertex) -> tuple[str, Where]:
        op: SourceOp = vertex.op  # type: ignore[assignment]
        name = op.identifier.removeprefix(SCHEME)
        if name not in self._places:
            raise errors.NotFound(f"no local source {name!r}", hint=f"pass --build-context {name}=DIRECTORY")
        return name, self._places[name]

    def close(self) -> None:
        """Remember what was digested, and close."""
        for tree in self._trees.values():
            tree.save()
            tree.close()
        self._trees.clear()
