"""Sparse files: hostile maps of every form, holes filled in on reading, and the form we write."""

from __future__ import annotations

import io
import os
import subprocess
import time

import pytest
from tests.wire.archives import block, contents, padded, parse, pax

from scow.errors import Corrupt, Invalid
from scow.wire.tar import Entry, Parser, Writer, scan, stored
from scow.wire.tar.sparse import whole_blocks

MAP1 = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"real")]


def pax1(text: bytes, size: int, *, real: bytes = b"100", held: int | None = None) -> bytes:
    """A PAX 1.0 sparse file with the map ``text`` and ``size`` bytes of data."""
    table = padded(text)
    total = len(table) + size if held is None else held
    return pax(*MAP1, (b"GNU.sparse.realsize", real)) + block(b"x", size=total) + table + padded(b"d" * size)


def old(runs: list[tuple[int, int]], size: int, real: int, more: list[list[tuple[int, int]]] | None = None) -> bytes:
    """An old GNU sparse header, its extension headers and its data."""

    def slots(some: list[tuple[int, int]]) -> bytes:
        return b"".join(b"%011o\0%011o\0" % run for run in some)

    extra = {"at386": slots(runs), "at482": b"\1" if more else b"\0", "at483": b"%011o\0" % real}
    data = block(b"old", b"S", size, magic=b"ustar  \0", **extra)
    for i, some in enumerate(more or []):
        data += slots(some).ljust(504, b"\0") + (b"\1" if i < len(more or []) - 1 else b"\0") + bytes(7)
    return data + padded(b"d" * size)


def test_old_form() -> None:
    data = old([(0, 3), (10, 2)], 5, 20)
    entry = parse(data)[0]
    assert (entry.kind, entry.size, entry.sparse, stored(entry)) == ("file", 20, ((0, 3), (10, 2)), 5)
    assert contents(data) == {b"old": b"ddd" + bytes(7) + b"dd" + bytes(8)}


def test_old_form_with_extension_headers() -> None:
    runs = [(i * 10, 1) for i in range(60)]
    data = old(runs[:4], 60, 1000, [runs[4:25], runs[25:46], runs[46:]])
    assert parse(data)[0].sparse == tuple(runs)
    assert parse(data)[0].data == 4 * 512
    assert contents(data)[b"old"] == (b"d" + bytes(9)) * 60 + bytes(400)
    for cut in range(513, 4 * 512, 100):
        with pytest.raises(Corrupt, match=r"'old' at offset 0: truncated"):
            parse(data[:cut])


def test_forms_in_the_extended_header() -> None:
    one = pax(
        (b"GNU.sparse.size", b"9"),
        (b"GNU.sparse.numblocks", b"1"),
        (b"GNU.sparse.map", b"3,2"),
        (b"GNU.sparse.name", b"n"),
    )
    assert contents(one + block(b"x", size=2) + padded(b"ab")) == {b"n": b"\0\0\0ab\0\0\0\0"}
    zero = pax(
        (b"GNU.sparse.size", b"4"),
        (b"GNU.sparse.numblocks", b"2"),
        (b"GNU.sparse.offset", b"0"),
        (b"GNU.sparse.numbytes", b"1"),
        (b"GNU.sparse.offset", b"3"),
        (b"GNU.sparse.numbytes", b"1"),
    )
    assert contents(zero + block(b"x", size=2) + padded(b"ab")) == {b"x": b"a\0\0b"}


def test_form_one() -> None:
    data = pax1(b"2\n0\n3\n90\n1\n", 4) + block(b"after")
    assert parse(data)[0].sparse == ((0, 3), (90, 1))
    assert contents(data) == {b"real": b"ddd" + bytes(87) + b"d" + bytes(9), b"after": b""}
    runs = [(i * 7, 1) for i in range(300)]
    long = pax1(b"300\n" + b"".join(b"%d\n%d\n" % r for r in runs), 300, real=b"9999")
    assert parse(long)[0].sparse == tuple(runs)


def test_a_file_of_nothing_but_hole() -> None:
    assert contents(pax1(b"0\n", 0, real=b"5")) == {b"real": bytes(5)}
    assert contents(pax1(b"1\n5\n0\n", 0, real=b"5")) == {b"real": bytes(5)}
    assert contents(old([(7, 0)], 0, 7)) == {b"old": bytes(7)}


@pytest.mark.parametrize(
    "text",
    [
        b"1\n0\n-1\n",
        b"1\n-4\n4\n",
        b"2\n5\n2\n0\n2\n",
        b"2\n0\n3\n2\n1\n",
        b"1\n99\n4\n",
        b"1\n0\n5\n",
        b"1\n0\n3\n",
        b"x\n",
        b"\n",
        b"-1\n",
        b"",
        b"1",
        b"9" * 600,
        b"1\n9223372036854775807\n4\n",
        b"1\n0\n99999999999999999999\n",
        b"1\n0\n0x4\n",
        b"43691\n",
        b"1000000000000\n",
        b"2\n0\n4\n",
        b"1\n \n4\n",
        b"1_0\n",
    ],
)
def test_impossible_maps(text: bytes) -> None:
    with pytest.raises(Corrupt, match="at offset"):
        parse(pax1(text, 4))


@pytest.mark.parametrize("real", [b"-1", b"9223372036854775808", b"x", b"3"])
def test_impossible_real_sizes(real: bytes) -> None:
    with pytest.raises(Corrupt):
        parse(pax1(b"1\n0\n4\n", 4, real=real))


@pytest.mark.parametrize(
    "records",
    [
        [(b"GNU.sparse.map", b"0,4"), (b"GNU.sparse.numblocks", b"2")],
        [(b"GNU.sparse.map", b"0,4")],
        [(b"GNU.sparse.map", b"0"), (b"GNU.sparse.numblocks", b"1")],
        [(b"GNU.sparse.map", b"0,x"), (b"GNU.sparse.numblocks", b"1")],
        [(b"GNU.sparse.map", b",".join([b"0,1"] * 3)), (b"GNU.sparse.numblocks", b"3")],
        [(b"GNU.sparse.offset", b"0"), (b"GNU.sparse.numblocks", b"1")],
        [(b"GNU.sparse.numbytes", b"4"), (b"GNU.sparse.offset", b"0")],
        [(b"GNU.sparse.offset", b"0,4"), (b"GNU.sparse.numbytes", b"0")],
        [(b"GNU.sparse.major", b"2"), (b"GNU.sparse.minor", b"0")],
        [(b"GNU.sparse.major", b"1")],
    ],
)
def test_impossible_records(records: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Corrupt):
        parse(pax(*records, (b"GNU.sparse.size", b"10")) + block(b"x", size=4) + padded(b"abcd"))


def test_only_files_are_sparse() -> None:
    with pytest.raises(Corrupt, match="a sparse dir"):
        parse(pax(*MAP1) + block(b"d", b"5"))


@pytest.mark.parametrize("runs", [[(0, 6)], [(0, 4)], [(4, 1), (0, 4)], [(18, 5)]])
def test_impossible_old_maps(runs: list[tuple[int, int]]) -> None:
    with pytest.raises(Corrupt, match="'old' at offset 0"):
        parse(old(runs, 5, 20))


def test_maps_have_a_bound_and_take_linear_time() -> None:
    start = time.monotonic()
    many = [(i, 0) for i in range(1, 22)]
    with pytest.raises(Corrupt, match="too long"):
        Parser().feed(old([], 0, 100, [many] * 3000))
    with pytest.raises(Corrupt, match="too long"):
        Parser().feed(pax1(b"43000\n" + b"0" * (2 << 20), 4))
    parser = Parser()
    text = b"43000\n" + b"".join(b"%d\n0\n" % i for i in range(43000))
    assert len(parser.feed(pax1(text, 0, real=b"43000"))[0].sparse or ()) == 43000
    assert time.monotonic() - start < 2


def test_a_huge_hole_costs_nothing_to_list() -> None:
    data = pax1(b"1\n9223372036854775000\n4\n", 4, real=b"9223372036854775807")
    assert parse(data)[0].size == (1 << 63) - 1


def test_written_form_is_read_by_others(tmp_path: os.PathLike[str]) -> None:
    content = b"head" + bytes(100_000) + b"tail" * 500 + bytes(70_000)
    runs = ((0, 4), (100_004, 1000), (101_004, 1000))
    blocks = ((0, 512), (99_840, 2560), (len(content), 0))  # GNU tar knows only whole ones
    entry = Entry(b"dir/holes", "file", 0o600, size=len(content), sparse=runs, uid=os.getuid(), gid=os.getgid())
    path = os.path.join(tmp_path, "holes")
    with open(path, "wb") as f:
        f.write(content)
    made = set()
    for data in ("bytes", "file", "fd"):
        out = io.BytesIO()
        writer = Writer(out, sparse=True)
        with open(path, "rb") as f:
            writer.add(entry, content if data == "bytes" else f if data == "file" else f.fileno())
        writer.add(Entry(b"after", "file", size=2), b"ok")
        writer.close()
        made.add(out.getvalue())
    [archive] = made
    assert len(archive) < 10_000
    back = parse(archive)
    assert [(e.name, e.size, e.sparse) for e in back] == [(entry.name, len(content), blocks), (b"after", 2, None)]
    assert contents(archive) == {b"dir/holes": content, b"after": b"ok"}
    out_dir = os.path.join(tmp_path, "out")
    os.mkdir(out_dir)
    subprocess.run(["tar", "-C", out_dir, "-xf", "-"], input=archive, check=True)
    with open(os.path.join(out_dir, "dir/holes"), "rb") as f:
        assert f.read() == content


def test_runs_become_whole_blocks() -> None:
    assert whole_blocks((), 0) == ()
    assert whole_blocks((), 9) == ((9, 0),)
    assert whole_blocks(((0, 9),), 9) == ((0, 9),)
    assert whole_blocks(((5, 0), (600, 2)), 5000) == ((512, 512), (5000, 0))
    assert whole_blocks(((512, 512), (1024, 1), (4999, 1)), 5000) == ((512, 1024), (4608, 392))


def test_expanded_by_default(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "holes")
    with open(path, "wb") as f:
        f.truncate(200_000)
    out = io.BytesIO()
    writer = Writer(out)
    with open(path, "rb") as f:
        writer.add(Entry(b"holes", "file", size=200_000, sparse=((0, 0),)), f.fileno())
    writer.close()
    assert [(e.size, e.sparse) for e in scan(out.getvalue())] == [(200_000, None)]


@pytest.mark.parametrize("runs", [((0, 5), (3, 2)), ((0, 50),), ((-1, 2),)])
def test_writing_an_impossible_map(runs: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(Invalid, match="'x': sparse map"):
        Writer(io.BytesIO(), sparse=True).add(Entry(b"x", "file", size=10, sparse=runs), b"0123456789")
