"""Writing an index: the tree's inodes and directories as an EROFS image whose file data is the tar's."""

from __future__ import annotations

import os
import struct
from functools import lru_cache

from scow.kernel.files import copy_range
from scow.store.erofs import format as f
from scow.store.erofs import xattrs
from scow.store.erofs.chunks import contiguous_bits
from scow.store.erofs.layout import DIRECTORY, FILE, LINK, Layout, Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.layers.nodes import Node


class Source:
    """The tar an index is for: its descriptor, its size in bytes, and the 64 bytes that name it (its digest's hex)."""

    __slots__ = ("fd", "size", "tag")

    def __init__(self, fd: int, size: int, tag: bytes) -> None:
        self.fd = fd
        self.size = size
        self.tag = tag


def write_index(directories: list[tuple[Node, Node]], inodes: list[Node], source: Source, out: int) -> int:
    """Write the index of a tree (``nodes.walk``, ``nodes.inodes``) to the empty file ``out``; returns its size.

    The same tree and tag give the same bytes. Raises Unsupported for a tar of 2 TiB and more.
    """
    layout = Layout(directories, inodes, source.size)
    image = bytearray(layout.blocks_end)
    _write_inodes(layout, image)
    _write_super(layout, source, image)
    view = memoryview(image)
    done = 0
    while done < len(view):
        done += os.pwrite(out, view[done:], done)
    os.ftruncate(out, layout.size)
    _copy_data(layout, source.fd, out)
    return layout.size


def _write_super(layout: Layout, source: Source, image: bytearray) -> None:
    from hashlib import sha256

    seconds, ns = divmod(layout.epoch, 10**9)
    uuid = bytearray(sha256(b"scow erofs index\0" + source.tag).digest()[:16])
    uuid[6], uuid[8] = uuid[6] & 0x0F | 0x80, uuid[8] & 0x3F | 0x80  # RFC 9562: version 8, made from a digest
    device_slot = f.DEVICE_OFFSET // f.DEVICE.size
    root = layout.order[0].place // f.SLOT
    f.DEVICE.pack_into(image, f.DEVICE_OFFSET, source.tag, -(-source.size // f.BLOCK), 0, 0, 0)
    head = (f.MAGIC, 0, f.SB_CHKSUM | f.MTIME, f.BLOCK_BITS, 0, root, len(layout.order), seconds, ns)
    place = (layout.size >> f.BLOCK_BITS, 0, 0, bytes(uuid), b"")
    f.SUPER.pack_into(
        image, f.SUPER_OFFSET, *head, *place, f.CHUNKED_FILE | f.DEVICE_TABLE, 0, 1, device_slot, 0, 0, 0, 0
    )
    covered = bytes(image[f.SUPER_OFFSET : f.SUPER_OFFSET + f.BLOCK])
    struct.pack_into("<I", image, f.CHECKSUM_OFFSET, f.crc32c(covered))


def _write_inodes(layout: Layout, image: bytearray) -> None:
    """All inodes with what follows them. The common case, a file in one piece, is inline: it is most of a layer."""
    extended, chunk_index = f.EXTENDED.pack_into, f.CHUNK_INDEX.pack_into
    plans = layout.plans
    epoch = layout.epoch
    for number, node in enumerate(layout.order, 1):
        plan = plans.get(node)
        if plan is None and node.size and node.mode >> 12 == FILE and node.mtime != epoch:
            at = node.place
            bits = contiguous_bits(node.size) - f.BLOCK_BITS | f.CHUNK_INDEXES
            seconds, ns = divmod(node.mtime, 10**9)
            extended(
                image,
                at,
                f.CHUNKED | 1,
                0,
                node.mode,
                0,
                node.size,
                bits,
                number,
                node.uid,
                node.gid,
                seconds,
                ns,
                node.links,
            )
            chunk_index(image, at + 64, 0, 1, node.data >> f.BLOCK_BITS)
        else:
            _write_inode(layout, image, node, plan or _NO_PLAN, number)


_NO_PLAN = Plan()


def _write_inode(layout: Layout, image: bytearray, node: Node, plan: Plan, number: int) -> None:
    kind = node.mode >> 12
    icount = xattrs.count(plan.xattrs)
    data, union = f.PLAIN, f.HOLE
    if kind in (DIRECTORY, LINK):
        data, union = f.INLINE if plan.tail else f.PLAIN, plan.start if plan.blocks else f.HOLE
    elif kind == FILE:
        if node.size:
            bits = plan.bits if plan.pieces else contiguous_bits(node.size)
            data, union = f.CHUNKED, bits - f.BLOCK_BITS | f.CHUNK_INDEXES
    else:
        union = node.rdev
    at = node.place
    if layout.compact(node):
        f.COMPACT.pack_into(
            image, at, data, icount, node.mode, node.links, node.size, 0, union, number, node.uid, node.gid, 0
        )
        at += f.COMPACT.size
    else:
        seconds, ns = divmod(node.mtime, 10**9)
        ids = (number, node.uid, node.gid, seconds, ns, node.links)
        f.EXTENDED.pack_into(image, at, data | 1, icount, node.mode, 0, node.size, union, *ids)
        at += f.EXTENDED.size
    image[at : at + len(plan.xattrs)] = plan.xattrs
    at += len(plan.xattrs)
    if data == f.CHUNKED:
        _write_chunks(image, at + -at % 8, node, plan)
    elif kind == LINK and node.target is not None:
        _write_tail(image, at, plan, node.target)
    elif kind == DIRECTORY:
        _write_tail(image, at, plan, _dirents(node, plan))


def _write_chunks(image: bytearray, at: int, node: Node, plan: Plan) -> None:
    if not plan.pieces:
        f.CHUNK_INDEX.pack_into(image, at, 0, 1, node.data >> f.BLOCK_BITS)
        return
    block = plan.start
    for number, piece in enumerate(plan.pieces):
        if piece.source is not None:
            index = (0, 1, piece.source >> f.BLOCK_BITS)
        elif piece.copies:
            index = (0, 0, block)
            block += -(-min(1 << plan.bits, node.size - (number << plan.bits)) // f.BLOCK)
        else:
            index = (0, 0, f.HOLE)
        f.CHUNK_INDEX.pack_into(image, at + 8 * number, *index)


def _write_tail(image: bytearray, at: int, plan: Plan, content: bytes) -> None:
    """A directory's or link's bytes: whole blocks at the plan's place, the rest behind the inode."""
    split = len(content) - plan.tail
    start = plan.start * f.BLOCK
    if split:
        image[start : start + split] = content[:split]
    image[at : at + plan.tail] = content[split:]


@lru_cache(64)
def _dirent_struct(count: int) -> struct.Struct:
    return struct.Struct("<" + "QHBB" * count)


def _dirents(node: Node, plan: Plan) -> bytes:
    """A directory's content: per block the entries, then their names; each block but the last filled up with zeros."""
    children = node.children or {}
    found = dict(children)
    found[b"."] = node
    found[b".."] = plan.parent or node
    types = f.FILE_TYPES
    blocks = []
    first = 0
    for count in plan.counts:
        names = plan.names[first : first + count]
        first += count
        offset = f.DIRENT * count
        fields: list[int] = []
        for name in names:
            child = found[name]
            fields += (child.place >> 5, offset, types[child.mode >> 12], 0)
            offset += len(name)
        blocks.append(_dirent_struct(count).pack(*fields) + b"".join(names))
    last = blocks.pop()
    return b"".join([block.ljust(f.BLOCK, b"\0") for block in blocks]) + last


def _copy_data(layout: Layout, tar: int, out: int) -> None:
    """Put together the chunks that no index into the tar can name."""
    for node, plan in layout.plans.items():
        block = plan.start
        for number, piece in enumerate(plan.pieces):
            for inside, offset, length in piece.copies:
                copy_range(tar, out, length, offset, block * f.BLOCK + inside)
            if piece.copies:
                block += -(-min(1 << plan.bits, node.size - (number << plan.bits)) // f.BLOCK)
