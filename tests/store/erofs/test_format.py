"""The parts of the format that can be judged alone."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.erofs.trees import XATTRS, index

from scow.errors import Corrupt
from scow.store.erofs import chunks, xattrs
from scow.store.erofs import format as f
from scow.store.erofs.reader import Index
from scow.store.layers.nodes import new_directory


def test_crc32c_vectors() -> None:
    """RFC 3720, appendix B.4; the final inversion is ours to make here."""
    assert f.crc32c(b"123456789") ^ 0xFFFFFFFF == 0xE3069283
    assert f.crc32c(bytes(32)) ^ 0xFFFFFFFF == 0x8A9136AA
    assert f.crc32c(bytes(range(32))) ^ 0xFFFFFFFF == 0x46DD794E


def test_sizes() -> None:
    """As the kernel's erofs_fs.h checks them at compile time."""
    assert (f.SUPER.size, f.COMPACT.size, f.EXTENDED.size, f.CHUNK_INDEX.size, f.DEVICE.size) == (128, 32, 64, 8, 128)
    assert f.XATTR_ENTRY.size == 4


@given(XATTRS)
def test_xattrs(attributes: dict[bytes, bytes]) -> None:
    raw = xattrs.encode(attributes)
    assert len(raw) % 4 == 0
    assert xattrs.size(xattrs.count(raw)) == len(raw)
    assert xattrs.decode(raw) == attributes
    assert xattrs.encode(dict(reversed(attributes.items()))) == raw


@pytest.mark.parametrize("raw", [b"\0" * 12 + b"\xff\x01\x00\x00", b"\0" * 12 + b"\x00\x09\x00\x00"])
def test_damaged_xattrs(raw: bytes) -> None:
    with pytest.raises(Corrupt):
        xattrs.decode(raw)


@pytest.mark.parametrize(
    ("size", "bits"), [(1, 9), (512, 9), (513, 10), (4096, 12), (4097, 13), (1 << 32, 32), (1 << 40, 40), (1 << 44, 40)]
)
def test_one_chunk_whatever_the_size(size: int, bits: int) -> None:
    assert chunks.contiguous_bits(size) == bits


@st.composite
def sparse(draw: Any) -> tuple[int, list[tuple[int, int]]]:
    unit = draw(st.sampled_from([1, 512, 4096]))
    cuts = sorted(draw(st.sets(st.integers(0, 400), max_size=16)))
    runs = [(a * unit, (b - a) * unit) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return draw(st.integers(max(1, (cuts[-1] if cuts else 0) * unit), 401 * unit)), runs


@given(sparse(), st.sampled_from([0, 512, 1024, 100]), st.integers(0, 3))
def test_pieces_give_the_file_back(found: Any, data: int, cut: int) -> None:
    """Chunks, read as the kernel reads them, give exactly the file that the runs of a sparse file describe."""
    size, runs = found
    tar = os.urandom(data + sum(length for _, length in runs) + 600)
    wanted = bytearray(size)
    source = data
    for offset, length in runs:
        wanted[offset : offset + length] = tar[source : source + length]
        source += length
    end = source + cut * 100
    bits = chunks.runs_bits(size, runs)
    found = bytearray()
    for piece in chunks.pieces(size, data, runs, bits, end):
        chunk = bytearray(min(1 << bits, size - len(found)))
        if piece.source is not None:
            assert piece.source % 512 == 0
            assert piece.source + len(chunk) + -len(chunk) % 512 <= end  # whole blocks are in the tar
            chunk[:] = tar[piece.source : piece.source + len(chunk)]
        for inside, offset, length in piece.copies:
            chunk[inside : inside + length] = tar[offset : offset + length]
        found += chunk
    assert found == wanted


def test_chunks_do_not_grow_with_holes() -> None:
    bits = chunks.runs_bits(1 << 44, [(512, 512), (1 << 43, 1)])
    assert (1 << 44) >> bits <= 64 + 16 * 2


def test_reader_refuses_what_is_not_ours(tmp_path: Any) -> None:
    path = tmp_path / "image"
    index(new_directory(), path)
    good = path.read_bytes()
    for offset, what in (
        (1024, "no index"),
        (1036, "no index"),
        (1104, "no index"),
        (1050, "checksum"),
        (1160, "checksum"),
    ):
        path.write_bytes(good[:offset] + b"\xee" + good[offset + 1 :])
        with open(path, "rb") as file, pytest.raises(Corrupt, match=what):
            Index(file.fileno())
    path.write_bytes(good[:1000])
    with open(path, "rb") as file, pytest.raises(Corrupt, match="cut short"):
        Index(file.fileno())
