"""A layer in the making: what the actions of one FileOp change on top of a tree that stays as it is.

A draft is itself a tree (``files.Files``): later actions, and copies from it, see the changes. Nothing is written
before ``write`` puts the whole layer into a tar: sorted, each directory before what is in it, times in whole seconds,
so that the same inputs give the same bytes. As in BuildKit's layers, the directories above a new file are in the
layer, too; those that exist below keep what they are (their time as well, which BuildKit sets to the time of the
build).
"""

from __future__ import annotations

import os

from scow import errors
from scow.build.files import ROOT, Info, join, split
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scow.build.files import Data, Files
    from scow.wire.tar import Writer

WHITEOUT = "whiteout"
"""Kind of a path that is deleted from the tree below."""


@value
class Item:
    """One change. ``origin``: the tree and file that the data comes from, or the data itself; ``opaque``: nothing of
    the tree below is in this directory.
    """

    info: Info
    origin: tuple[Files, Info] | bytes | None = None
    opaque: bool = False


class Empty:
    """The tree without anything."""

    def find(self, path: str) -> Info | None:
        """See Files."""
        return None if path else ROOT

    def entries(self, directory: str) -> Mapping[str, Info]:
        """See Files."""
        assert not directory
        return {}

    def open(self, info: Info) -> Data:
        """See Files."""
        raise errors.NotFound(f"{info.path} is not in an empty tree")

    def digest(self, info: Info) -> str:
        """See Files."""
        raise errors.NotFound(f"{info.path} is not in an empty tree")


class Draft:
    """Changes over ``base``."""

    def __init__(self, base: Files) -> None:
        self.base = base
        self.items: dict[str, Item] = {}
        self._below: dict[str, dict[str, None]] = {}
        """Names changed in each directory."""

    def fork(self) -> Draft:
        """A copy that goes its own way: two actions on the result of one."""
        other = Draft(self.base)
        other.items = dict(self.items)
        other._below = {k: dict(v) for k, v in self._below.items()}
        return other

    # ── as a tree ───────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, path: str) -> Info | None:
        """See Files."""
        item = self.items.get(path)
        if item is not None:
            return None if item.info.kind == WHITEOUT else item.info
        return None if path and self._hidden(split(path)[0]) else self.base.find(path)

    def _hidden(self, directory: str) -> bool:
        """Whether the base's files in a directory are hidden by a change to it or above it."""
        while directory:
            item = self.items.get(directory)
            if item is not None and (item.opaque or item.info.kind != "dir"):
                return True
            directory = split(directory)[0]
        return False

    def entries(self, directory: str) -> Mapping[str, Info]:
        """See Files."""
        hidden = self._hidden(directory)
        base = None if hidden else self.base.find(directory)
        found = dict(self.base.entries(directory)) if base is not None and base.kind == "dir" else {}
        for name in self._below.get(directory, ()):
            item = self.items[join(directory, name)]
            if item.info.kind == WHITEOUT:
                found.pop(name, None)
            else:
                found[name] = item.info
        return found

    def open(self, info: Info) -> Data:
        """See Files."""
        files, known = self._origin(info)
        return known if isinstance(known, bytes) else files.open(known)

    def digest(self, info: Info) -> str:
        """See Files."""
        import hashlib

        files, known = self._origin(info)
        return hashlib.sha256(known).hexdigest() if isinstance(known, bytes) else files.digest(known)

    def _origin(self, info: Info) -> tuple[Files, Info | bytes]:
        item = self.items.get(info.path)
        if item is None:
            return self.base, info
        if item.origin is None:
            return self, b""
        return (self, item.origin) if isinstance(item.origin, bytes) else item.origin

    # ── changes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, item: Item) -> None:
        """Set one path; the directories above it must exist."""
        path = item.info.path
        if path not in self.items:
            directory, name = split(path)
            names = self._below.get(directory)
            if names is None:
                self.touch(directory)
                names = self._below[directory] = {}
            names[name] = None
        self.items[path] = item

    def touch(self, directory: str) -> None:
        """Have an existing directory, as it is, in the layer, with all that are above it."""
        while directory and directory not in self.items:
            info = self.base.find(directory)
            assert info is not None and info.kind == "dir", directory
            above, name = split(directory)
            self.items[directory] = Item(info)
            self._below.setdefault(above, {})[name] = None
            directory = above

    def mkdir(self, info: Info) -> None:
        """A new directory; if something of the base is deleted there, its content does not come back."""
        was = self.items.get(info.path)
        self.put(Item(info, None, opaque=was is not None and was.info.kind == WHITEOUT))

    def remove(self, path: str) -> None:
        """Delete a path with all below it."""
        for name in list(self._below.get(path, ())):
            self._forget(join(path, name))
        self._below.pop(path, None)
        if self.base.find(path) is not None and not self._hidden(split(path)[0]):
            self.put(Item(Info(path, WHITEOUT)))
        else:
            self._forget(path)

    def _forget(self, path: str) -> None:
        for name in list(self._below.pop(path, ())):
            self._forget(join(path, name))
        self.items.pop(path, None)
        directory, name = split(path)
        self._below.get(directory, {}).pop(name, None)

    # ── the layer ───────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, out: Writer, epoch: int | None = None) -> None:
        """All changes as a layer. ``epoch``: no time is later than this (ns; SOURCE_DATE_EPOCH with
        rewrite-timestamp).
        """
        from scow.wire.tar import Entry

        links: dict[object, bytes] = {}
        encode = os.fsencode
        for path in sorted(self.items, key=_order):
            item = self.items[path]
            info = item.info
            kind = info.kind
            name = encode(path)
            if kind == WHITEOUT:
                directory, base = split(path)
                out.add(Entry(encode(join(directory, f".wh.{base}")), "file", 0, 0, 0, 0, 0))
                continue
            mtime = info.mtime // 10**9 * 10**9
            if epoch is not None and mtime > epoch:
                mtime = epoch
            major, minor = info.rdev
            entry = Entry(
                name, kind, info.mode, info.uid, info.gid, 0, mtime, encode(info.link), major, minor, info.xattrs
            )
            if kind == "file":
                self._write_file(out, entry, item, links)
            else:
                out.add(entry)
                if item.opaque:
                    out.add(Entry(name + b"/.wh..wh..opq", "file", 0, 0, 0, 0, 0))

    def _write_file(self, out: Writer, entry: object, item: Item, links: dict[object, bytes]) -> None:
        from scow.wire.tar import Entry

        assert isinstance(entry, Entry)
        inode = item.info.inode
        if inode is not None:
            first = links.setdefault(inode, entry.name)
            if first != entry.name:
                out.add(entry._replace(kind="hardlink", linkname=first))
                return
        origin = item.origin
        if origin is None or isinstance(origin, bytes):
            data: Data = origin or b""
        else:
            data = origin[0].open(origin[1])
        try:
            out.add(entry._replace(size=item.info.size), data)
        finally:
            if isinstance(data, int):
                os.close(data)
            elif not isinstance(data, bytes):
                data.close()


def _order(path: str) -> bytes:
    """Sorts names byte by byte within each directory, a directory right before its content."""
    return os.fsencode(path).replace(b"/", b"\0")
