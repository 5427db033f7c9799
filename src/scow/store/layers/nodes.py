"""The final state of a layer's archive as a tree in memory: what both forms of a layer are written from."""

from __future__ import annotations

from stat import S_IFCHR, S_IFDIR

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

IMPLIED_MODE = S_IFDIR | 0o755
"""What a directory gets that an entry's name implies and no entry describes: as docker and containerd make it."""
FILE, DIRECTORY, CHARACTER, BLOCK, FIFO, LINK = 0o10, 0o4, 0o2, 0o6, 0o1, 0o12
"""``mode >> 12`` of each kind."""


class Node:
    """One inode. A hard link is the same node under a further name.

    ``mode`` has the type bits; ``mtime`` is ns; ``data`` is where a file's bytes begin in the archive; ``sparse`` are
    the (offset, length) runs of data of a file with holes, whose bytes lie back to back from ``data`` on;
    ``target`` is a link's text; ``children`` belongs to directories. ``links`` is filled in by :func:`walk`, and
    ``place`` belongs to whoever writes the tree.
    """

    __slots__ = (
        "children",
        "data",
        "gid",
        "implied",
        "links",
        "mode",
        "mtime",
        "opaque",
        "place",
        "rdev",
        "size",
        "sparse",
        "target",
        "uid",
        "xattrs",
    )

    def __init__(self, mode: int, uid: int = 0, gid: int = 0, mtime: int = 0) -> None:
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.mtime = mtime
        self.size = 0
        self.data = 0
        self.links = 0
        self.place = 0
        self.rdev = 0
        self.implied = False
        self.opaque = False
        self.sparse: tuple[tuple[int, int], ...] | None = None
        self.target: bytes | None = None
        self.children: dict[bytes, Node] | None = None
        self.xattrs: dict[bytes, bytes] | None = None

    @property
    def whiteout(self) -> bool:
        """Whether overlay takes this node for the mark of something deleted: a character device 0, 0."""
        return self.mode >> 12 == CHARACTER and self.rdev == 0


@value
class Limits:
    """How much a layer may ask for before it is refused; an honest image stays far below each.

    ``nodes`` are names in the finished tree, ``metadata`` the bytes of all names, links and attributes, ``work`` the
    path components that are looked up in total (links on the way make them grow faster than the archive), ``size`` the
    bytes of the archive.
    """

    nodes: int = 1 << 21
    metadata: int = 1 << 28
    work: int = 1 << 26
    size: int = 1 << 41


def new_directory(*, implied: bool = False) -> Node:
    """An empty directory with the attributes of an implied one."""
    node = Node(IMPLIED_MODE)
    node.children = {}
    node.implied = implied
    return node


def new_whiteout() -> Node:
    """The mark, in overlay's form, that a name of a lower layer is deleted."""
    return Node(S_IFCHR)


def walk(root: Node) -> list[tuple[Node, Node]]:
    """All directories with their parents, parents first, and names in byte order from now on; counts ``links``.

    The root's parent is the root, as its ``..`` says.
    """
    root.links = 2
    found = [(root, root)]
    for directory, _ in found:  # grows while it is walked
        assert directory.children is not None
        directory.children = dict(sorted(directory.children.items()))
        for node in directory.children.values():
            if node.children is None:
                node.links += 1
            else:
                node.links = 2
                directory.links += 1
                found.append((node, directory))
    return found


def inodes(directories: list[tuple[Node, Node]]) -> Iterator[Node]:
    """Every node once, the root first, then directory by directory. Uses ``place``, which must be 0 everywhere."""
    root = directories[0][0]
    root.place = -1
    yield root
    for directory, _ in directories:
        assert directory.children is not None
        for node in directory.children.values():
            if node.place == 0:
                node.place = -1
                yield node


def content_size(root: Node) -> int:
    """Bytes of all files below ``root``, each inode once: what docker calls the size of a layer."""
    seen: set[int] = set()
    total = 0
    pending = [root]
    while pending:
        for node in (pending.pop().children or {}).values():
            if node.children is not None:
                pending.append(node)
            elif node.size and node.mode >> 12 == FILE and id(node) not in seen:
                seen.add(id(node))
                total += node.size
    return total
