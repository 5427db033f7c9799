"""Pull reading of an archive from a stream: entries one by one, each one's data while it is the current one."""

from __future__ import annotations

import io

from scow.wire.tar.header import fail
from scow.wire.tar.parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Protocol

    from scow.wire.tar.entry import Entry

    class Stream(Protocol):
        """What is read from: short reads are fine, nothing means the end."""

        def read(self, size: int, /) -> bytes:
            """At most ``size`` bytes."""
            ...


WINDOW = 1 << 17


class Reader:
    """Iterates the entries of the tar in ``stream``; Corrupt when it is malformed or truncated.

    Iteration ends behind the two zero blocks that end the archive; ``drain`` reads what else the stream has.
    """

    def __init__(self, stream: Stream, *, apply_global: bool = False) -> None:
        self._read = stream.read
        self._readinto = getattr(stream, "readinto", None)
        self._parser = Parser(apply_global=apply_global)
        self._current: Entry | None = None
        self._base = 0  # offset in the stream of the first byte of _chunk
        self._chunk = b""

    def __iter__(self) -> Reader:
        return self

    def __next__(self) -> Entry:
        parser = self._parser
        self._current = None
        while not parser.ended:
            start, want = parser.next, parser.want
            at = start - self._base
            block = self._chunk[at : at + want]
            if len(block) < want:
                block = self._gather(start, want)
                if len(block) < want:
                    parser.finish(self._base + len(self._chunk))
                    break
            entry = parser.step(block)
            if entry is not None:
                self._current = entry
                return entry
        raise StopIteration

    def open(self, entry: Entry) -> BinaryIO:
        """The data of ``entry``, which must be the one that iteration gave last; sparse files come expanded.

        Its size is ``entry.size``, which a sparse entry can set to anything at no cost: bound what you write.
        """
        return io.BufferedReader(_Data(self, entry), 1 << 16)

    def drain(self) -> int:
        """Read the stream to its end, so that a digest taken of it covers everything; how many bytes followed the
        archive.
        """
        end = self._parser.next if self._parser.ended else self._base
        while self._chunk:
            self._base += len(self._chunk)
            self._chunk = self._read(WINDOW)
        while more := self._read(WINDOW):
            self._base += len(more)
        return self._base - end

    def data_into(self, entry: Entry, offset: int, view: memoryview) -> int:
        """Fill ``view`` as far as one read goes with the stream's bytes at ``offset``, which never goes backwards."""
        if entry is not self._current:
            raise ValueError("the reader has passed this entry")
        if offset - self._base >= len(self._chunk):
            self._skip(offset)
        if not self._chunk and self._readinto is not None:
            n: int = self._readinto(view)
            self._base += n
        else:
            if not self._chunk:
                self._chunk = self._read(len(view))
            at = offset - self._base
            piece = self._chunk[at : at + len(view)]
            n = len(piece)
            view[:n] = piece
        return n

    def _skip(self, start: int) -> None:
        """Go on to ``start``, at or behind the end of what is held."""
        self._base += len(self._chunk)
        self._chunk = b""
        while self._base < start:
            passed = self._read(min(start - self._base, 1 << 20))
            if not passed:
                break
            self._base += len(passed)

    def _gather(self, start: int, size: int) -> bytes:
        """The ``size`` bytes at ``start``, fewer at the end of the stream."""
        at = start - self._base
        if at > len(self._chunk):
            self._skip(start)
            at = 0
        parts = [self._chunk[at:]]
        have = len(parts[0])
        while have < size and (more := self._read(WINDOW)):
            parts.append(more)
            have += len(more)
        self._base += at
        self._chunk = b"".join(parts)
        return self._chunk[:size]


class _Data(io.RawIOBase):
    """The data of one entry, holes filled in."""

    def __init__(self, reader: Reader, entry: Entry) -> None:
        self._reader = reader
        self._entry = entry
        self._at = 0
        self._offset = entry.data
        self._runs = iter(((0, entry.size),) if entry.sparse is None else entry.sparse)
        self._start = self._stop = 0  # the run at or behind _at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        entry = self._entry
        size = entry.size if entry.kind == "file" else 0
        while self._at >= self._stop < size:
            self._start, self._stop = next(self._runs, (size, 0))
            self._stop += self._start
            if self._start == size:
                break
        if self._at < self._start:
            n = min(len(buffer), self._start - self._at)
            buffer[:n] = bytes(n)
        elif n := min(len(buffer), self._stop - self._at):
            n = self._reader.data_into(entry, self._offset, memoryview(buffer)[:n])
            if not n:
                raise fail(f"truncated: {size - self._at} bytes of data are missing", entry.data, entry.name)
            self._offset += n
        self._at += n
        return n
