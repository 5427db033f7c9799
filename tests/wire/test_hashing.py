"""Digests in the pass, reading ahead, and Tee."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time

import pytest

from scow.wire.ahead import ReadAhead
from scow.wire.hashing import HashingReader, HashingWriter, Tee


def test_reader() -> None:
    data = os.urandom(300_000)
    reader = HashingReader(io.BytesIO(data))
    assert reader.read(10) == data[:10]
    room = bytearray(20)
    assert reader.readinto(room) == 20
    assert reader.drain() == len(data) - 30
    assert (reader.size, reader.hexdigest) == (len(data), hashlib.sha256(data).hexdigest())
    assert HashingReader(io.BytesIO(data), "sha512").hexdigest == hashlib.sha512().hexdigest()


def test_reader_over_what_has_only_read() -> None:
    class Bare:
        def read(self, size: int) -> bytes:
            return b"ab"[:size]

    reader = HashingReader(Bare())
    room = bytearray(b"....")
    assert (reader.readinto(room), bytes(room)) == (2, b"ab..")
    assert reader.hexdigest == hashlib.sha256(b"ab").hexdigest()


def test_writer() -> None:
    pieces = [os.urandom(n) for n in (0, 5, 100_000, 1 << 17, 3 << 20, 7)]
    out = io.BytesIO()
    writer = HashingWriter(out)
    for piece in pieces:
        assert writer.write(memoryview(bytearray(piece))) == len(piece)
    assert writer.hexdigest == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert out.getvalue() == b"".join(pieces)
    assert writer.size == len(out.getvalue())


def test_writer_without_output() -> None:
    writer = HashingWriter()
    writer.write(b"abc")
    assert writer.hexdigest == hashlib.sha256(b"abc").hexdigest()


def test_tee() -> None:
    outs = [io.BytesIO(), io.BytesIO()]
    assert Tee(*outs).write(b"abc") == 3
    assert [o.getvalue() for o in outs] == [b"abc"] * 2


def test_ahead() -> None:
    data = os.urandom(3_000_000)
    before = threading.active_count()
    with ReadAhead(io.BytesIO(data), 1000) as ahead:
        assert ahead.read(10) == data[:10]
        assert ahead.read(10_000) == data[10:1000]
        assert ahead.read() == data[1000:]
        assert ahead.read(1) == ahead.read() == b""
    assert threading.active_count() == before


def test_ahead_hands_on_errors_where_they_happened() -> None:
    class Breaks:
        left = 3

        def read(self, size: int) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise OSError(5, "broken")
            return b"x" * size

    with ReadAhead(Breaks(), 10) as ahead:
        assert [ahead.read(10) for _ in range(3)] == [b"x" * 10] * 3
        with pytest.raises(OSError, match="broken"):
            ahead.read(10)
        assert ahead.read(10) == b""


def test_ahead_is_bounded_and_can_be_left() -> None:
    class Endless:
        reads = 0

        def read(self, size: int) -> bytes:
            self.reads += 1
            return b"x" * size

    source = Endless()
    with ReadAhead(source, 10) as ahead:
        time.sleep(0.05)
        assert source.reads == 8
        ahead.read(10)
    assert source.reads <= 9
