"""The archive's grammar as a state machine without I/O: it says which bytes it needs, and turns them into entries.

    while not parser.ended:
        block = bytes at [parser.next, parser.next + parser.want)
        entry = parser.step(block)          # an Entry, or None for what only prepares one

``feed`` is that loop for a stream that arrives in pieces, ``scan`` and ``Reader`` are it for files and for readers.
"""

from __future__ import annotations

from scow.errors import Corrupt
from scow.wire.tar import pax, sparse
from scow.wire.tar.entry import Entry
from scow.wire.tar.header import BLOCK, ZERO, decode, fail, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PLAIN = {"file", "dir", "symlink", "hardlink", "char", "block", "fifo"}


class Parser:
    """Push parser of one archive; ``apply_global`` makes global PAX headers count, which docker ignores."""

    def __init__(self, *, apply_global: bool = False) -> None:
        self.next = 0
        """Offset in the stream of the bytes needed next."""
        self.want = BLOCK
        """How many; at most a mebibyte."""
        self.ended = False
        """Two zero blocks have been seen: what follows is no part of the archive."""
        self._take: Callable[[bytes], Entry | None] = self._header
        self._apply_global = apply_global
        self._global: dict[bytes, bytes] = {}
        self._records: dict[bytes, bytes] = {}  # of the extended header before the next member
        self._long: dict[str, Any] = {}  # GNU's long names, by field
        self._holes = False  # which may say that it is sparse
        self._pending = False  # an extended header waits for its member
        self._zero = False
        self._entry = Entry(b"", "file")  # the one whose rest is being collected
        self._start = 0  # where its header lies
        self._map: sparse.OldMap | sparse.PaxMap = sparse.PaxMap()
        self._size = 0  # of the sparse file
        self._solid = 0  # the stream must reach at least here
        self._fed = 0
        self._held = bytearray()
        self._wrong: Corrupt | None = None

    def step(self, block: bytes) -> Entry | None:
        """Take the ``want`` bytes at ``next``; the entry they complete, or None."""
        return self._take(block)

    def feed(self, chunk: bytes | bytearray | memoryview) -> list[Entry]:
        """Take the next piece of the stream, of any size; the entries whose headers are complete now.

        What is wrong behind them is raised by the next call.
        """
        if self._wrong is not None:
            raise self._wrong
        found: list[Entry] = []
        base = self._fed
        self._fed = end = base + len(chunk)
        view: bytes | memoryview = chunk if isinstance(chunk, bytes) else memoryview(chunk)
        if self._held:
            base -= len(self._held)
            self._held += view
            if self.next + self.want > end:
                return found
            view = bytes(self._held)
            self._held.clear()
        try:
            while not self.ended and (stop := self.next + self.want) <= end:
                entry = self._take(bytes(view[self.next - base : stop - base]))
                if entry is not None:
                    found.append(entry)
        except Corrupt as e:
            self._wrong = e
            if not found:
                raise
            return found
        if not self.ended and self.next < end:
            self._held += view[self.next - base :]
        return found

    def close(self) -> None:
        """The stream is over: Corrupt if that is too early."""
        self.finish(self._fed)

    def finish(self, size: int) -> None:
        """As ``close``, for who called ``step``: the stream had ``size`` bytes.

        As for Go, the archive may end without zero blocks, after one of them, or within the padding of the last file.
        """
        if self._wrong is not None:
            raise self._wrong
        if self.ended:
            return
        if size < self._solid:
            raise fail(f"truncated: data ends at {size}, not {self._solid}", self._start, self._entry.name)
        if self._take != self._header:
            raise fail("truncated", self._start, self._entry.name)
        if self._pending:
            raise fail("extended header without a member", self._start)
        if size > self.next:
            raise fail("truncated", self.next)

    def _header(self, block: bytes) -> Entry | None:
        at = self.next
        if block == ZERO:
            self._nothing(at)
            return None
        if self._zero:
            raise fail("a zero block is followed by data", at)
        over = self._over(at) if self._pending or self._global else None
        entry = decode(block, at, over)
        self._start = at
        if entry[1] in PLAIN and not self._holes:  # [1] is kind: this runs for every member
            data, size = entry[12], entry[5]
            self._solid = data + size
            self.next = data + (size + 511 & -512)
            self._entry = entry
            if self._pending:
                self._forget()
            return entry
        if over and entry[1] not in PLAIN and entry[1] != "gnusparse":
            # What an earlier extended header said, its size above all, is for the member and not for this one.
            entry = decode(block, at)
        return self._special(entry, block)

    def _nothing(self, at: int) -> None:
        if self._pending:
            raise fail("extended header without a member", at)
        self.ended = self._zero
        self._zero = True
        self.next = self._solid = at + BLOCK

    def _over(self, at: int) -> dict[str, Any]:
        found = {**self._global, **self._records} if self._global else self._records
        try:
            over = pax.fields(found) if found else {}
        except ValueError as e:
            raise fail(str(e), at) from None
        over.update(self._long)
        return over

    def _forget(self) -> None:
        self._records, self._long, self._pending, self._holes = {}, {}, False, False

    def _special(self, entry: Entry, block: bytes) -> Entry | None:
        self._entry = entry
        self.next = entry.data
        try:
            if entry.kind == "gnusparse":
                self._map = sparse.OldMap(block)
                self._size = number(block[483:495])
                return self._mapped() if not self._map.more else self._more()
            if entry.kind not in PLAIN:
                return self._extended(entry.size)
            form = sparse.announced(self._records)
            if form < 0:
                return self._emit(entry, entry.size)
            return self._pax_sparse(entry, form)
        except ValueError as e:
            raise fail(str(e), self._start, entry.name) from None

    def _extended(self, size: int) -> Entry | None:
        if size > pax.LIMIT:
            raise ValueError(f"extended header of {size} bytes")
        self._take = self._payload
        self.want = size + 511 & -512
        self._solid = self.next + self.want
        if not self.want:
            self._payload(b"")
        return None

    def _payload(self, block: bytes) -> None:
        kind, data = self._entry.kind, block[: self._entry.size]
        try:
            if kind == "pax":
                self._records = pax.records(data)
                self._holes = b"GNU.sparse." in data
            elif kind == "global":
                found = pax.records(data)
                if self._apply_global:
                    self._global.update(found)
            else:
                self._long["name" if kind == "longname" else "linkname"] = data.partition(b"\0")[0]
        except ValueError as e:
            raise fail(str(e), self._start, self._entry.name) from None
        self._pending = self._pending or kind != "global"
        self.next += self.want
        self.want = BLOCK
        self._take = self._header

    def _pax_sparse(self, entry: Entry, form: int) -> Entry | None:
        if entry.kind != "file":
            raise ValueError(f"a sparse {entry.kind}")
        self._size = sparse.real(self._records, entry.size)
        self._entry = entry._replace(name=self._records.get(b"GNU.sparse.name") or entry.name)
        if form == 1:
            self._map = sparse.PaxMap()
            return self._more()
        return self._sparse(sparse.header_runs(self._records), entry.size)

    def _more(self) -> Entry | None:
        """One more block of a sparse map is needed."""
        self._take = self._collect
        self._solid = self.next + BLOCK
        return None

    def _collect(self, block: bytes) -> Entry | None:
        self.next += BLOCK
        try:
            return self._mapped() if self._map.take(block) else self._more()
        except ValueError as e:
            raise fail(str(e), self._start, self._entry.name) from None

    def _mapped(self) -> Entry:
        return self._sparse(tuple(self._map.runs), self._entry.size - self._map.taken)

    def _sparse(self, runs: sparse.Runs, held: int) -> Entry:
        sparse.check(runs, self._size, held)
        return self._emit(self._entry._replace(kind="file", size=self._size, sparse=runs, data=self.next), held)

    def _emit(self, entry: Entry, held: int) -> Entry:
        self._solid = self.next + held
        self.next += held + 511 & -512
        self._take = self._header
        self._forget()
        self._entry = entry
        return entry
