"""From a layer's archive, entry by entry, to its final tree. Nothing here touches a disk.

The rules are those of the OCI image specification (layer.md) and, where it is silent, what docker's and containerd's
unpackers do: names are relative to the root whatever they begin with; a later entry replaces an earlier one, but a
directory over a directory only changes its attributes; links on the way to a name are followed inside the root; hard
links name what the archive holds already. What cannot be a layer is :class:`Corrupt`, and the message names the entry.
"""

from __future__ import annotations

from stat import S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG

from scow.errors import Corrupt
from scow.store.layers.nodes import DIRECTORY, LINK, Limits, Node, new_directory, new_whiteout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from scow.wire.tar import Entry

WHITEOUT = b".wh."
META = b".wh..wh."
OPAQUE = b".wh..wh..opq"

_TYPES = {"file": S_IFREG, "dir": S_IFDIR, "symlink": S_IFLNK, "char": S_IFCHR, "block": S_IFBLK, "fifo": S_IFIFO}
_NAMESPACES = (b"user.", b"trusted.", b"security.", b"system.posix_acl_access", b"system.posix_acl_default")
_OVERLAYS = (b"trusted.overlay.", b"user.overlay.")  # orders to the kernel, which only we may give
_NAME_MAX, _PATH_MAX, _LINKS_MAX = 255, 4095, 40
_XATTR_VALUE_MAX, _XATTRS_MAX = 65535, 131072
_FIRST, _LAST = -(1 << 31) * 10**9, 15032385535 * 10**9  # what ext4 can keep
_ID_MAX = (1 << 32) - 2
_SIZE_MAX = 1 << 44  # ext4's
_CACHE = 4096


class Assembler:
    """Takes entries in the order of the archive; :meth:`finish` gives the root."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.root = new_directory(implied=True)
        self._parents: dict[bytes, Node] = {b"": self.root}
        self._nodes = self._metadata = self._work = 0

    def add(self, entry: Entry) -> None:
        """Apply one entry."""
        name = entry.name
        above, _, base = name.rpartition(b"/")
        parent = self._parents.get(above)
        if parent is None or base in (b"", b".", b".."):
            parts = self._clean(name)
            if not parts:
                return self._set_root(entry)
            base = parts.pop()
            parent = self._directory(parts, name)
            if len(self._parents) >= _CACHE:
                self._parents = {b"": self.root}
            if base == name.rpartition(b"/")[2]:
                self._parents[above] = parent
        self._count(entry, base)
        if base.startswith(WHITEOUT) and not (parent is self.root and base.startswith(META) and base != OPAQUE):
            return self._whiteout(parent, base, name)
        if entry.kind == "hardlink":
            return self._hardlink(parent, base, entry)
        return self._put(parent, base, entry)

    def finish(self) -> Node:
        """The finished tree; what aufs kept for itself in the root is taken out."""
        children = self.root.children or {}
        for name in [n for n in children if n.startswith(META)]:
            del children[name]
        return self.root

    def _count(self, entry: Entry, base: bytes) -> None:
        limits = self.limits
        self._nodes += 1
        self._metadata += len(base) + len(entry.linkname)
        if len(base) > _NAME_MAX or len(entry.name) > _PATH_MAX or b"\0" in base:
            self._bad(entry.name, "name is no possible file name")
        if self._nodes > limits.nodes:
            raise Corrupt(f"layer has more than {limits.nodes} names")
        if self._metadata > limits.metadata:
            raise Corrupt(f"layer has more than {limits.metadata} bytes of names and attributes")

    def _clean(self, name: bytes) -> list[bytes]:
        """The components of an archive's name, ``..`` taken as text, as docker and containerd do."""
        parts: list[bytes] = []
        for part in name.split(b"/"):
            if part == b"..":
                if not parts:
                    self._bad(name, "name leads out of the layer")
                parts.pop()
            elif part not in (b"", b"."):
                parts.append(part)
        return parts

    def _directory(self, parts: list[bytes], name: bytes, *, create: bool = True) -> Node:
        """Walk ``parts`` from the root, links followed inside it, as a process chrooted there would; missing
        directories are implied by ``name``.
        """
        trail = [self.root]
        todo = parts[::-1]
        links = 0
        while todo:
            part = todo.pop()
            self._work += 1
            if part == b"..":
                if len(trail) > 1:
                    trail.pop()
                continue
            children = trail[-1].children
            assert children is not None
            node = children.get(part)
            if node is None or node.whiteout:
                if not create:
                    self._bad(name, "link names a file that the layer does not have")
                node = self._imply(trail[-1], part, name, opaque=node is not None)
            if node.children is not None:
                trail.append(node)
            elif node.mode >> 12 == LINK and node.target is not None:
                links += 1
                if links > _LINKS_MAX:
                    self._bad(name, "too many links on the way")
                if node.target.startswith(b"/"):
                    del trail[1:]
                todo += [p for p in reversed(node.target.split(b"/")) if p not in (b"", b".")]
            else:
                self._bad(name, "a file stands where a directory must be")
        if self._work > self.limits.work:
            raise Corrupt("layer's names take too long to look up")
        return trail[-1]

    def _imply(self, parent: Node, part: bytes, name: bytes, *, opaque: bool) -> Node:
        if len(part) > _NAME_MAX or b"\0" in part:
            self._bad(name, "name is no possible file name")
        if part.startswith(WHITEOUT) and not (parent is self.root and part.startswith(META)):
            self._bad(name, "something lies below a whiteout")
        self._nodes += 1
        self._metadata += len(part)
        node = new_directory(implied=True)
        node.opaque = opaque
        assert parent.children is not None
        parent.children[part] = node
        return node

    def _set_root(self, entry: Entry) -> None:
        if entry.kind != "dir":
            self._bad(entry.name, "root of a layer must be a directory")
        fresh = self._node(entry)
        self._describe(self.root, fresh)

    @staticmethod
    def _describe(directory: Node, fresh: Node) -> None:
        """Give a directory that is there the attributes of its new entry."""
        directory.mode, directory.uid, directory.gid = fresh.mode, fresh.uid, fresh.gid
        directory.mtime, directory.xattrs, directory.implied = fresh.mtime, fresh.xattrs, False

    def _whiteout(self, parent: Node, base: bytes, name: bytes) -> None:
        assert parent.children is not None
        if base == OPAQUE:
            parent.opaque = True
            return
        if base.startswith(META):  # a name that no layer can delete, since none can have it
            return
        victim = base[len(WHITEOUT) :]
        if victim in (b"", b".", b".."):
            self._bad(name, "whiteout names nothing that can be deleted")
        there = parent.children.get(victim)
        if there is None:
            parent.children[victim] = new_whiteout()
        elif there.children is not None:  # it is this layer's; what lower layers have there is gone
            there.opaque = True

    def _hardlink(self, parent: Node, base: bytes, entry: Entry) -> None:
        parts = self._clean(entry.linkname)
        if not parts:
            self._bad(entry.name, "hard link to the root")
        last = parts.pop()
        above = self._directory(parts, entry.name, create=False)
        assert above.children is not None
        node = above.children.get(last)
        if node is None or node.whiteout:
            self._bad(entry.name, f"link names a file that the layer does not have: {_shown(entry.linkname)}")
        if node.children is not None:
            self._bad(entry.name, f"hard link to a directory: {_shown(entry.linkname)}")
        self._replace(parent, base, node)

    def _put(self, parent: Node, base: bytes, entry: Entry) -> None:
        node = self._node(entry)
        assert parent.children is not None
        there = parent.children.get(base)
        if there is None:
            parent.children[base] = node
        elif there.children is not None and node.children is not None:
            self._describe(there, node)
        else:
            if node.children is not None and there.whiteout:
                node.opaque = True
            self._replace(parent, base, node)

    def _replace(self, parent: Node, base: bytes, node: Node) -> None:
        assert parent.children is not None
        there = parent.children.get(base)
        if there is not None and (there.children is not None or there.target is not None):
            self._parents = {b"": self.root}  # names that led through it lead elsewhere now
        parent.children[base] = node

    def _node(self, entry: Entry) -> Node:
        kind = _TYPES.get(entry.kind)
        if kind is None:
            self._bad(entry.name, f"unknown kind {entry.kind}")
        node = Node(kind | (entry.mode & 0o7777), entry.uid, entry.gid, min(max(entry.mtime, _FIRST), _LAST))
        if not (0 <= entry.uid <= _ID_MAX and 0 <= entry.gid <= _ID_MAX):
            self._bad(entry.name, f"impossible owner {entry.uid}:{entry.gid}")
        if kind == S_IFREG:
            self._set_data(node, entry)
        elif kind == S_IFDIR:
            node.children = {}
        elif kind == S_IFLNK:
            node.target = entry.linkname
            node.mode = S_IFLNK | 0o777
            node.size = len(entry.linkname)
            if not 0 < node.size <= _PATH_MAX or b"\0" in entry.linkname:
                self._bad(entry.name, "no possible link text")
        elif kind != S_IFIFO:
            if not (0 <= entry.major < 1 << 12 and 0 <= entry.minor < 1 << 20):
                self._bad(entry.name, f"impossible device {entry.major}, {entry.minor}")
            node.rdev = entry.minor & 0xFF | entry.major << 8 | (entry.minor & ~0xFF) << 12
        if entry.xattrs:
            node.xattrs = self._xattrs(entry, node.mode >> 12) or None
        return node

    def _set_data(self, node: Node, entry: Entry) -> None:
        node.size, node.data = entry.size, entry.data
        if not 0 <= entry.size <= _SIZE_MAX:
            self._bad(entry.name, f"impossible size {entry.size}")
        if entry.sparse is None:
            return
        end = 0
        for offset, length in entry.sparse:
            if offset < end or length < 0:
                self._bad(entry.name, "runs of data of a sparse file overlap")
            end = offset + length
        if end > entry.size:
            self._bad(entry.name, "runs of data of a sparse file lie behind its end")
        self._metadata += 16 * len(entry.sparse)
        node.sparse = tuple([run for run in entry.sparse if run[1]])

    def _xattrs(self, entry: Entry, kind: int) -> dict[bytes, bytes]:
        """Those attributes that Linux can keep on this kind of file, and that are not overlay's own."""
        kept: dict[bytes, bytes] = {}
        total = 0
        for name, data in entry.xattrs.items():
            if not name.startswith(_NAMESPACES) or name.startswith(_OVERLAYS):
                continue
            if name.startswith(b"user.") and kind not in (DIRECTORY, 0o10):
                continue
            total += len(name) + len(data) + 16
            if len(name) > _NAME_MAX or b"\0" in name or len(data) > _XATTR_VALUE_MAX or total > _XATTRS_MAX:
                self._bad(entry.name, "extended attributes are larger than Linux can keep")
            kept[name] = data
        self._metadata += total
        return kept

    @staticmethod
    def _bad(name: bytes, why: str) -> NoReturn:
        raise Corrupt(f"layer entry {_shown(name)}: {why}")


def _shown(name: bytes) -> str:
    """A name for a message: bounded, and nothing in it moves the cursor."""
    text = repr(name[:200])[1:]
    return text if len(name) <= 200 else f"{text}..."
