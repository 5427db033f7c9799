"""One 512-byte header block to an Entry: V7, USTAR, star, GNU and the frame of PAX (POSIX 1003.1 ``pax``, GNU tar
manual).

The checksum is the sum of 512 bytes. The low half of an Adler-32 is that sum modulo 65521, and a block of ASCII
cannot reach the modulus, so one call into zlib verifies it in 0.1 microseconds; other blocks are summed one byte at a
time.
"""

from __future__ import annotations

import functools
import struct
import zlib

from scow.errors import Corrupt
from scow.wire.tar.entry import NO_XATTRS, Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BLOCK = 512
ZERO = bytes(BLOCK)
MAX = (1 << 63) - 1
SECOND = 1_000_000_000

KINDS = {
    b"0": "file",
    b"\0": "v7",  # a directory if the name ends in a slash
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "char",
    b"4": "block",
    b"5": "dir",
    b"6": "fifo",
    # Not members, or not yet: the parser turns these into something.
    b"x": "pax",
    b"g": "global",
    b"L": "longname",
    b"K": "longlink",
    b"S": "gnusparse",
}
WITH_DATA = {"file", "v7", "pax", "global", "longname", "longlink", "gnusparse"}

# name, (mode uid gid), size, mtime, checksum, flag, linkname, (magic uname gname major minor), prefix, rest
_unpack = struct.Struct("100s24s12s12s8sc100s88s155s12s").unpack
_new = tuple.__new__


def fail(what: str, at: int, name: bytes | None = None) -> Corrupt:
    """The error for something wrong in the entry ``name`` whose header is at ``at``."""
    return Corrupt(f"tar {'header' if name is None else f'entry {text(name)}'} at offset {at}: {what}")


def text(name: bytes) -> str:
    """An archive's name for people: quoted, with escapes, and not longer than a line."""
    return repr(name[:200])[1:]


@functools.lru_cache(8192)
def number(field: bytes) -> int:
    """An octal or base-256 field as Go reads it; ValueError when it is neither."""
    if field[0] & 0x80:
        n = int.from_bytes(field, "big") - (1 << (8 * len(field) - (0 if field[0] & 0x40 else 1)))
        if not -MAX - 1 <= n <= MAX:
            raise ValueError("number out of range")
        return n
    digits = field.strip(b" \0").partition(b"\0")[0]
    if digits.translate(None, b"01234567"):
        raise ValueError(f"{field!r} is no octal number")
    return int(digits or b"0", 8)


def owner(n: int) -> int:
    """A user or group id as the kernel keeps it: negative numbers (BSD's nobody is -2) wrap at 32 bits."""
    if not -(1 << 31) <= n < (1 << 32) - 1 or n == -1:
        raise ValueError(f"id {n} out of range")
    return n & 0xFFFFFFFF


def instant(seconds: int, ns: int = 0) -> int:
    """Nanoseconds since 1970, or 0 where 64 bits cannot hold it."""
    t = seconds * SECOND + ns
    return t if -MAX <= t <= MAX else 0


@functools.lru_cache(4096)
def _ids(field: bytes) -> tuple[int, int, int]:
    return number(field[:8]) & 0o7777, owner(number(field[8:16])), owner(number(field[16:]))


@functools.lru_cache(4096)
def _tail(field: bytes) -> tuple[bytes, bytes, bytes]:
    """(form, uname, gname); form is b"ustar\\0", b"ustar  \\0" or nothing for V7."""
    form = field[:6] if field[:6] == b"ustar\0" else field[:8]
    if form not in (b"ustar\0", b"ustar  \0"):
        return b"", b"", b""
    return form, field[8:40].partition(b"\0")[0], field[40:72].partition(b"\0")[0]


@functools.lru_cache(8192)
def _expected(check: bytes) -> int:
    """What Adler-32's low half is when the checksum in ``check`` is right: the field itself counts as eight spaces."""
    return number(check) + sum(check) - 8 * 32 + 1


def _sums(block: bytes, check: bytes) -> bool:
    """Whether the checksum is right: either the sum of unsigned bytes or, as some old tars wrote it, of signed ones."""
    total = sum(block) - sum(check) + 8 * 32
    high = sum(b > 127 for b in block) - sum(b > 127 for b in check)
    return number(check) in (total, total - 256 * high)


def _join(form: bytes, prefix: bytes, rest: bytes, name: bytes) -> bytes:
    """The name with the prefix field, where the form has one.

    star keeps times in its last 24 bytes. GNU has no prefix but times and more there; Go before 1.8 (and so old
    docker) wrote one nevertheless: like today's Go, take it as such when it cannot be times.
    """
    if form == b"ustar\0":
        prefix = (prefix[:131] if rest[8:] == b"tar\0" else prefix).partition(b"\0")[0]
    elif form:
        try:
            number(prefix[:12])
            number(prefix[12:24])
            return name
        except ValueError:
            prefix = prefix.partition(b"\0")[0]
            if not prefix.isascii():
                return name
    else:
        return name
    return prefix + b"/" + name if prefix else name


def decode(block: bytes, at: int, over: dict[str, Any] | None = None) -> Entry:
    """The header ``block`` found at offset ``at``; ``over`` holds what extended headers before it said, by field
    name.
    """
    name, ids, size, mtime, check, flag, link, tail, prefix, rest = _unpack(block)
    try:
        if not (block.isascii() and zlib.adler32(block) & 0xFFFF == _expected(check)) and not _sums(block, check):
            raise ValueError("checksum differs")
    except ValueError as e:
        raise fail(f"no tar header ({e})", at) from None
    name = name.partition(b"\0")[0]
    link = link.partition(b"\0")[0]
    try:
        mode, uid, gid = _ids(ids)
        form, uname, gname = _tail(tail)
        length = number(size)
        when = instant(number(mtime))
        kind = KINDS[flag]
        major = minor = 0
        if kind in ("char", "block") and form:
            major, minor = number(tail[72:80]), number(tail[80:])
    except ValueError as e:
        raise fail(str(e), at, name) from None
    except KeyError:
        raise fail(f"unhandled tar header type {flag!r}", at, name) from None
    if prefix[0]:
        name = _join(form, prefix, rest, name)
    xattrs = NO_XATTRS
    if over:
        get = over.get
        name, link, uname, gname = get("name", name), get("linkname", link), get("uname", uname), get("gname", gname)
        uid, gid, length, when = get("uid", uid), get("gid", gid), get("size", length), get("mtime", when)
        xattrs = get("xattrs", NO_XATTRS)
    if kind == "v7":
        kind = "dir" if name.endswith(b"/") else "file"
    if kind not in WITH_DATA:
        length = 0
    elif not 0 <= length <= MAX:
        raise fail(f"size {length} is impossible", at, name)
    if name.endswith(b"/"):
        name = name.rstrip(b"/") or b"/"
    return _new(
        Entry, (name, kind, mode, uid, gid, length, when, link, major, minor, xattrs, None, at + BLOCK, uname, gname)
    )
