"""Every form, from our own compressors and from the programs; broken, truncated, concatenated, and bombs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import shutil
import subprocess
import threading
import time
import tracemalloc
import zlib

import pytest
import zstandard

from scow.errors import Corrupt, Invalid
from scow.wire.compress import Bounded, compressor, decompress, detect
from scow.wire.hashing import HashingReader

TEXT = b"".join(b"line %d of some text that compresses\n" % (i * i % 9973) for i in range(60_000))
PACK = {
    "gzip": lambda data: gzip.compress(data, 1),
    "zstd": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": lambda data: bz2.compress(data, 1),
}
FORMS = sorted(PACK)


class Sink:
    """Collects what is written, and may fail after a while."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.parts: list[bytes] = []
        self.room = room

    def write(self, data: bytes | memoryview) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(28, "No space left on device")
        self.parts.append(bytes(data))
        return len(data)

    def data(self) -> bytes:
        return b"".join(self.parts)


def packed(data: bytes, kind: str, level: int | None = None, threads: int = 2, step: int = 1 << 16) -> bytes:
    sink = Sink()
    writer = compressor(sink, kind, level, threads=threads)
    for i in range(0, len(data), step):
        assert writer.write(memoryview(data)[i : i + step]) == len(data[i : i + step])
    writer.close()
    writer.close()
    return sink.data()


def plain(data: bytes) -> bytes:
    return decompress(io.BytesIO(data)).read()


def test_detection() -> None:
    assert detect(b"") == detect(b"\x1f\x8b") == detect(b"BZ") == detect(b"\x50\x2a\x4d") == detect(b"ustar") == "none"
    for kind, pack in PACK.items():
        assert detect(pack(b"x")[:6]) == kind
    assert {detect(bytes([n]) + b"\x2a\x4d\x18") for n in range(0x50, 0x60)} == {"zstd"}
    assert detect(b"\x60\x2a\x4d\x18") == "none"


@pytest.mark.parametrize("size", [0, 1, 5, 6, 70_000, len(TEXT)])
def test_what_is_not_compressed_passes(size: int) -> None:
    assert plain(TEXT[:size]) == TEXT[:size]


@pytest.mark.parametrize("kind", FORMS)
def test_forms_in_any_pieces(kind: str) -> None:
    class Drip:
        def __init__(self, data: bytes, step: int) -> None:
            self.left, self.step = memoryview(data), step

        def read(self, size: int) -> bytes:
            piece, self.left = self.left[: self.step], self.left[self.step :]
            return bytes(piece)

    data = PACK[kind](TEXT)
    assert plain(data) == TEXT
    for step in (1, 7, 1000):
        short = PACK[kind](TEXT[:20_000])
        stream = decompress(Drip(short, step))
        out = b""
        while piece := stream.read(997):
            out += piece
        assert out == TEXT[:20_000]


@pytest.mark.parametrize("kind", FORMS)
def test_members_follow_one_another(kind: str) -> None:
    pack = PACK[kind]
    assert plain(pack(b"one,") + pack(b"") + pack(TEXT) + pack(b",two")) == b"one," + TEXT + b",two"


@pytest.mark.parametrize("kind", FORMS)
def test_garbage_behind_is_corrupt_as_for_go(kind: str) -> None:
    for tail in (b"garbage", b"\0" * 5, b"\0", TEXT):
        with pytest.raises(Corrupt, match=kind):
            plain(PACK[kind](b"data") + tail)


def test_xz_may_be_padded() -> None:
    assert plain(PACK["xz"](b"a") + bytes(8) + PACK["xz"](b"b") + bytes(300_000)) == b"ab"


@pytest.mark.parametrize("kind", FORMS)
def test_truncated_anywhere(kind: str) -> None:
    data = PACK[kind](TEXT[:3000] + os.urandom(300))
    for cut in range(6, len(data)):
        with pytest.raises(Corrupt):
            plain(data[:cut])
    with pytest.raises(Corrupt):
        plain(data + data[:-1])


@pytest.mark.parametrize("kind", FORMS)
def test_flipped_bits_are_corrupt_or_harmless(kind: str) -> None:
    data = PACK[kind](TEXT[:3000] + os.urandom(100))
    good = plain(data)
    found = 0
    choose = random.Random(1)
    for _ in range(400):
        bad = bytearray(data)
        bad[choose.randrange(6, len(bad))] ^= 1 << choose.randrange(8)
        try:
            assert plain(bytes(bad)) == good  # an unused field, such as gzip's time
        except Corrupt:
            found += 1
    assert found > 300


@pytest.mark.parametrize("program", ["gzip", "bzip2", "xz", "zstd", "pigz"])
def test_programs(program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    data = subprocess.run([program, "-c"], input=TEXT, stdout=subprocess.PIPE, check=True).stdout
    assert plain(data) == TEXT
    if program in ("gzip", "zstd"):
        for level in (None, 9):
            back = subprocess.run(
                [program, "-dc"], input=packed(TEXT, program, level), stdout=subprocess.PIPE, check=True
            )
            assert back.stdout == TEXT


def test_zstd_skippable_frames_and_unsized_ones() -> None:
    frame = PACK["zstd"](b"data")
    skip = b"\x5a\x2a\x4d\x18" + (300_000).to_bytes(4, "little") + os.urandom(300_000)
    assert plain(skip + frame + skip + frame + skip) == b"datadata"
    assert plain(skip) == b""
    with pytest.raises(Corrupt, match="truncated"):
        plain(skip[:-1])
    streamed = zstandard.ZstdCompressor(write_content_size=False, write_checksum=False).compressobj()
    assert plain(streamed.compress(TEXT) + streamed.flush()) == TEXT


def test_windows_have_a_bound() -> None:
    options = zstandard.ZstdCompressionParameters(window_log=28, write_content_size=False)
    coder = zstandard.ZstdCompressor(compression_params=options).compressobj()
    with pytest.raises(Corrupt, match="zstd stream needs a window of 268435456 bytes"):
        plain(coder.compress(b"x" * 100) + coder.flush())
    big = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 400 << 20}]
    header = lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "preset": 1}])
    assert plain(header) == b"x"
    coder2 = lzma.LZMACompressor(filters=big)
    with pytest.raises(Corrupt, match="xz stream: Memory usage limit"):
        plain(coder2.compress(b"x") + coder2.flush())


def rle_bomb(blocks: int) -> bytes:
    """A zstd frame that makes 128 KiB of every four bytes."""
    block = ((1 << 17) << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    return b"\x28\xb5\x2f\xfd\0\x70" + block * blocks + b"\1\0\0"


def test_bombs_take_little_memory() -> None:
    bombs = {
        "zstd": rle_bomb(4000),
        "gzip": gzip.compress(bytes(100 << 20), 9),
        "bzip2": bz2.compress(bytes(100 << 20), 9),
        "xz": lzma.compress(bytes(100 << 20), preset=0),
    }
    for kind, bomb in bombs.items():
        stream = decompress(io.BytesIO(bomb))
        tracemalloc.start()
        total = 0
        while total < 64 << 20:
            total += len(stream.read(1 << 16))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 << 20, (kind, peak)


def test_many_tiny_members_take_linear_time() -> None:
    start = time.monotonic()
    for kind, count in (("gzip", 30_000), ("bzip2", 2_000), ("zstd", 30_000)):
        assert plain(PACK[kind](b"") * count) == b""
    assert time.monotonic() - start < 10


def test_bounded_total() -> None:
    bomb = PACK["gzip"](bytes(10 << 20))
    assert len(Bounded(decompress(io.BytesIO(bomb)), "layer", total=10 << 20).read()) == 10 << 20
    with pytest.raises(Corrupt, match="layer is larger than the limit of 10485759 bytes"):
        Bounded(decompress(io.BytesIO(bomb)), "layer", total=(10 << 20) - 1).read()
    stream = Bounded(decompress(io.BytesIO(bomb)), "layer", total=1000)
    assert stream.readinto(memoryview(bytearray(1000))) == 1000
    with pytest.raises(Corrupt):
        stream.read(1)


def test_bounded_ratio() -> None:
    source = HashingReader(io.BytesIO(rle_bomb(2000)))
    stream = Bounded(decompress(source), "layer x", source=source)
    with pytest.raises(Corrupt, match="layer x expands more than 1100 times"):
        while stream.read(1 << 20):
            pass
    assert stream.size < 70 << 20
    fine = HashingReader(io.BytesIO(PACK["gzip"](bytes(80 << 20))))
    stream = Bounded(decompress(fine), "zeros", source=fine)
    while stream.read(1 << 20):
        pass
    assert stream.size == 80 << 20


@pytest.mark.parametrize("kind", ["gzip", "zstd", "none"])
@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20, len(TEXT)])
def test_round_trip(kind: str, size: int) -> None:
    data = TEXT[:size] if size <= len(TEXT) else (TEXT * 2)[:size]
    assert plain(packed(data, kind)) == data


@pytest.mark.parametrize(("kind", "levels"), [("gzip", [None, 0, 1, 5, 9]), ("zstd", [None, 1, 19])])
def test_bytes_depend_on_input_and_level_alone(kind: str, levels: list[int | None]) -> None:
    data = (TEXT + os.urandom(500_000)) * (1 if kind == "zstd" else 2)
    sizes = []
    for level in levels:
        made = {
            packed(data, kind, level, threads, step) for threads in (1, 2, 3) for step in (len(data), 100_003, 1 << 20)
        }
        assert len(made) == 1
        [one] = made
        sizes.append(len(one))
        assert plain(one) == data
    assert sizes[-1] < sizes[1] if kind == "zstd" else sizes[1] > len(data) > sizes[-1]


def test_the_gzip_header_says_nothing_about_us() -> None:
    data = packed(b"hello", "gzip")
    assert data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    assert zlib.decompress(packed(TEXT, "gzip"), 31) == TEXT
    assert packed(b"", "gzip") == b"\x1f\x8b\x08\0\0\0\0\0\0\xff\3\0" + bytes(8)
    # One member: a decoder that stops behind the first has read everything.
    one = zlib.decompressobj(31)
    assert one.decompress(packed(TEXT * 2, "gzip")) == TEXT * 2
    assert (one.eof, one.unused_data) == (True, b"")


@pytest.mark.parametrize(("kind", "level"), [("gzip", 10), ("gzip", -1), ("zstd", 0), ("zstd", 23), ("lz4", None)])
def test_unknown_levels_and_kinds(kind: str, level: int | None) -> None:
    with pytest.raises(Invalid, match=f"{level}|lz4"):
        compressor(Sink(), kind, level)


def test_errors_of_the_output_come_through_and_no_thread_stays() -> None:
    before = threading.active_count()
    data = os.urandom(1 << 20)
    writer = compressor(Sink(room=3 << 20), "gzip", threads=2)
    with pytest.raises(OSError, match="No space"):
        for _ in range(20):
            writer.write(data)
    writer.abort()
    assert threading.active_count() == before
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x")


def test_a_forgotten_compressor_ends_its_threads() -> None:
    before = threading.active_count()
    writer = compressor(Sink(), "gzip", threads=2)
    writer.write(os.urandom(4 << 20))
    assert threading.active_count() == before + 2
    del writer
    for _ in range(100):
        if threading.active_count() == before:
            break
        time.sleep(0.02)
    assert threading.active_count() == before


def test_small_things_start_no_thread() -> None:
    before = threading.active_count()
    writer = compressor(Sink(), "gzip", threads=2)
    writer.write(os.urandom(1 << 20))
    assert threading.active_count() == before
    writer.close()
