"""What runners work with: the store's layers, trees over results, and the settings of one build.

The solver knows nothing of it. Everything a runner asks of other rooms goes through here, so that it is visible in
one place.
"""

from __future__ import annotations

import contextlib
import threading
import time

from scow import errors
from scow.build.results import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from scow.build.draft import Draft
    from scow.build.files import Files
    from scow.build.jobs import Job
    from scow.build.layertree import LayerTree
    from scow.build.results import Result
    from scow.build.unpacking import Unpacker
    from scow.oci.digest import Digest


class World:
    """One build's view of the store. ``epoch``: SOURCE_DATE_EPOCH in ns, with ``rewrite`` for no file newer than it."""

    def __init__(self, store: Any, *, lease: Any = None, epoch: int | None = None, rewrite: bool = False) -> None:
        self.store = store
        self.layers = store.layers
        self.lease = lease
        self.epoch = epoch
        self.rewrite = rewrite
        self._trees: dict[tuple[object, ...], LayerTree] = {}
        self._lock = threading.Lock()

    def now(self) -> int:
        """The time of what has none: SOURCE_DATE_EPOCH, or now."""
        return time.time_ns() if self.epoch is None else self.epoch

    def epoch_key(self) -> dict[str, int]:
        """What of the epoch is part of cache keys."""
        return {} if self.epoch is None or not self.rewrite else {"epoch": self.epoch}

    @contextlib.contextmanager
    def tree(self, result: Result) -> Iterator[Files]:
        """A result as a tree to read."""
        opened = getattr(result, "files", None)
        if opened is not None:
            yield opened()
            return
        if not isinstance(result, Stack):
            raise errors.Unsupported(f"{type(result).__name__} is no tree of files")
        parent = result.parent()
        with self._lock:
            known = self._trees.get(parent)
        if known is None:
            from scow.build.layertree import LayerTree

            opened_tree = LayerTree(self.layers.tree(parent))
            with self._lock:
                known = self._trees.setdefault(parent, opened_tree)
            if known is not opened_tree:
                opened_tree.close()
        yield known

    def write_layer(self, draft: Draft, job: Job) -> Digest:
        """A draft as a layer of the store."""
        from scow.wire.tar import Writer

        with self.layers.writer() as out:
            writer = Writer(_Cancelled(out, job))
            draft.write(writer, self.epoch if self.rewrite else None)
            writer.close()
            layer = out.finish()
        self.keep(layer.diff_id)
        digest: Digest = layer.diff_id
        return digest

    def keep(self, *layers: Digest) -> None:
        """Protect layers from collection until the build ends."""
        if self.lease is not None and layers:
            from scow.store.leases import layer

            self.lease.add(*[layer(d) for d in layers])

    def unpacker(self) -> Unpacker:
        """For ADD of archives."""
        from scow.build.unpacking import Unpacker

        return Unpacker(self.store.paths.tmp)


class _Cancelled:
    """A layer writer that stops when the build is cancelled."""

    def __init__(self, out: Any, job: Job) -> None:
        self._out = out
        self._cancel = job.cancel

    def write(self, data: bytes | memoryview) -> object:
        """Pass on."""
        self._cancel.check()
        return self._out.write(data)
