"""Where everything goes in an index: positions of inodes, blocks of directories, space for copied data."""

from __future__ import annotations

from bisect import insort

from scow.errors import Unsupported
from scow.store.erofs import chunks, xattrs
from scow.store.erofs.format import BLOCK, BLOCK_BITS, DIRENT, INODES_OFFSET, MAX_BLOCKS, SLOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.layers.nodes import Node

DIRECTORY, FILE, LINK = 0o4, 0o10, 0o12


class Plan:
    """What is known of one inode before it is written, beside the node itself; only for inodes that need more than one
    chunk index or no data at all.

    ``xattrs`` are the encoded attributes; ``tail`` is how many bytes follow the inode (a link's text, a directory's
    last part); ``blocks`` how many whole blocks it has elsewhere, from block ``start`` on; ``names`` and ``counts``
    are a directory's sorted names and how many of them each block holds; ``pieces`` are a file's chunks of ``bits``.
    """

    __slots__ = ("bits", "blocks", "counts", "names", "parent", "pieces", "start", "tail", "xattrs")

    def __init__(self, encoded: bytes = b"") -> None:
        self.xattrs = encoded
        self.tail = 0
        self.blocks = 0
        self.start = 0
        self.bits = 0
        self.names: list[bytes] = []
        self.counts: list[int] = []
        self.parent: Node | None = None
        self.pieces: list[chunks.Piece] = []


class Layout:
    """Positions of a whole tree. ``order`` are the inodes as they lie in the image; ``plans`` those of them that have
    one; ``epoch`` is the time (ns) that small inodes share; ``end`` is the tar's size.
    """

    def __init__(self, directories: list[tuple[Node, Node]], inodes: list[Node], end: int) -> None:
        self.order = inodes
        self.end = end
        self.plans: dict[Node, Plan] = {}
        self.epoch = _commonest_time(inodes)
        for node, parent in directories:
            self._plan_directory(node, parent)
        self._place()
        self.meta_end = -(-self._at // BLOCK) * BLOCK
        self._assign_blocks()

    def _plan_directory(self, node: Node, parent: Node) -> None:
        assert node.children is not None
        plan = self.plans[node] = Plan(_overlay_xattrs(node, root=node is parent))
        plan.parent = parent
        plan.names = names = list(node.children)
        insort(names, b".")
        insort(names, b"..")
        used = count = 0
        for name in names:
            need = DIRENT + len(name)
            if used + need > BLOCK:
                plan.counts.append(count)
                used = count = 0
            used += need
            count += 1
        plan.counts.append(count)
        plan.blocks, plan.tail = len(plan.counts) - 1, used
        node.size = plan.blocks * BLOCK + used

    def compact(self, node: Node) -> bool:
        """Whether the 32-byte inode can hold this node."""
        return (
            node.mtime == self.epoch
            and node.uid < 1 << 16
            and node.gid < 1 << 16
            and node.links < 1 << 16
            and node.size < 1 << 32
        )

    def _place(self) -> None:
        """Give every inode its position, so that what follows it keeps EROFS's rules for alignment and blocks."""
        at = INODES_OFFSET
        plans = self.plans
        for node in self.order:
            at += -at % SLOT
            head = 32 if self.compact(node) else 64
            kind = node.mode >> 12
            plan = plans.get(node)
            if plan is None and (node.xattrs or node.sparse is not None or kind == LINK):
                plan = plans[node] = Plan(xattrs.encode(node.xattrs or {}))
            if plan is not None:
                head += len(plan.xattrs)
            if kind == FILE and node.size:
                node.place = at
                at += head + -head % 8 + 8 * self._chunk_count(node, plan)
                continue
            if plan is not None and kind in (DIRECTORY, LINK):
                at = _settle(at, head, node, plan)
                head += plan.tail
            node.place = at
            at += head
        self._at = at

    def _chunk_count(self, node: Node, plan: Plan | None) -> int:
        """Chunk indexes a file needs; those that need thought get a plan."""
        simple = node.sparse is None and node.size <= 1 << chunks.MAX_BITS
        if simple and node.data % BLOCK == 0 and node.data + node.size + -node.size % BLOCK <= self.end:
            return 1
        if plan is None:
            plan = self.plans[node] = Plan()
        runs = ((0, node.size),) if node.sparse is None else node.sparse
        plan.bits = chunks.runs_bits(node.size, runs)
        plan.pieces = chunks.pieces(node.size, node.data, runs, plan.bits, self.end)
        return len(plan.pieces)

    def _assign_blocks(self) -> None:
        """Blocks behind the inodes: of directories and long links first, of copied data last."""
        block = self.meta_end >> BLOCK_BITS
        for plan in self.plans.values():
            if plan.blocks:
                plan.start = block
                block += plan.blocks
        self.blocks_end = block << BLOCK_BITS
        for node, plan in self.plans.items():
            if plan.pieces:
                plan.start = block
                for number, piece in enumerate(plan.pieces):
                    if piece.copies:
                        block += -(-min(1 << plan.bits, node.size - (number << plan.bits)) // BLOCK)
        self.size = block << BLOCK_BITS
        if block > MAX_BLOCKS or self.end >> BLOCK_BITS > MAX_BLOCKS:
            raise Unsupported("layer is too large for an erofs index of 512-byte blocks")


def _settle(at: int, head: int, node: Node, plan: Plan) -> int:
    """Where an inode goes so that the ``tail`` behind it lies in one block; one that cannot gets a block of its own."""
    if not plan.names:  # a link
        plan.blocks, plan.tail = (0, node.size) if node.size <= BLOCK - SLOT else (-(-node.size // BLOCK), 0)
    room = BLOCK - (at + head) % BLOCK
    if plan.tail > room:
        shift = room + -room % SLOT
        if (at + head + shift) % BLOCK + plan.tail <= BLOCK:
            return at + shift
        plan.blocks, plan.tail = plan.blocks + 1, 0
    return at


def _overlay_xattrs(node: Node, *, root: bool) -> bytes:
    """A directory's attributes, with those that overlay reads.

    A directory with whiteouts has to say that overlay may not list it directly: they would show where nothing lies
    below it (Linux, "ovl: no direct iteration for dir with origin xattr").
    """
    own = dict(node.xattrs or {})
    if node.opaque:
        own[b"trusted.overlay.opaque"] = b"y"
    assert node.children is not None
    if not root and any(n.mode == 0o020000 and n.rdev == 0 for n in node.children.values()):
        own[b"trusted.overlay.origin"] = b""
    return xattrs.encode(own)


def _commonest_time(inodes: list[Node]) -> int:
    """The modification time that most inodes share, the smallest of several."""
    counts: dict[int, int] = {}
    for node in inodes:
        counts[node.mtime] = counts.get(node.mtime, 0) + 1
    return min(counts, key=lambda mtime: (-counts[mtime], mtime))
