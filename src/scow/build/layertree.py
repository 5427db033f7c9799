"""A stack of layers as a tree to read (``store.tree``), for any number of threads."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterator, Mapping

from scow import errors
from scow.build.files import ROOT, Info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.files import Data
    from scow.store.tree import Info as Stat
    from scow.store.tree import Tree

PIECE = 1 << 20


class LayerTree:
    """``tree`` as ``files.Files``; directories are read once and kept."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._lock = threading.RLock()
        self._known: dict[str, dict[str, Info]] = {}
        self._found: dict[str, Info | None] = {"": _info(self, "", tree.stat("/"))}
        self._digests: dict[str, str] = {}

    def find(self, path: str) -> Info | None:
        """See Files."""
        if path in self._found:
            return self._found[path]
        directory, _, name = path.rpartition("/")
        if directory in self._known:
            return self._known[directory].get(name)
        with self._lock:
            try:
                found: Info | None = _info(self, path, self._tree.stat(f"/{path}", follow=False))
            except (errors.NotFound, errors.Invalid):
                found = None
            self._found[path] = found
        return found

    def entries(self, directory: str) -> Mapping[str, Info]:
        """See Files."""
        with self._lock:
            if directory not in self._known:
                prefix = f"{directory}/" if directory else ""
                listed = {os.fsdecode(n): s for n, s in self._tree.list(f"/{directory}").items()}
                self._known[directory] = {n: _info(self, prefix + n, s) for n, s in listed.items()}
            return self._known[directory]

    def open(self, info: Info) -> Data:
        """See Files."""
        with self._lock:
            return self._tree.open(f"/{info.path}")

    def digest(self, info: Info) -> str:
        """See Files."""
        known = self._digests.get(info.path)
        if known is None:
            data = self.open(info)
            assert not isinstance(data, int | bytes)
            running = hashlib.sha256()
            with data:
                while piece := data.read(PIECE):
                    running.update(piece)
            known = self._digests[info.path] = running.hexdigest()
        return known

    def xattrs(self, path: str) -> dict[bytes, bytes]:
        """Extended attributes of one file."""
        with self._lock:
            return self._tree.xattrs(f"/{path}", follow=False)

    def close(self) -> None:
        """Close the layers."""
        self._tree.close()


class Attributes(Mapping[bytes, bytes]):
    """Extended attributes that are read when somebody looks: most files of a tree are only passed by."""

    def __init__(self, tree: LayerTree, path: str) -> None:
        self._tree = tree
        self._path = path
        self._read: dict[bytes, bytes] | None = None

    def _all(self) -> dict[bytes, bytes]:
        if self._read is None:
            self._read = self._tree.xattrs(self._path)
        return self._read

    def __getitem__(self, name: bytes) -> bytes:
        return self._all()[name]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def _info(tree: LayerTree, path: str, s: Stat) -> Info:
    if not path:
        return ROOT._replace(mode=stat.S_IMODE(s.mode), uid=s.uid, gid=s.gid, mtime=s.mtime)
    kind = s.kind
    size = s.size if kind == "file" else 0
    link = os.fsdecode(s.target)
    inode = s.identity if s.links > 1 and kind == "file" else None
    xattrs = Attributes(tree, path)
    return Info(path, kind, stat.S_IMODE(s.mode), s.uid, s.gid, size, s.mtime, link, inode, s.device, xattrs)
