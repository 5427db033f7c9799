"""What runners work with: the store's layers, trees over results, and the settings of one build.

The solver knows nothing of it. Everything a runner asks of other rooms goes through here, so that it is visible in
one place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time

from scow import errors
from scow.build.boxes import NOTHING, Boxes
from scow.build.files import resolve, split
from scow.build.results import Pending, Stack
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, BinaryIO

    from scow.build.boxes import Given
    from scow.build.draft import Draft
    from scow.build.files import Files, Info
    from scow.build.jobs import Cancel
    from scow.build.layertree import LayerTree
    from scow.build.results import Result
    from scow.build.unpacking import Unpacker
    from scow.oci.digest import Digest


MAX_TREES = 3
"""Idle trees that stay open."""
REMOVERS = 3
ALWAYS = ("/dev", "/proc", "/sys")
"""What every container has a mount on."""


@value
class Places:
    """What the mounts of a step make in its root: ``made``, deepest first, inside ``touched``, which were there."""

    made: tuple[str, ...]
    touched: tuple[Info, ...]


class World(Boxes):
    """One build's view of the store and the machine.

    ``epoch``: SOURCE_DATE_EPOCH in ns; with ``rewrite`` no file of a layer is newer than it.
    """

    def __init__(
        self, store: Any, *, lease: Any = None, given: Given = NOTHING, epoch: int | None = None, rewrite: bool = False
    ) -> None:
        super().__init__(store.paths, given)
        self.store = store
        self.layers = store.layers
        self.lease = lease
        self.epoch = epoch
        self.rewrite = rewrite
        self._trees: dict[tuple[object, ...], tuple[LayerTree, int]] = {}
        """Open trees and how many use them, least recently used first."""
        self._trees_lock = threading.Lock()
        self._places: dict[tuple[object, tuple[str, ...]], Places] = {}
        self._snapshots: set[str] = set()

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
        opened_tree = self._borrow(parent)
        try:
            yield opened_tree
        finally:
            self._give_back(parent)

    def _borrow(self, parent: tuple[object, ...]) -> LayerTree:
        from scow.build.layertree import LayerTree

        with self._trees_lock:
            known = self._trees.pop(parent, None)
            if known is None:
                known = LayerTree(self.layers.tree(parent)), 0
            self._trees[parent] = (known[0], known[1] + 1)
            return known[0]

    def _give_back(self, parent: tuple[object, ...]) -> None:
        """Trees are kept for the next step, but few: each holds the files of all its layers open."""
        with self._trees_lock:
            tree, users = self._trees[parent]
            self._trees[parent] = (tree, users - 1)
            idle = [p for p, (_, n) in self._trees.items() if not n]
            for old in idle[:-MAX_TREES]:
                self._trees.pop(old)[0].close()

    def write_layer(self, draft: Draft, cancel: Cancel) -> Digest:
        """A draft as a layer of the store."""
        from scow.wire.tar import Writer

        with self.layers.writer() as out:
            writer = Writer(_Cancelled(out, cancel))
            draft.write(writer, self.epoch if self.rewrite else None)
            writer.close()
            layer = out.finish()
        self.keep(layer.diff_id)
        digest: Digest = layer.diff_id
        return digest

    def ingest_context(self, tar: BinaryIO) -> Digest:
        """The files of an archive as a layer: owners as in the archive."""
        from scow.build.unpacking import context_layer

        digest = context_layer(tar, self)
        self.keep(digest)
        return digest

    def keep(self, *layers: Digest) -> None:
        """Protect layers from collection until the build ends."""
        if self.lease is not None and layers:
            from scow.store.leases import layer

            self.lease.add(*[layer(d) for d in layers])

    # ── snapshots of RUN steps ──────────────────────────────────────────────────────────────────────────────────

    def new_snapshot(self) -> str:
        """A key for a snapshot of this build."""
        key = f"build-{os.urandom(8).hex()}"
        self._snapshots.add(key)
        if self.lease is not None:
            from scow.store.leases import snapshot

            self.lease.add(snapshot(key))
        return key

    def drop_snapshot(self, key: str) -> None:
        """Remove a snapshot that nobody stands on."""
        self._snapshots.discard(key)
        try:
            self.layers.remove(key)
        except errors.NotFound:
            pass  # it was not made yet

    def commit(self, key: str) -> Digest:
        """What was changed in a snapshot as a layer."""
        epoch = self.epoch // 10**9 if self.rewrite and self.epoch is not None else None
        layer = self.layers.commit(key, epoch=epoch)
        self.keep(layer.diff_id)
        digest: Digest = layer.diff_id
        return digest

    def places(self, stack: Stack, targets: Iterable[str]) -> Places:
        """What mounts on ``targets`` will change in the root."""
        wanted = (*sorted({*targets, *ALWAYS}),)
        known = self._places.get((stack.members, wanted))
        if known is not None:
            return known
        missing: set[str] = set()
        touched: dict[str, Info] = {}
        with self.tree(stack) as files:
            for target in wanted:
                path = resolve(files, target)
                while path and (there := files.find(path)) is None:
                    missing.add(path)
                    path = split(path)[0]
                if path and there is not None and there.kind == "dir" and missing:
                    touched[path] = there
        made = tuple(sorted(missing, key=len, reverse=True))
        places = self._places[stack.members, wanted] = Places(made, tuple(touched.values()))
        return places

    def remove_stubs(self, stack: Stack, pending: Pending, places: Places) -> None:
        """Take back what mounts on ``stack`` needed as their places: empty files and directories, and the copies of the
        directories above that are as they were. (BuildKit leaves those in the layer.)
        """
        upper = os.open(f"{self.store.paths.snapshot(pending.key)}/upper", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            gone = [_remove_empty(upper, path) for path in places.made]
            for info in places.touched:
                _remove_empty(upper, info.path, info)
        finally:
            os.close(upper)
        if all(gone):  # then the next step on top will miss the same
            above = stack.push(pending).members
            for (members, wanted), found in list(self._places.items()):
                if members == stack.members and found == places:
                    self._places[above, wanted] = places

    def close(self) -> None:
        """Let go of everything; to be called when all results are settled."""
        super().close()
        for tree, _ in self._trees.values():
            tree.close()
        self._trees.clear()
        self._drop_all()

    def _drop_all(self) -> None:
        """Remove all snapshots, several at a time: a file system has much to write down for each directory."""
        keys = list(self._snapshots)
        faults: list[Exception] = []

        def drop() -> None:
            while keys:
                try:
                    self.drop_snapshot(keys.pop())
                except IndexError:
                    return  # another thread took the last
                except (OSError, errors.Error) as fault:
                    faults.append(fault)

        helpers = [threading.Thread(target=drop, name="remove") for _ in range(min(len(keys) - 1, REMOVERS))]
        for helper in helpers:
            helper.start()
        drop()
        for helper in helpers:
            helper.join()
        if faults:
            raise faults[0]

    def unpacker(self) -> Unpacker:
        """For ADD of archives."""
        from scow.build.unpacking import Unpacker

        return Unpacker(self.store.paths.tmp)


def _remove_empty(upper: int, path: str, like: Info | None = None) -> bool:
    """Remove ``path`` if it is empty (and ``like`` what is below), following no link; whether nothing is there now."""
    from scow.kernel.openat import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

    above, name = split(path)
    flags = os.O_RDONLY | os.O_DIRECTORY
    try:
        directory = openat2(upper, above or ".", flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    except OSError as e:
        return e.errno == errno.ENOENT  # else the step put something there
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if like is not None and not _untouched(directory, name, status, like):
            return False
        if stat.S_ISDIR(status.st_mode):
            os.rmdir(name, dir_fd=directory)
        elif stat.S_ISREG(status.st_mode) and status.st_size == 0:
            os.unlink(name, dir_fd=directory)
        else:
            return False
    except FileNotFoundError:
        return True
    except OSError:
        return False  # not empty: something of the step's own
    finally:
        os.close(directory)
    return True


def _untouched(directory: int, name: str, status: os.stat_result, like: Info) -> bool:
    """Whether a directory of an upper one is a plain copy of what it covers."""
    if (status.st_mode & 0o7777, status.st_uid, status.st_gid) != (like.mode, like.uid, like.gid):
        return False
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        return not any(x.endswith(".overlay.opaque") for x in os.listxattr(fd))
    finally:
        os.close(fd)


class _Cancelled:
    """A layer writer that stops when the build is cancelled."""

    def __init__(self, out: Any, cancel: Cancel) -> None:
        self._out = out
        self._cancel = cancel

    def write(self, data: bytes | memoryview) -> object:
        """Pass on."""
        self._cancel.check()
        return self._out.write(data)
