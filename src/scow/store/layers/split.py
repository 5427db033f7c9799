"""A tar without the data of its files, and how to put the two together again (what docker calls tar-split).

The directory form keeps a layer's files unpacked; the exact bytes of the archive are needed again for push and save.
Keeping the tar as well would double a layer on disk; compressing the files again would not give the same bytes. So what
lies between the files' data - headers, padding, anything odd - is kept, compressed, with a table of which file fills
which gap: about 1% of a typical layer. It is the layer's own digest that tells whether the result is right.

    magic  chunk...  table  footer        chunks and table are zlib streams; integers are little-endian
    table  = length of each compressed chunk (4), then per gap: offset in the tar (8), length (8), offset in the
             file (8), length of the path (4), path
    footer = size of the tar (8), chunks (8), gaps (8), offset of the table (8)
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from bisect import bisect_right

from scow.errors import Corrupt
from scow.kernel.openat import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAGIC = b"scowspl1"
CHUNK = 1 << 20
_GAP = struct.Struct("<QQQI")
_FOOTER = struct.Struct("<QQQQ")

Gap = tuple[int, int, int, bytes]
"""Offset in the tar, length, offset in the file, path of the file relative to the root."""


def write_split(tar: int, size: int, gaps: list[Gap], out: int) -> None:
    """Keep everything of ``tar`` (``size`` bytes) that is in none of the ``gaps``, which must be sorted and apart."""
    lengths: list[int] = []
    held = bytearray()

    def flush(limit: int) -> None:
        while len(held) > limit:
            packed = zlib.compress(bytes(held[:CHUNK]), 1)
            del held[:CHUNK]
            lengths.append(len(packed))
            _write(out, packed)

    _write(out, MAGIC)
    at = 0
    for start, length, _, _ in [*gaps, (size, 0, 0, b"")]:
        while at < start:
            piece = os.pread(tar, min(start - at, CHUNK), at)
            if not piece:
                raise Corrupt("layer tar became shorter while it was read")
            held += piece
            at += len(piece)
            flush(CHUNK)
        at = start + length
    flush(0)
    table = struct.pack(f"<{len(lengths)}I", *lengths)
    table += b"".join([_GAP.pack(start, length, inside, len(path)) + path for start, length, inside, path in gaps])
    _write(out, zlib.compress(table, 1))
    _write(out, _FOOTER.pack(size, len(lengths), len(gaps), len(MAGIC) + sum(lengths)))


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class SplitReader(io.RawIOBase):
    """The original tar, seekable. ``root`` is a descriptor of the unpacked tree; closing closes both descriptors."""

    def __init__(self, split: int, root: int) -> None:
        self._split = split
        self._root = root
        self._at = 0
        self._chunk: tuple[int, bytes] = (-1, b"")
        self._file: tuple[bytes, int] = (b"", -1)
        try:
            self._load()
        except (struct.error, zlib.error, ValueError, IndexError) as e:
            self.close()
            raise Corrupt(f"record of a layer's tar is damaged: {e}") from None

    def _load(self) -> None:
        end = os.fstat(self._split).st_size - _FOOTER.size
        self.size, chunks, count, offset = _FOOTER.unpack(os.pread(self._split, _FOOTER.size, max(end, 0)))
        if os.pread(self._split, len(MAGIC), 0) != MAGIC or not len(MAGIC) <= offset <= end:
            raise ValueError("no magic, or no table")
        table = zlib.decompress(os.pread(self._split, end - offset, offset))
        if 4 * chunks + _GAP.size * count > len(table):
            raise ValueError("table is cut short")
        lengths = struct.unpack_from(f"<{chunks}I", table)
        self._chunks = [len(MAGIC)]
        for length in lengths:
            self._chunks.append(self._chunks[-1] + length)
        self._gaps: list[Gap] = []
        self._kept: list[int] = []  # where, among the kept bytes, those behind each gap begin
        at, total = 4 * chunks, 0
        for _ in range(count):
            start, length, inside, amount = _GAP.unpack_from(table, at)
            at += _GAP.size
            self._gaps.append((start, length, inside, table[at : at + amount]))
            at += amount
            total += length
            self._kept.append(start + length - total)
        self._starts = [gap[0] for gap in self._gaps]

    def readable(self) -> bool:  # noqa: D102
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:  # noqa: D102
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:  # noqa: D102
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:  # noqa: D102
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._at < self.size:
            piece = self._piece(len(view) - done)
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._at += len(piece)
        return done

    def _piece(self, want: int) -> bytes:
        """Some bytes at the position, at least one."""
        at = self._at
        number = bisect_right(self._starts, at) - 1
        if number >= 0:
            start, length, inside, path = self._gaps[number]
            if at < start + length:
                data = os.pread(self._open(path), min(want, start + length - at), inside + at - start)
                if not data:
                    raise Corrupt(f"unpacked layer file {os.fsdecode(path)} is shorter than the archive says")
                return data
            kept = self._kept[number] + at - start - length
        else:
            kept = at
        stop = self._starts[number + 1] if number + 1 < len(self._starts) else self.size
        return self._kept_bytes(kept, min(want, stop - at))

    def _kept_bytes(self, offset: int, want: int) -> bytes:
        number, inside = divmod(offset, CHUNK)
        if self._chunk[0] != number:
            try:
                start, end = self._chunks[number : number + 2]
                self._chunk = (number, zlib.decompress(os.pread(self._split, end - start, start)))
            except (zlib.error, ValueError) as e:
                raise Corrupt(f"record of a layer's tar is damaged: {e}") from None
        piece = self._chunk[1][inside : inside + want]
        if not piece:
            raise Corrupt("record of a layer's tar is cut short")
        return piece

    def _open(self, path: bytes) -> int:
        if self._file[0] != path:
            self._shut()
            try:
                fd = openat2(self._root, path, os.O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
            except OSError as e:
                raise Corrupt(f"unpacked layer file {os.fsdecode(path)}: {e.strerror}") from None
            self._file = (path, fd)
        return self._file[1]

    def _shut(self) -> None:
        if self._file[1] >= 0:
            os.close(self._file[1])
        self._file = (b"", -1)

    def close(self) -> None:  # noqa: D102
        if not self.closed:
            super().close()
            self._shut()
            os.close(self._split)
            os.close(self._root)
