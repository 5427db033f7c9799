"""Compression with bytes that depend on the input and the level alone.

gzip is written by isal in blocks of one mebibyte, each primed with the 32 KiB before it and ended by a sync flush (as
pigz does it): one member, no time, no name. Blocks are compressed by as many threads as there are processors, in
order, so that the number of threads changes nothing. zstd always runs in the library's threaded mode, whose output
does not depend on their number either.

| gzip level | means |
| --- | --- |
| 0 | stored |
| None, 1 to 3 | isal 1: four times as fast as zlib 1 and smaller than zlib 6 |
| 4 to 6 | isal 2: one to two per cent smaller |
| 7 to 9 | isal 3: three per cent smaller, half the speed |
"""

from __future__ import annotations

from scow.errors import Invalid
from scow.wire.whole import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Out(Protocol):
        """Where compressed bytes go."""

        def write(self, data: bytes, /) -> object:
            """Take ``data``, or a part of it and return how much."""
            ...

    class Compressor(Protocol):
        """A writer of compressed bytes; ``close`` completes them and leaves ``out`` open, ``abort`` gives up."""

        def write(self, data: bytes | bytearray | memoryview, /) -> int: ...  # noqa: D102
        def close(self) -> None: ...  # noqa: D102
        def abort(self) -> None: ...  # noqa: D102


def compressor(out: Out, kind: str, level: int | None = None, *, threads: int | None = None) -> Compressor:
    """A writer that puts what it is given into ``out`` as ``kind``: gzip (levels 0 to 9), zstd (1 to 22) or none.

    ``threads`` defaults to the processors there are; it changes the speed and never the bytes.
    """
    if kind == "none":
        return Plain(out)
    if threads is None:
        import os

        threads = min(len(os.sched_getaffinity(0)), 8)
    if kind == "gzip":
        from scow.wire.compress.gzip import Gzip

        if level is not None and not 0 <= level <= 9:
            raise Invalid(f"gzip has no compression level {level}", hint="levels go from 0 to 9")
        return Gzip(out, 1 if level is None else (level + 2) // 3, threads)
    if kind == "zstd":
        if level is not None and not 1 <= level <= 22:
            raise Invalid(f"zstd has no compression level {level}", hint="levels go from 1 to 22")
        return Zstd(out, level or 3, threads)
    raise Invalid(f"compression {kind!r} is unknown", hint="gzip, zstd and none are known")


class Plain:
    """No compression."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Pass ``data`` on."""
        write_whole(self._out.write, data)
        return len(data)

    def close(self) -> None:
        """Nothing is left to do."""

    def abort(self) -> None:
        """Nothing to stop."""


class Zstd:
    """One frame with a checksum."""

    def __init__(self, out: Out, level: int, threads: int) -> None:
        import zstandard

        self._out = out
        options = zstandard.ZstdCompressor(level=level, threads=max(threads, 1), write_checksum=True)
        self._coder: Any = options.compressobj()

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Compress ``data``."""
        if made := self._coder.compress(data):
            write_whole(self._out.write, made)
        return len(data)

    def close(self) -> None:
        """Write the end of the frame, once."""
        if self._coder is not None:
            write_whole(self._out.write, self._coder.flush())
            self._coder = None

    def abort(self) -> None:
        """Give up; what was written is no whole frame."""
        self._coder = None
