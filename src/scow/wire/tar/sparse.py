"""Sparse files: GNU's old form, PAX 0.0, 0.1 and 1.0 in; 1.0 out; and the check that a map is possible at all."""

from __future__ import annotations

from scow.wire.tar.header import BLOCK, MAX, number
from scow.wire.tar.pax import LIMIT, integer

Runs = tuple[tuple[int, int], ...]
MAX_RUNS = LIMIT // 24
"""In any form: as many as a mebibyte of GNU's old extension headers can hold."""


def check(runs: Runs, size: int, held: int) -> None:
    """ValueError unless the runs are ordered, apart, inside ``size``, and together the ``held`` bytes that are
    stored.
    """
    end = total = 0
    for offset, length in runs:
        if offset < end or length < 0:
            raise ValueError("sparse map is out of order")
        end = offset + length
        total += length
    if end > size or not 0 <= size <= MAX:
        raise ValueError(f"sparse map ends at {end}, the file at {size}")
    if total != held:
        raise ValueError(f"sparse map has {total} bytes, the archive {held}")


def announced(found: dict[bytes, bytes]) -> int:
    """Which PAX form the records announce: 0 (map in the header), 1 (map before the data), or -1 for none."""
    major, minor = found.get(b"GNU.sparse.major", b""), found.get(b"GNU.sparse.minor", b"")
    if (major, minor) == (b"1", b"0"):
        return 1
    if major or minor:
        if major != b"0" or minor not in (b"0", b"1"):
            raise ValueError("unknown version of a sparse file")
        return 0
    return 0 if found.get(b"GNU.sparse.map") else -1


def real(found: dict[bytes, bytes], size: int) -> int:
    """The size of the whole file."""
    said = found.get(b"GNU.sparse.size") or found.get(b"GNU.sparse.realsize")
    return integer(said) if said else size


def header_runs(found: dict[bytes, bytes]) -> Runs:
    """The map of forms 0.0 and 0.1, which is in the PAX header."""
    text = found.get(b"GNU.sparse.map", b"")
    numbers = [integer(n) for n in text.split(b",")] if text else []
    if integer(found.get(b"GNU.sparse.numblocks", b"")) * 2 != len(numbers):
        raise ValueError("sparse map and its count differ")
    return _pairs(numbers)


def _pairs(numbers: list[int]) -> Runs:
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


class OldMap:
    """The map of GNU's old form: four runs in the header, 21 in each extension header that follows."""

    def __init__(self, header: bytes) -> None:
        self.runs: list[tuple[int, int]] = []
        self.more = header[482] != 0
        self.taken = 0
        """Bytes of the map that count as the entry's data."""
        self._read(header, 386, 4)

    def take(self, block: bytes) -> bool:
        """Take the next block; whether the map is complete."""
        self._read(block, 0, 21)
        return block[504] == 0

    def _read(self, block: bytes, start: int, count: int) -> None:
        for at in range(start, start + 24 * count, 24):
            if not block[at] and not block[at + 12]:
                break  # an empty slot ends them
            self.runs.append((number(block[at : at + 12]), number(block[at + 12 : at + 24])))
        if len(self.runs) > MAX_RUNS:
            raise ValueError("sparse map is too long")


class PaxMap:
    """The map of form 1.0, in the first blocks of the data: the count and the numbers, decimal, a line each."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, int]] = []
        self.taken = 0
        self._text: list[bytes] = []
        self._lines = 0
        self._count = -1

    def take(self, block: bytes) -> bool:
        """Take the next block; whether the map is complete."""
        self._text.append(block)
        self._lines += block.count(b"\n")
        self.taken += BLOCK
        if self._count < 0:
            count = integer(block.partition(b"\n")[0])
            if not 0 <= count <= MAX_RUNS:
                raise ValueError(f"sparse map of {count} runs")
            self._count = count
        if self._lines < 2 * self._count + 1:
            if self.taken >= LIMIT:
                raise ValueError("sparse map is too long")
            return False
        lines = b"".join(self._text).split(b"\n", 2 * self._count + 1)
        self.runs = list(_pairs([integer(v) for v in lines[1:-1]]))
        return True


def whole_blocks(runs: Runs, size: int) -> Runs:
    """The runs widened to whole blocks, and an empty one at the end of the file: GNU tar takes every run to begin a
    block of the archive, and the end of the last to be the end of the file.
    """
    wide: list[tuple[int, int]] = []
    end = 0
    for offset, length in runs:
        if not length:
            continue
        start, stop = offset & -BLOCK, min(offset + length + BLOCK - 1 & -BLOCK, size)
        if wide and start <= end:
            start = wide.pop()[0]
        wide.append((start, stop - start))
        end = stop
    return tuple(wide) if end == size else (*wide, (size, 0))


def encode(runs: Runs) -> bytes:
    """The map of form 1.0, padded to whole blocks."""
    text = b"%d\n" % len(runs) + b"".join(b"%d\n%d\n" % run for run in runs)
    return text + bytes(-len(text) % BLOCK)
