"""Canonical archives: the same entries give the same bytes (encode.py says which).

No atime, no ctime, and at the end two zero blocks and no more, as Go writes. Sparse files are written in full, as
docker and containerd do (Go's writer knows no sparse form, so the holes of an upper directory become zeros in its
layer), unless the writer was made with ``sparse=True``: then entries with a map are written as PAX GNU.sparse 1.0.
"""

from __future__ import annotations

import os

from scow.errors import Invalid, Unavailable
from scow.wire.tar.encode import PADDING, header
from scow.wire.tar.entry import Entry, stored
from scow.wire.tar.header import BLOCK, ZERO, text
from scow.wire.tar.sparse import check, encode, whole_blocks
from scow.wire.whole import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Protocol

    class Out(Protocol):
        """Where an archive goes; it keeps no reference to what it is given (buffers are used again)."""

        def write(self, data: bytes | memoryview, /) -> object:
            """Take ``data``, or a part of it and return how much."""
            ...

    Data = int | bytes | bytearray | memoryview | BinaryIO | None

SMALL = 1 << 16
"""Files up to this size go out in one piece with their headers."""
GATHER = 1 << 18
"""How much is gathered before it is written."""
BIG = 1 << 20
"""Larger files are copied through a buffer of this size."""


class Writer:
    """Writes an archive to ``out``; nothing is sorted, the order is the caller's."""

    def __init__(self, out: Out, *, sparse: bool = False) -> None:
        self.offset = 0
        """The size of the archive so far."""
        self._write = out.write
        self._sparse = sparse
        self._parts: list[bytes | bytearray | memoryview] = []
        self._held = 0
        self._buffer: memoryview | None = None

    def add(self, entry: Entry, data: Data = None) -> int:
        """Append ``entry`` with ``entry.size`` bytes of ``data``; the offset in the archive at which these begin.

        ``data`` is a descriptor or a binary file, read from its position on, or bytes. A descriptor's file that has
        become shorter or longer than ``size`` is filled up with zeros or cut, so that the archive stays well-formed,
        and then Unavailable is raised naming it, as GNU tar does: the caller may go on with the next entry, or begin
        anew. Invalid for what a tar cannot hold.
        """
        size = entry[5] if entry[1] == "file" else 0
        if entry[11] is not None and self._sparse:
            return self._add_sparse(entry, data)
        if not isinstance(data, int):
            return self._add_other(entry, size, data)
        head = header(entry, size)
        start = self.offset + len(head)
        if size > SMALL:
            self._put(head)
            missing = self._copy(data, size)
            if not missing and os.read(data, 1):
                missing = -1
        else:
            body = os.read(data, size + 1)
            missing = size - len(body)
            if missing:
                body, missing = _mend(data, body, size)
            self._parts += (head, body, PADDING[size % BLOCK])
            self._held += len(head) + size + 512
            self.offset = start + (size + 511 & -512)
            if self._held >= GATHER:
                self.flush()
        if missing:
            raise Unavailable(
                f"{text(entry.name)} has become {'shorter' if missing > 0 else 'longer'} while it was read"
            )
        return start

    def _add_other(self, entry: Entry, size: int, data: bytes | bytearray | memoryview | BinaryIO | None) -> int:
        if isinstance(data, bytes | bytearray | memoryview):
            data = memoryview(data).cast("B")
            if data.nbytes != size:
                raise Invalid(f"{text(entry.name)} has {data.nbytes} bytes, its entry says {size}")
            start = self._put(header(entry, size))
            self._put(bytes(data) if size <= SMALL else data)
            self._put(PADDING[size % BLOCK])
            return start
        if data is None and size:
            raise Invalid(f"{text(entry.name)} has a size but no data")
        start = self._put(header(entry, size))
        if data is not None and self._copy(data, size):
            raise Unavailable(f"{text(entry.name)} has become shorter while it was read")
        return start

    def _add_sparse(self, entry: Entry, data: Data) -> int:
        """PAX GNU.sparse 1.0: the map, then the runs, which are read at their places in ``data``."""
        runs = entry.sparse or ()
        try:
            check(runs, entry.size, stored(entry))
        except ValueError as e:
            raise Invalid(f"{text(entry.name)}: {e}") from None
        if data is None or entry.kind != "file":
            raise Invalid(f"{text(entry.name)} is sparse but has no data")
        runs = whole_blocks(runs, entry.size)
        table = encode(runs)
        size = len(table) + sum(length for _, length in runs)
        base = b"GNUSparseFile.0/" + entry.name.rpartition(b"/")[2]
        extra = {b"major": b"1", b"minor": b"0", b"name": entry.name, b"realsize": b"%d" % entry.size}
        if b"\0" in entry.name:
            raise Invalid(f"{text(entry.name)}: a name with NUL cannot be written to a tar")
        self._put(header(entry._replace(name=base), size, {b"GNU.sparse." + k: v for k, v in extra.items()}))
        start = self._put(table)
        missing = 0
        for offset, length in runs:
            if isinstance(data, bytes | bytearray | memoryview):
                self._put(bytes(memoryview(data)[offset : offset + length]).ljust(length, b"\0"))
                continue
            if isinstance(data, int):
                os.lseek(data, offset, os.SEEK_SET)
            else:
                data.seek(offset)
            missing += self._copy(data, length, pad=False)
        self._put(PADDING[size % BLOCK])
        if missing:
            raise Unavailable(f"{text(entry.name)} has become shorter while it was read")
        return start

    def flush(self) -> None:
        """Write what has been gathered."""
        if self._parts:
            write_whole(self._write, b"".join(self._parts))
            self._parts.clear()
            self._held = 0

    def close(self) -> None:
        """End the archive and write everything; ``out`` stays open."""
        self._put(ZERO + ZERO)
        self.flush()

    def _put(self, piece: bytes | memoryview) -> int:
        """Append to the archive; its size then."""
        if len(piece) > SMALL:
            self.flush()
            write_whole(self._write, piece)
        else:
            self._parts.append(piece)
            self._held += len(piece)
            if self._held >= GATHER:
                self.flush()
        self.offset += len(piece)
        return self.offset

    def _copy(self, data: int | BinaryIO, size: int, *, pad: bool = True) -> int:
        """Append ``size`` bytes read from ``data`` and their padding; how many of them it did not have."""
        self.flush()
        if self._buffer is None:
            self._buffer = memoryview(bytearray(BIG))
        left = size
        while left:
            view = self._buffer[:left]
            n = os.readv(data, [view]) if isinstance(data, int) else _read(data, view)
            if not n:
                break
            write_whole(self._write, view[:n])
            left -= n
        self.offset += size - left
        missing = left
        while left:
            n = min(left, BIG)
            self._put(bytes(n))
            left -= n
        if pad:
            self._put(PADDING[size % BLOCK])
        return missing


def _read(data: BinaryIO, view: memoryview) -> int:
    """Fill ``view`` from a binary file, which need not have readinto."""
    into = getattr(data, "readinto", None)
    if into is not None:
        return int(into(view) or 0)
    piece = data.read(len(view))
    view[: len(piece)] = piece
    return len(piece)


def _mend(fd: int, body: bytes, size: int) -> tuple[bytes, int]:
    """The ``size`` bytes of which the first read gave ``body``, and how many are missing; -1 if there are more."""
    while len(body) <= size and (more := os.read(fd, size + 1 - len(body))):
        body += more
    if len(body) > size:
        return body[:size], -1
    return body.ljust(size, b"\0"), size - len(body)
