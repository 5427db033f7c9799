"""zstd frames (RFC 8878). The library is given whole blocks and no more, of which we know where they begin.

That bounds what one call can make (a block is at most 128 KiB, however small its compressed form), tells a truncated
stream from a complete one, and lets skippable frames of any size pass in no memory; none of which zstandard's own
readers do.
"""

from __future__ import annotations

from scow.errors import Corrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW = 1 << 27
"""The largest window accepted, as by the zstd program without ``--memory``: 128 MiB."""
BATCH = 1 << 17
"""Blocks are handed over together up to this size,"""
BLOCKS = 8
"""and up to this number, which makes at most a mebibyte."""


class _Input:
    """Exact reads from a stream of chunks."""

    def __init__(self, read: Callable[[int], bytes], head: bytes) -> None:
        self._read = read
        self._chunk = head
        self._at = 0

    def fill(self, size: int) -> int:
        """How many of the next ``size`` bytes there are."""
        have = len(self._chunk) - self._at
        if have < size:
            parts = [self._chunk[self._at :]]
            while have < size and (more := self._read(BATCH)):
                parts.append(more)
                have += len(more)
            self._chunk, self._at = b"".join(parts), 0
        return min(have, size)

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, Corrupt if there are fewer."""
        if self.fill(size) < size:
            raise Corrupt("zstd stream is truncated")
        self._at += size
        return self._chunk[self._at - size : self._at]

    def skip(self, size: int) -> None:
        while size:
            n = min(size, BATCH)
            self.take(n)
            size -= n


def frames(read: Callable[[int], bytes], head: bytes) -> Iterator[bytes]:
    """The content of all frames of a stream that begins with ``head``."""
    import zstandard

    source = _Input(read, head)
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW)
    while source.fill(1):
        magic = source.take(4)
        if magic == b"\x28\xb5\x2f\xfd":
            try:
                yield from _frame(source, magic, decompressor.decompressobj().decompress)
            except zstandard.ZstdError as e:
                raise Corrupt(f"zstd stream: {e}") from None
        elif magic[1:] == b"\x2a\x4d\x18" and magic[0] >> 4 == 5:
            source.skip(int.from_bytes(source.take(4), "little"))
        else:
            raise Corrupt("zstd stream is followed by something else")


def _frame(source: _Input, magic: bytes, decode: Callable[[bytes], bytes]) -> Iterator[bytes]:
    header, checksum = _header(source)
    batch = [magic, header]
    size = 0
    last = 0
    while not last:
        head = source.take(3)
        word = int.from_bytes(head, "little")
        last, kind, length = word & 1, word >> 1 & 3, word >> 3
        if kind == 3 or length > 1 << 17:
            raise Corrupt("zstd stream has an impossible block")
        body = source.take(1 if kind == 1 else length)  # 1: one byte, repeated
        batch += (head, body)
        size += len(body)
        if last and checksum:
            batch.append(source.take(4))
        if last or size >= BATCH or len(batch) >= 2 * BLOCKS:
            if out := decode(b"".join(batch)):
                yield out
            batch.clear()
            size = 0


def _header(source: _Input) -> tuple[bytes, bool]:
    """The frame's header and whether a checksum follows the blocks."""
    flags = source.take(1)
    size_code, single, checksum, dictionary = flags[0] >> 6, flags[0] >> 5 & 1, flags[0] >> 2 & 1, flags[0] & 3
    if dictionary:
        raise Corrupt("zstd stream needs a dictionary")
    sizes = (single, 2, 4, 8)[size_code]
    rest = source.take((0 if single else 1) + sizes)
    if single:
        window = int.from_bytes(rest, "little") + (256 if size_code == 1 else 0)
    else:
        base = 1 << 10 + (rest[0] >> 3)
        window = base + base // 8 * (rest[0] & 7)
    if window > WINDOW:
        raise Corrupt(f"zstd stream needs a window of {window} bytes, more than the {WINDOW} allowed")
    return flags + rest, bool(checksum)
