"""gzip in blocks, compressed side by side and written in order (see pack.py for the form)."""

from __future__ import annotations

import struct
from collections import deque

from scow.wire.whole import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.wire.compress.pack import Out

BLOCK = 1 << 20
HISTORY = 1 << 15
HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""No flags, no time, unknown system: what Go writes."""
END = b"\x03\0"
"""An empty last deflate block."""


def _deflate(block: bytes, history: bytes, level: int) -> tuple[bytes, int]:
    """``block`` as deflate blocks up to a byte boundary, and its CRC."""
    from isal import isal_zlib

    coder: Any
    if not level:
        import zlib

        coder = zlib.compressobj(0, wbits=-15)
    elif history:
        coder = isal_zlib.compressobj(level, wbits=-15, zdict=history)
    else:
        coder = isal_zlib.compressobj(level, wbits=-15)
    return coder.compress(block) + coder.flush(isal_zlib.Z_SYNC_FLUSH), isal_zlib.crc32(block)


def _work(jobs: Any, level: int) -> None:
    """A thread's life. It does not know the compressor, so that one which is forgotten can be collected and end it."""
    from isal import isal_zlib

    wrong: Any = (MemoryError, isal_zlib.error)
    while (job := jobs.get()) is not None:
        try:
            job.result = _deflate(job.block, job.history, level)
        except wrong as e:
            job.result = e
        finally:
            job.done.release()


class _Job:
    """One block on its way; ``done`` is held until there is a result."""

    def __init__(self, block: bytes, history: bytes) -> None:
        import threading

        self.block = block
        self.history = history
        self.result: tuple[bytes, int] | Exception | None = None
        self.done = threading.Lock()
        self.done.acquire()


class Gzip:
    """A gzip member in the making. The first block starts no thread: most small things have only one."""

    def __init__(self, out: Out, level: int, threads: int) -> None:
        self._out = out
        self._level = level
        self._threads = threads
        self._pending = bytearray()
        self._history = b""
        self._crc = 0
        self._size = 0
        self._jobs: deque[_Job] = deque()
        self._queue: Any = None
        self._crew: list[Any] = []
        self._closed = False
        self._begun = False

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Compress ``data``, which is copied."""
        if self._closed:
            raise ValueError("write to a closed compressor")
        view = memoryview(data).cast("B")
        at = 0
        while at < len(view):
            if len(self._pending) == BLOCK:  # more follows, so it is not the last
                self._submit()
            n = min(BLOCK - len(self._pending), len(view) - at)
            self._pending += view[at : at + n]
            at += n
        return len(view)

    def close(self) -> None:
        """Write the rest and the trailer, once."""
        if self._closed:
            return
        if self._pending:
            self._submit(last=True)
        while self._jobs:
            self._collect()
        self._stop()
        self._begin()
        write_whole(self._out.write, END + struct.pack("<LL", self._crc, self._size & 0xFFFFFFFF))

    def abort(self) -> None:
        """Give up; what was written is no whole member."""
        self._jobs.clear()
        self._stop()

    def __del__(self) -> None:
        for _ in getattr(self, "_crew", ()):
            self._queue.put(None)

    def _stop(self) -> None:
        self._closed = True
        for _ in self._crew:
            self._queue.put(None)
        for thread in self._crew:
            thread.join()
        self._crew = []

    def _submit(self, *, last: bool = False) -> None:
        block = bytes(self._pending)
        self._pending.clear()
        history, self._history = self._history, block[-HISTORY:]
        self._size += len(block)
        if self._threads < 2 or (last and not self._jobs):
            self._write(block, *_deflate(block, history, self._level))
            return
        if not self._crew:
            self._start()
        job = _Job(block, history)
        self._jobs.append(job)
        self._queue.put(job)
        while len(self._jobs) > self._threads + 1:
            self._collect()

    def _start(self) -> None:
        import queue
        import threading

        self._queue = queue.SimpleQueue()
        self._crew = [
            threading.Thread(target=_work, args=(self._queue, self._level), daemon=True) for _ in range(self._threads)
        ]
        for thread in self._crew:
            thread.start()

    def _collect(self) -> None:
        """Write the oldest block when it is done."""
        job = self._jobs.popleft()
        job.done.acquire()
        if isinstance(job.result, Exception):
            raise job.result
        assert job.result
        self._write(job.block, *job.result)

    def _write(self, block: bytes, made: bytes, crc: int) -> None:
        from isal import isal_zlib

        self._crc = isal_zlib.crc32_combine(self._crc, crc, len(block))
        self._begin()
        write_whole(self._out.write, made)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            write_whole(self._out.write, HEADER)
