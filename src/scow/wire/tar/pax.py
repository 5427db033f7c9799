"""PAX extended headers (POSIX 1003.1): records of ``length key=value``, read and written.

Names and values stay bytes, so ``hdrcharset`` needs no handling. As in Go: an empty value leaves what the header
says, a later extended header replaces an earlier one, atime, ctime, comments and unknown keys are passed over.
"""

from __future__ import annotations

import binascii

from scow.wire.tar.header import MAX, instant, owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIMIT = 1 << 20
"""The largest extended header, long name or sparse map that is read, in bytes (Go's limit too)."""
SCHILY = b"SCHILY.xattr."
LIBARCHIVE = b"LIBARCHIVE.xattr."
RUN = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")


def records(data: bytes) -> dict[bytes, bytes]:
    """The records by key; GNU.sparse 0.0's repeated offset and numbytes become 0.1's map. ValueError when malformed."""
    found: dict[bytes, bytes] = {}
    runs: list[bytes] = []
    at, end = 0, len(data)
    while at < end:
        space = data.find(b" ", at, at + 21)
        digits = data[at:space]
        if space < 0 or not digits.isdigit():
            raise ValueError("malformed extended header")
        stop = at + int(digits)
        equals = data.find(b"=", space, stop)
        if equals <= space + 1 or stop > end or data[stop - 1] != 10:
            raise ValueError("malformed extended header")
        key, value = data[space + 1 : equals], data[equals + 1 : stop - 1]
        if b"\0" in key:
            raise ValueError("NUL in an extended header's key")
        if key in RUN:
            if key != RUN[len(runs) % 2] or b"," in value:
                raise ValueError("sparse map out of order")
            runs.append(value)
        else:
            found[key] = value
        at = stop
    if runs:
        found[b"GNU.sparse.map"] = b",".join(runs)
    return found


def integer(value: bytes) -> int:
    """A decimal number of at most 63 bits, ValueError otherwise."""
    digits = value[1:] if value[:1] == b"-" else value
    if not digits.isdigit() or len(digits) > 19 or (n := int(value)) > MAX:
        raise ValueError(f"{value[:40]!r} is no number")
    return n


def moment(value: bytes) -> int:
    """``seconds[.fraction]`` as nanoseconds; digits beyond the ninth are cut."""
    whole, _, fraction = value.partition(b".")
    if fraction and not fraction.isdigit():
        raise ValueError(f"{value[:40]!r} is no time")
    ns = int(fraction[:9].ljust(9, b"0"))
    return instant(integer(whole), -ns if whole[:1] == b"-" else ns)


def _string(value: bytes) -> bytes:
    if b"\0" in value:
        raise ValueError("NUL in a name")
    return value


def _size(value: bytes) -> int:
    if (n := integer(value)) < 0:
        raise ValueError(f"size {n} is impossible")
    return n


_FIELDS: dict[bytes, tuple[str, Any]] = {
    b"path": ("name", _string),
    b"linkpath": ("linkname", _string),
    b"size": ("size", _size),
    b"mtime": ("mtime", moment),
    b"uid": ("uid", lambda v: owner(integer(v))),
    b"gid": ("gid", lambda v: owner(integer(v))),
    b"uname": ("uname", _string),
    b"gname": ("gname", _string),
}


def fields(found: dict[bytes, bytes]) -> dict[str, Any]:
    """What the records change in an Entry, by field name; ``xattrs`` from both SCHILY's and libarchive's keys."""
    over: dict[str, Any] = {}
    xattrs: dict[bytes, bytes] = {}
    coded: dict[bytes, bytes] = {}
    for key, value in found.items():
        if key in _FIELDS:
            if value:
                name, convert = _FIELDS[key]
                over[name] = convert(value)
        elif key.startswith(SCHILY):
            xattrs[key[len(SCHILY) :]] = value
        elif key.startswith(LIBARCHIVE):
            coded[_unquote(key[len(LIBARCHIVE) :])] = _base64(value)
    if xattrs or coded:
        over["xattrs"] = {**coded, **xattrs}
    return over


def _unquote(name: bytes) -> bytes:
    """libarchive's URL-encoded attribute name."""
    if b"%" not in name:
        return name
    first, *rest = name.split(b"%")
    try:
        return first + b"".join(binascii.unhexlify(part[:2] or b"?") + part[2:] for part in rest)
    except binascii.Error:
        raise ValueError("malformed attribute name") from None


def _base64(value: bytes) -> bytes:
    """libarchive's base64, which it writes without the padding."""
    try:
        return binascii.a2b_base64(value + b"=" * (-len(value) % 4))
    except binascii.Error:
        raise ValueError("malformed base64 in an extended attribute") from None


def record(key: bytes, value: bytes) -> bytes:
    """One record; its length counts its own digits."""
    size = len(key) + len(value) + 3
    total = size + len(str(size))
    total = size + len(str(total))
    return b"%d %s=%s\n" % (total, key, value)


def decimal(ns: int) -> bytes:
    """A time as PAX writes it: seconds and, where there is one, a fraction without trailing zeros."""
    seconds, fraction = divmod(abs(ns), 1_000_000_000)
    text = b"%d.%09d" % (seconds, fraction)
    return (b"-" if ns < 0 else b"") + text.rstrip(b"0").rstrip(b".")
