"""How a file's data is found: chunk indexes into the tar, and what has to be copied because no index can name it."""

from __future__ import annotations

from scow.store.erofs.format import BLOCK, BLOCK_BITS, CHUNK_BITS_MASK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BITS = BLOCK_BITS + CHUNK_BITS_MASK
_SPARE_CHUNKS, _CHUNKS_PER_RUN = 64, 16


def contiguous_bits(size: int) -> int:
    """Chunk bits for a file in one piece: one chunk whatever its size, up to 1 TiB."""
    return min(max((size - 1).bit_length(), BLOCK_BITS), MAX_BITS)


def runs_bits(size: int, runs: Sequence[tuple[int, int]]) -> int:
    """Chunk bits for a file of several runs of data: the largest that cuts at every boundary, unless that makes the
    number of chunks grow with the size of the holes.
    """
    cuts = 0
    for offset, length in runs:
        cuts |= offset | (offset + length if offset + length < size else 0)
    natural = (cuts & -cuts).bit_length() - 1 if cuts else MAX_BITS
    bits = min(max(natural, BLOCK_BITS), contiguous_bits(size))
    while (size - 1 >> bits) + 1 > _SPARE_CHUNKS + _CHUNKS_PER_RUN * len(runs) and bits < MAX_BITS:
        bits += 1
    return bits


class Piece:
    """One chunk: ``source`` is an offset in the tar, or None for a hole or a chunk that has to be put together from
    ``copies`` of (offset in the chunk, offset in the tar, length).
    """

    __slots__ = ("copies", "source")

    def __init__(self, source: int | None, copies: tuple[tuple[int, int, int], ...] = ()) -> None:
        self.source = source
        self.copies = copies


def pieces(size: int, data: int, runs: Sequence[tuple[int, int]], bits: int, end: int) -> list[Piece]:
    """The chunks of a file whose ``runs`` of data lie back to back from ``data`` on in a tar of ``end`` bytes."""
    found = []
    run = 0
    source = data  # of the current run's first byte
    for at in range(0, size, 1 << bits):
        stop = min(at + (1 << bits), size)
        copies = []
        while run < len(runs) and runs[run][0] < stop:
            offset, length = runs[run]
            first, last = max(offset, at), min(offset + length, stop)
            copies.append((first - at, source + first - offset, last - first))
            if offset + length > stop:
                break
            source += length
            run += 1
        found.append(_piece(tuple(c for c in copies if c[2]), stop - at, end))
    return found


def _piece(copies: tuple[tuple[int, int, int], ...], length: int, end: int) -> Piece:
    if not copies:
        return Piece(None)
    inside, source, amount = copies[0]
    whole = len(copies) == 1 and inside == 0 and amount == length
    if whole and source % BLOCK == 0 and source + length + -length % BLOCK <= end:
        return Piece(source)
    return Piece(None, copies)
