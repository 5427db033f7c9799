"""An Entry to its canonical header: USTAR wherever it can say it, else a PAX header with sorted keys before a USTAR
block.
"""

from __future__ import annotations

import functools
import zlib

from scow.errors import Invalid
from scow.wire.tar import pax
from scow.wire.tar.header import BLOCK, SECOND, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.wire.tar.entry import Entry

FLAGS = {"file": b"0", "hardlink": b"1", "symlink": b"2", "char": b"3", "block": b"4", "dir": b"5", "fifo": b"6"}
PADDING = [bytes(-n % BLOCK) for n in range(BLOCK)]
"""The zeros behind data of n bytes, by n modulo the block."""
_NO_DEVICE = b"0000000\0" * 2
_SEVEN, _ELEVEN = 1 << 21, 1 << 33  # what so many octal digits cannot hold


@functools.lru_cache(4096)
def _ids(mode: int, uid: int, gid: int) -> bytes | None:
    fits = 0 <= mode < _SEVEN and 0 <= uid < _SEVEN and 0 <= gid < _SEVEN
    return b"%07o\0%07o\0%07o\0" % (mode, uid, gid) if fits else None


@functools.lru_cache(4096)
def _time(ns: int) -> bytes | None:
    seconds, fraction = divmod(ns, SECOND)
    return b"%011o\0" % seconds if 0 <= seconds < _ELEVEN and not fraction else None


@functools.lru_cache(1024)
def _owners(uname: bytes, gname: bytes) -> bytes | None:
    fits = _plain(uname, 32) and _plain(gname, 32)
    return b"ustar\x0000" + uname.ljust(32, b"\0") + gname.ljust(32, b"\0") if fits else None


def _plain(value: bytes, room: int) -> bool:
    return len(value) <= room and value.isascii() and b"\0" not in value


def split(name: bytes) -> tuple[bytes, bytes] | None:
    """(prefix, name) for USTAR's 155 and 100 bytes, cut at the last slash that does; None if none does."""
    cut = name.rfind(b"/", 0, min(156, len(name) - 1))
    if cut <= 0 or len(name) - cut - 1 > 100:
        return None
    return name[:cut], name[cut + 1 :]


def _block(front: bytes, back: bytes) -> bytes:
    """A header block around its checksum. All of it is ASCII, so Adler-32's low half is the sum and one (see
    header.py).
    """
    total = (zlib.adler32(back, zlib.adler32(front)) & 0xFFFF) - 1 + 8 * 32
    return b"%b%06o\0 %b" % (front, total, back)


def header(entry: Entry, size: int, extra: dict[bytes, bytes] | None = None) -> bytes:
    """The header blocks of ``entry`` with ``size`` bytes behind it; ``extra`` are more PAX records. Invalid for what
    no form holds.
    """
    name, kind, mode, uid, gid, _, mtime, link, major, minor, xattrs, _, _, uname, gname = entry
    if kind == "dir":
        name += b"/"
    ids, when, owners = _ids(mode, uid, gid), _time(mtime), _owners(uname, gname)
    if (
        not (ids and when and owners)
        or xattrs
        or extra
        or size >= _ELEVEN
        or major
        or minor
        or len(name) > 100
        or len(link) > 100
        or not name.isascii()
        or not link.isascii()
        or b"\0" in name
        or b"\0" in link
    ):
        return _extended(entry, name, size, dict(extra or {}))
    return _block(
        b"%b%b%011o\0%b" % (name.ljust(100, b"\0"), ids, size, when),
        b"%b%b%b%b%b" % (FLAGS[kind], link.ljust(100, b"\0"), owners, _NO_DEVICE, bytes(167)),
    )


def _extended(entry: Entry, name: bytes, size: int, records: dict[bytes, bytes]) -> bytes:
    """As ``header``, for what does not simply fit; ``records`` is filled with what USTAR cannot say."""
    prefix, short = _names(entry, name, records)
    link = entry.linkname
    if not _plain(link, 100):
        records[b"linkpath"] = _checked(link, entry)
        link = _ascii(link)
    fields = {b"uname": entry.uname, b"gname": entry.gname}
    for key, value in fields.items():
        if not _plain(value, 32):
            records[key], fields[key] = _checked(value, entry), b""
    numbers = {b"uid": entry.uid, b"gid": entry.gid, b"size": size}
    for key, n in numbers.items():
        if not 0 <= n < (_ELEVEN if key == b"size" else _SEVEN):
            records[key], numbers[key] = b"%d" % n, 0
    if not 0 <= entry.mode < _SEVEN or not (0 <= entry.major < _SEVEN and 0 <= entry.minor < _SEVEN):
        raise Invalid(f"{text(entry.name)}: mode or device number does not fit a tar header")
    seconds = entry.mtime // SECOND
    if _time(entry.mtime) is None:
        records[b"mtime"] = pax.decimal(entry.mtime)
        seconds = seconds if 0 <= seconds < _ELEVEN else 0
    for key, value in entry.xattrs.items():
        if not key or b"=" in key or b"\0" in key:
            raise Invalid(f"{text(entry.name)}: extended attribute {key!r} cannot be written to a tar")
        records[pax.SCHILY + key] = value
    ids, owners = _ids(entry.mode, numbers[b"uid"], numbers[b"gid"]), _owners(fields[b"uname"], fields[b"gname"])
    assert ids and owners
    front = b"%b%b%011o\0%011o\0" % (short.ljust(100, b"\0"), ids, numbers[b"size"], seconds)
    back = b"%b%b%b" % (FLAGS[entry.kind], link.ljust(100, b"\0"), owners)
    back += b"%07o\0%07o\0%b%b" % (entry.major, entry.minor, prefix.ljust(155, b"\0"), bytes(12))
    return (_pax(records) if records else b"") + _block(front, back)


def _names(entry: Entry, name: bytes, records: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    """(prefix, name) of the USTAR block, and the PAX record if these cannot say it."""
    if _plain(name, 100):
        return b"", name
    found = split(name) if _plain(name, 256) else None
    if found:
        return found
    records[b"path"] = _checked(name, entry)
    return b"", _ascii(name)


def _ascii(name: bytes) -> bytes:
    """What a reader without PAX may see of a name."""
    return name.translate(None, bytes(range(128, 256)))[:100]


def _checked(value: bytes, entry: Entry) -> bytes:
    if b"\0" in value:
        raise Invalid(f"{text(entry.name)}: a name with NUL cannot be written to a tar")
    return value


def _pax(records: dict[bytes, bytes]) -> bytes:
    """The extended header: its block and its records, padded."""
    names = [v for k, v in records.items() if not k.startswith(pax.SCHILY)]
    try:
        b"\n".join(names).decode()
    except UnicodeDecodeError:
        records[b"hdrcharset"] = b"BINARY"
    body = b"".join(pax.record(k, v) for k, v in sorted(records.items()))
    if len(body) > pax.LIMIT:
        raise Invalid(f"extended header of {len(body)} bytes is larger than readers accept")
    front = b"%b%b%011o\0%011o\0" % (b"././@PaxHeader".ljust(100, b"\0"), b"0000000\0" * 3, len(body), 0)
    back = b"x" + bytes(100) + b"ustar\x0000" + bytes(64) + _NO_DEVICE + bytes(167)
    return _block(front, back) + body + PADDING[len(body) % BLOCK]
