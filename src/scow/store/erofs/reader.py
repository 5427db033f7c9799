"""Reading an index without mounting it: inodes, directories, attributes, and where a file's data lies."""

from __future__ import annotations

import mmap
import os
import struct

from scow.errors import Corrupt
from scow.store.erofs import format as f
from scow.store.erofs import xattrs
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRENT = struct.Struct("<QHBB")
DIRECTORY, FILE, LINK = 0o4, 0o10, 0o12


@value
class Inode:
    """One inode. ``mtime`` is ns; ``attributes``, ``tail`` and ``union`` are the format's own: where in the image the
    attributes and what follows them begin, and the field that says where the rest is.
    """

    nid: int
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    links: int
    layout: int
    union: int
    attributes: int
    tail: int

    @property
    def rdev(self) -> int:
        """The device number of a device node, as the kernel encodes it (0 for anything else)."""
        return self.union if self.mode >> 12 in (0o2, 0o6) else 0


@value
class Extent:
    """``length`` bytes of a file at ``offset``: in device ``device`` (0 the index, 1 the tar) from ``start`` on; a hole
    if ``device`` is -1.
    """

    offset: int
    length: int
    device: int
    start: int


class Index:
    """An open index; a context manager. The descriptor given is not needed any more afterwards."""

    def __init__(self, fd: int) -> None:
        if os.fstat(fd).st_size < f.INODES_OFFSET:
            raise Corrupt("erofs: index is cut short")
        self._map = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
        head = f.SUPER.unpack_from(self._map, f.SUPER_OFFSET)
        if head[0] != f.MAGIC or head[3] != f.BLOCK_BITS or head[14] & ~(f.CHUNKED_FILE | f.DEVICE_TABLE):
            raise Corrupt("erofs: no index of ours")
        covered = bytearray(self._map[f.SUPER_OFFSET : f.SUPER_OFFSET + f.BLOCK])
        covered[4:8] = bytes(4)
        if f.crc32c(bytes(covered)) != head[1]:
            raise Corrupt("erofs: superblock checksum differs")
        self.root: int = head[5]
        self.inodes: int = head[6]
        self._epoch: int = head[7] * 10**9 + head[8]
        self.tag: bytes = f.DEVICE.unpack_from(self._map, f.DEVICE_OFFSET)[0].rstrip(b"\0")

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unmap."""
        self._map.close()

    def inode(self, nid: int) -> Inode:
        """The inode of a number that a directory gave, or of ``root``."""
        at = nid * f.SLOT
        try:
            (form,) = struct.unpack_from("<H", self._map, at)
            if form & 1:
                _, count, mode, _, size, union, _, uid, gid, seconds, ns, links = f.EXTENDED.unpack_from(self._map, at)
                mtime, at = seconds * 10**9 + ns, at + f.EXTENDED.size
            else:
                _, count, mode, links, size, _, union, _, uid, gid, _ = f.COMPACT.unpack_from(self._map, at)
                mtime, at = self._epoch, at + f.COMPACT.size
        except struct.error:
            raise Corrupt(f"erofs: no inode {nid}") from None
        layout = form & f.LAYOUT_MASK
        return Inode(nid, mode, uid, gid, size, mtime, links, layout, union, at, at + xattrs.size(count))

    def xattrs(self, inode: Inode) -> dict[bytes, bytes]:
        """All extended attributes, overlay's marks among them."""
        return xattrs.decode(self._map[inode.attributes : inode.tail])

    def target(self, inode: Inode) -> bytes:
        """The text of a link."""
        return self._inline(inode, 0, inode.size)

    def names(self, inode: Inode) -> Iterator[tuple[bytes, int]]:
        """(name, nid) of what is in a directory, without ``.`` and ``..``, in byte order."""
        for block in range(-(-inode.size // f.BLOCK)):
            for name, nid in self._block(inode, block):
                if name not in (b".", b".."):
                    yield name, nid

    def find(self, inode: Inode, name: bytes) -> int | None:
        """The nid of one name, found by halving: blocks by their first names, then the one block."""
        low, high = 0, -(-inode.size // f.BLOCK) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._first(inode, middle) <= name:
                low = middle
            else:
                high = middle - 1
        return dict(self._block(inode, low)).get(name)

    def _inline(self, inode: Inode, start: int, length: int) -> bytes:
        """Bytes of a directory or link that lie within one block, or in whole blocks."""
        inlined = inode.size // f.BLOCK * f.BLOCK if inode.layout == f.INLINE else inode.size
        at = inode.tail + start - inlined if start >= inlined else inode.union * f.BLOCK + start
        data = self._map[at : at + length]
        if inode.layout not in (f.PLAIN, f.INLINE) or len(data) != length:
            raise Corrupt(f"erofs: data of inode {inode.nid} is damaged")
        return data

    def _first(self, inode: Inode, block: int) -> bytes:
        return next(iter(self._block(inode, block)))[0]

    def _block(self, inode: Inode, block: int) -> list[tuple[bytes, int]]:
        start = block * f.BLOCK
        data = self._inline(inode, start, min(f.BLOCK, inode.size - start))
        try:
            count = _DIRENT.unpack_from(data)[1] // f.DIRENT
            entries = [_DIRENT.unpack_from(data, f.DIRENT * i) for i in range(count)]
        except struct.error:
            raise Corrupt(f"erofs: directory {inode.nid} is damaged") from None
        ends = [entry[1] for entry in entries[1:]] + [len(data)]
        found = [(data[entry[1] : end], entry[0]) for entry, end in zip(entries, ends, strict=True)]
        if not found:
            raise Corrupt(f"erofs: directory {inode.nid} is damaged")
        found[-1] = (found[-1][0].rstrip(b"\0"), found[-1][1])
        return found

    def extents(self, inode: Inode) -> list[Extent]:
        """Where a file's data lies, from its beginning to its end; adjacent pieces are joined."""
        if not inode.size:
            return []
        if inode.layout != f.CHUNKED:
            raise Corrupt(f"erofs: file {inode.nid} is not made of chunks")
        chunk = 1 << (inode.union & f.CHUNK_BITS_MASK) + f.BLOCK_BITS
        at = inode.tail + -inode.tail % 8
        found: list[Extent] = []
        for offset in range(0, inode.size, chunk):
            _, device, block = f.CHUNK_INDEX.unpack_from(self._map, at)
            at += f.CHUNK_INDEX.size
            start, length = block * f.BLOCK, min(chunk, inode.size - offset)
            if block == f.HOLE:
                device, start = -1, 0
            last = found[-1] if found else None
            if last and last.device == device and (device < 0 or last.start + last.length == start):
                found[-1] = Extent(last.offset, last.length + length, device, last.start)
            else:
                found.append(Extent(offset, length, device, start))
        return found
