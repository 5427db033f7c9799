"""The on-disk form, as far as an index uses it: ``fs/erofs/erofs_fs.h`` of Linux 6.4 and later."""

from __future__ import annotations

import functools
from struct import Struct

BLOCK_BITS = 9
BLOCK = 1 << BLOCK_BITS
"""A tar's unit, and EROFS's smallest block (Linux 6.4)."""
SLOT = 32
"""Inodes begin at multiples of this; an inode's number (nid) is its offset divided by it."""

SUPER_OFFSET = 1024
MAGIC = 0xE0F5E1E2
SUPER = Struct("<IIIBBHQqIIII16s16sIHHHBBIQ24x")
"""magic, checksum, compatible features, block bits, extra slots, root nid, inodes, epoch s, epoch ns, blocks, metadata
block, xattr block, uuid, volume name, incompatible features, compression, devices, device table slot, directory block
bits, xattr prefixes, their start, packed nid."""
CHECKSUM_OFFSET = SUPER_OFFSET + 4
SB_CHKSUM, MTIME = 0x1, 0x2
CHUNKED_FILE, DEVICE_TABLE = 0x4, 0x8
DEVICE = Struct("<64sIIHH52x")
"""tag, blocks, unified start, and the high bits of both."""
DEVICE_OFFSET = SUPER_OFFSET + 128
INODES_OFFSET = DEVICE_OFFSET + 128

COMPACT = Struct("<HHHHIIIIHHI")
"""format, xattr count, mode, links, size, mtime, union, inode, uid, gid, reserved."""
EXTENDED = Struct("<HHHHQIIIIqII16x")
"""format, xattr count, mode, (links of the compact form), size, union, inode, uid, gid, mtime s, mtime ns, links."""
PLAIN, INLINE, CHUNKED = 0 << 1, 2 << 1, 4 << 1
"""Data layouts, where the format field has them: in blocks, last part behind the inode, by chunk indexes."""
LAYOUT_MASK = 0x7 << 1

CHUNK_INDEXES = 0x20
CHUNK_BITS_MASK = 0x1F
CHUNK_INDEX = Struct("<HHI")
"""high bits of the block (0), device, block."""
HOLE = 0xFFFFFFFF
"""Block number of a chunk that reads as zeros, and of data that is not there."""
MAX_BLOCKS = HOLE - 1

DIRENT = 12
"""Size of a directory entry: nid (8), offset of the name (2), file type (1), reserved (1)."""
FILE_TYPES = {0o10: 1, 0o4: 2, 0o2: 3, 0o6: 4, 0o1: 5, 0o14: 6, 0o12: 7}
"""EROFS_FT_* by ``mode >> 12``."""

XATTR_HEADER = 12
XATTR_ENTRY = Struct("<BBH")
"""length of the name behind its prefix, prefix, size of the value."""
XATTR_PREFIXES = {
    b"user.": 1,
    b"system.posix_acl_access": 2,
    b"system.posix_acl_default": 3,
    b"trusted.": 4,
    b"security.": 6,
}

_CRC32C = 0x82F63B78


@functools.cache
def _table() -> list[int]:
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (_CRC32C if i & 1 else 0)  # noqa: PLW2901
        table.append(i)
    return table


def crc32c(data: bytes, crc: int = 0xFFFFFFFF) -> int:
    """CRC-32C (Castagnoli) without the final inversion, as the kernel's ``crc32c()``."""
    table = _table()
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc
