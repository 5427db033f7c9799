"""docker's framing of attached streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scow.errors import Corrupt
from scow.wire.stdcopy import STDERR, STDOUT, SYSTEM, Demux, frame


def test_a_frame_is_dockers() -> None:
    assert frame(STDOUT, b"hello") == b"\1\0\0\0\0\0\0\5hello"
    assert frame(STDERR, memoryview(b"")) == b"\2\0\0\0\0\0\0\0"


@given(st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=50)), max_size=8), st.integers(1, 30))
def test_any_pieces(frames: list[tuple[int, bytes]], step: int) -> None:
    data = b"".join(frame(s, d) for s, d in frames)
    demux = Demux()
    found = [x for i in range(0, len(data), step) for x in demux.feed(data[i : i + step])]
    demux.close()
    for stream in range(3):
        assert b"".join(d for s, d in found if s == stream) == b"".join(d for s, d in frames if s == stream)
    order = [s for s, d in frames for _ in d]
    assert [s for s, d in found for _ in d] == order


def test_data_is_not_held_back() -> None:
    demux = Demux()
    assert demux.feed(frame(STDOUT, b"x" * 100)[:50]) == [(STDOUT, b"x" * 42)]
    with pytest.raises(Corrupt, match="truncated"):
        demux.close()


def test_truncated_header() -> None:
    demux = Demux()
    demux.feed(b"\1\0\0")
    with pytest.raises(Corrupt, match="truncated"):
        demux.close()


@pytest.mark.parametrize("head", [b"\4\0\0\0\0\0\0\1", b"HTTP/1.1", b"\1\0\1\0\0\0\0\1", b"\xff" * 8])
def test_unknown_headers(head: bytes) -> None:
    with pytest.raises(Corrupt, match=head.hex()):
        Demux().feed(head + b"x")


def test_errors_of_the_daemon() -> None:
    demux = Demux()
    assert demux.feed(frame(STDOUT, b"a") + frame(SYSTEM, b"it broke")[:12]) == [(STDOUT, b"a")]
    with pytest.raises(Corrupt, match="error from daemon in stream: it broke"):
        demux.feed(b"roke")
    with pytest.raises(Corrupt, match="an error of 4294967295 bytes"):
        Demux().feed(b"\3\0\0\0\xff\xff\xff\xff")
