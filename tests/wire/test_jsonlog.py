"""docker's json-file log: its bytes, its reading, and what crashes leave."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scow.errors import Corrupt, NotFound
from scow.wire.jsonlog import Record, Splitter, decode, encode, follow, tail_offset, timestamp
from scow.wire.jsonlog.record import PARTIAL, instant

T = 1_700_000_000_000_000_000


def test_lines_are_dockers() -> None:
    """These came from docker 28 (jsonlogbytes.go)."""
    assert encode("stdout", b"hi\n", T + 123456000) == (
        b'{"log":"hi\\n","stream":"stdout","time":"2023-11-14T22:13:20.123456Z"}\n'
    )
    odd = b'\t\r\0"\\<&>\xff\xe2\x82' + "ü\u2028\u2029\x7f😀".encode()
    assert encode("stderr", odd, T) == (
        '{"log":"\\u0009\\r\\u0000\\"\\\\\\u003c\\u0026\\u003e\\ufffd\\ufffd\\ufffdü\\u2028\\u2029\x7f😀","stream":"stderr",'
        '"time":"2023-11-14T22:13:20Z"}\n'.encode()
    )


@given(st.binary(max_size=300), st.integers(0, 4 * 10**18))
def test_round_trip(data: bytes, ns: int) -> None:
    line = encode("stdout", data, ns)
    assert line.count(b"\n") == 1
    record = decode(line)
    assert (record.stream, record.time) == ("stdout", ns)
    valid = data.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()
    if "?" not in valid:
        assert record.data == data
    assert json.loads(line)["log"] == record.data.decode()


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1709164800 * 10**9 + 10**8, "2024-02-29T00:00:00.1Z"),
    ],
)
def test_times(ns: int, text: str) -> None:
    assert timestamp(ns) == text
    assert instant(text) == ns


def test_times_with_zones_and_broken_ones() -> None:
    assert instant("2024-02-29T01:30:00.5+01:30") == instant("2024-02-29T00:00:00.5Z")
    assert instant("2023-12-31T23:00:00-01:00") == instant("2024-01-01T00:00:00Z")
    for bad in (
        "",
        "2024-13-01T00:00:00Z",
        "2024-01-01T25:00:00Z",
        "2024-01-01 00:00:00Z",
        "٢٠٢٤-01-01T00:00:00Z",
        "x" * 99,
    ):
        with pytest.raises(ValueError, match="is no time"):
            instant(bad)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"log":1,"time":"2024-01-01T00:00:00Z"}',
        b'{"log":"x"}',
        b'{"log":"x","time":"now"}',
        b"\xff",
        b"[" * 100000,
        b'{"log":"x","time":"2024-01-01T00:00:00Z","attrs":[1]}',
        b'{"log":"x","time":5}',
    ],
)
def test_what_is_no_record(line: bytes) -> None:
    with pytest.raises(Corrupt, match="log record"):
        decode(line)


def test_attrs_and_lone_surrogates() -> None:
    line = b'{"log":"\\ud800x","stream":"stdout","attrs":{"tag":"web"},"time":"1970-01-01T00:00:00Z"}'
    assert decode(line) == Record("stdout", b"?x", 0, (("tag", "web"),))


@given(st.binary(max_size=200), st.integers(1, 60))
def test_the_splitter_loses_nothing(data: bytes, step: int) -> None:
    splitter = Splitter()
    found = [x for i in range(0, len(data), step) for x in splitter.feed(data[i : i + step])]
    assert all(x.endswith(b"\n") and x.count(b"\n") == 1 for x in found)
    found += splitter.flush()
    assert b"".join(found) == data
    assert splitter.flush() == []


@pytest.mark.parametrize("step", [1000, PARTIAL - 1, PARTIAL, PARTIAL + 1, 100_000])
def test_long_lines_are_cut_as_docker_does(step: int) -> None:
    data = b"a" * (PARTIAL * 2 + 5) + b"\n" + b"b" * PARTIAL + b"\n" + b"c" * (PARTIAL - 1) + b"\nrest"
    splitter = Splitter()
    found = [x for i in range(0, len(data), step) for x in splitter.feed(data[i : i + step])] + splitter.flush()
    assert [len(x) for x in found] == [PARTIAL, PARTIAL, 6, PARTIAL, 1, PARTIAL, 4]
    assert b"".join(found) == data


@pytest.mark.parametrize("text", ["é", "€", "😀", "a€", "ab😀"])
def test_cuts_respect_characters(text: str) -> None:
    data = (text * PARTIAL).encode()
    splitter = Splitter()
    pieces = splitter.feed(data) + splitter.flush()
    assert b"".join(pieces) == data
    for piece in pieces:
        piece.decode()
        assert len(piece) <= PARTIAL
    assert all(len(x) >= PARTIAL - 3 for x in pieces[:-1])


def test_cuts_of_noise_make_progress() -> None:
    for byte in (b"\x80", b"\xff", b"\xc3", b"\xf0"):
        splitter = Splitter()
        assert sum(map(len, splitter.feed(byte * 100_000) + splitter.flush())) == 100_000


@pytest.fixture
def log(tmp_path: os.PathLike[str]) -> str:
    path = os.path.join(tmp_path, "log")
    write(path, *range(1000))
    return path


def write(path: str, *numbers: int, mode: str = "ab") -> None:
    with open(path, mode) as f:
        for n in numbers:
            f.write(encode("stdout" if n % 2 else "stderr", b"line %d\n" % n, T + n))


def numbers(records: Iterator[Record]) -> list[int]:
    return [r.time - T for r in records]


def test_read_all(log: str) -> None:
    records = list(follow(log))
    assert [r.data for r in records] == [b"line %d\n" % n for n in range(1000)]
    assert {r.stream for r in records} == {"stdout", "stderr"}


@pytest.mark.parametrize("tail", [0, 1, 7, 999, 1000, 1001])
@pytest.mark.parametrize("torn", [b"", b'{"log":"half'])
def test_tail(log: str, tail: int, torn: bytes) -> None:
    with open(log, "ab") as f:
        f.write(torn)
    want = list(range(1000))[1000 - min(tail - bool(torn), 1000) :] if tail else []
    assert numbers(follow(log, tail=tail)) == want


def test_tail_of_long_lines_and_odd_files(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "x")
    for data, lines, want in (
        (b"", 5, 0),
        (b"\n", 1, 0),
        (b"\n\n", 1, 1),
        (b"a\nb", 1, 2),
        (b"a" * 200_000 + b"\nb\n", 1, 200_001),
        (b"a\n" + b"b" * 200_000 + b"\n", 1, 2),
        (b"a\n" + b"b" * 65_535 + b"\n", 1, 2),
        (b"a\n" * 100_000, 99_999, 2),
    ):
        with open(path, "wb") as f:
            f.write(data)
        fd = os.open(path, os.O_RDONLY)
        assert tail_offset(fd, lines) == want, data[:10]
        os.close(fd)


def test_since_and_until(log: str) -> None:
    assert numbers(follow(log, since=T + 990)) == list(range(990, 1000))
    assert numbers(follow(log, until=T + 4)) == list(range(5))
    assert numbers(follow(log, tail=100, since=T + 950, until=T + 960)) == list(range(950, 961))


def test_a_missing_log_is_not_found(tmp_path: os.PathLike[str]) -> None:
    with pytest.raises(NotFound, match="no log at"):
        list(follow(os.path.join(tmp_path, "none")))


def test_what_a_crash_leaves_is_passed_over(log: str) -> None:
    with open(log, "ab") as f:
        f.write(
            b'{"log":"torn\n'
            + bytes(5000)
            + encode("stdout", b"after\n", T + 1000)
            + b"\n\xff\xfe\n"
            + b"x" * (3 << 20)
            + b"\n"
        )
    write(log, 1001)
    assert numbers(follow(log)) == list(range(1002))


def collect(log: str, enough: int, act: list[object], **options: int) -> list[int]:
    """Follow in this thread while ``act`` runs step by step whenever the end of the log is reached."""
    steps = iter(act)

    def wait() -> bool:
        step = next(steps, None)
        if step is None:
            return False
        step()  # type: ignore[operator]
        return True

    found = numbers(follow(log, wait=wait, **options))
    assert len(found) == enough
    return found


def test_follow(log: str) -> None:
    half = encode("stdout", b"half\n", T + 1002)

    def append(data: bytes) -> None:
        with open(log, "ab") as f:
            f.write(data)

    act = [lambda: write(log, 1000, 1001), lambda: append(half[:20]), lambda: append(half[20:]), lambda: None]
    assert collect(log, 6, act, tail=3) == [997, 998, 999, 1000, 1001, 1002]


def test_follow_across_truncation_and_replacement(log: str) -> None:
    def truncate() -> None:
        with open(log, "wb"):
            pass

    def rotate() -> None:
        write(log, 2001)
        os.rename(log, log + ".1")
        write(log, 2002)

    act = [truncate, lambda: write(log, 2000), rotate, lambda: write(log, 2003), lambda: os.unlink(log), lambda: None]
    assert collect(log, 4, act, tail=0) == [2000, 2001, 2002, 2003]


def test_what_came_before_the_end_is_still_read(log: str) -> None:
    def wait() -> bool:
        write(log, 1000)
        return False

    assert numbers(follow(log, tail=1, wait=wait)) == [999, 1000]


def test_follow_closes_its_descriptor(log: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    records = follow(log)
    next(records)
    records.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before


def test_follow_a_writer_in_another_thread(log: str) -> None:
    def grow() -> None:
        for n in range(1000, 1100):
            write(log, n)

    thread = threading.Thread(target=grow)
    thread.start()

    def wait() -> bool:
        time.sleep(0.001)
        return thread.is_alive()

    assert numbers(follow(log, wait=wait)) == list(range(1100))
    thread.join()
