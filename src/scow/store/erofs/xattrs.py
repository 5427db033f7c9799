"""Extended attributes as EROFS keeps them behind an inode ("inline xattrs")."""

from __future__ import annotations

from scow.errors import Corrupt
from scow.store.erofs.format import XATTR_ENTRY, XATTR_HEADER, XATTR_PREFIXES

_NAMES = {number: prefix for prefix, number in XATTR_PREFIXES.items()}


def split(name: bytes) -> tuple[int, bytes]:
    """The number of a name's prefix and the rest of it; raises KeyError for a namespace EROFS does not have."""
    number = XATTR_PREFIXES.get(name)
    if number is not None and number in (2, 3):
        return number, b""
    prefix, dot, rest = name.partition(b".")
    return XATTR_PREFIXES[prefix + dot], rest


def encode(attributes: dict[bytes, bytes]) -> bytes:
    """Header and entries, in one canonical order; empty without attributes."""
    if not attributes:
        return b""
    out = bytearray(XATTR_HEADER)
    for (number, rest), data in sorted((split(name), data) for name, data in attributes.items()):
        out += XATTR_ENTRY.pack(len(rest), number, len(data))
        out += rest + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def count(encoded: bytes) -> int:
    """What the inode's ``i_xattr_icount`` says for :func:`encode`'s bytes."""
    return (len(encoded) - XATTR_HEADER) // 4 + 1 if encoded else 0


def size(icount: int) -> int:
    """How many bytes ``i_xattr_icount`` stands for."""
    return XATTR_HEADER + 4 * (icount - 1) if icount else 0


def decode(raw: bytes) -> dict[bytes, bytes]:
    """What :func:`encode` was given."""
    found: dict[bytes, bytes] = {}
    at = XATTR_HEADER
    while at < len(raw):
        length, number, amount = XATTR_ENTRY.unpack_from(raw, at)
        at += XATTR_ENTRY.size
        if number not in _NAMES or at + length + amount > len(raw):
            raise Corrupt("erofs: extended attributes are damaged")
        found[_NAMES[number] + raw[at : at + length]] = raw[at + length : at + length + amount]
        at += length + amount
        at += -at % 4
    return found
