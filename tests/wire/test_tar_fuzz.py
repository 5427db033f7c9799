"""Any bytes at all: Corrupt or entries, the same from every reader, in bounded time."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire.archives import block, padded, pax

from scow.errors import Corrupt
from scow.wire.tar import Entry, Parser, Reader, Writer, scan

MAP = (b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"100")
SEEDS = [
    block(b"dir/", b"5") + block(b"dir/f", size=3) + padded(b"abc") + block(b"l", b"2", link=b"to") + bytes(1024),
    pax((b"path", b"long" * 50), (b"size", b"5"), (b"SCHILY.xattr.user.a", b"v"))
    + block(b"n")
    + padded(b"12345")
    + bytes(1024),
    pax(*MAP) + block(b"s", size=516) + padded(b"2\n0\n3\n90\n1\n") + padded(b"dddd") + block(b"after") + bytes(1024),
    block(b"o", b"S", 5, magic=b"ustar  \0", at386=b"%011o\0%011o\0" % (1, 5), at483=b"%011o\0" % 10)
    + padded(b"abcde"),
    block(b"L", b"L", 200)
    + padded(b"n" * 200)
    + block(b"K", b"K", 3)
    + padded(b"abc")
    + block(b"n", b"1", magic=b"ustar  \0"),
    block(b"g", b"S", 0, magic=b"ustar  \0", at482=b"\1", at483=b"%011o\0" % 10) + bytes(512) + block(b"x"),
    pax((b"uid", b"1"), flag=b"g")
    + pax((b"GNU.sparse.map", b"0,1"), (b"GNU.sparse.numblocks", b"1"))
    + block(b"x", size=1)
    + padded(b"z"),
]
Outcome = tuple[list[Entry], str]


def outcome(read: object) -> Outcome:
    """The entries and, if it ends so, the error."""
    found: list[Entry] = []
    try:
        for entry in read:  # type: ignore[attr-defined]
            found.append(entry)
    except Corrupt as e:
        return found, str(e)
    return found, ""


def pushed(data: bytes, step: int) -> object:
    parser = Parser()
    for i in range(0, len(data), step):
        yield from parser.feed(data[i : i + step])
    parser.close()


def read_all(data: bytes) -> Outcome:
    """What Reader finds when every file is read, at most a mebibyte of it."""

    def entries() -> object:
        reader = Reader(io.BytesIO(data))
        for entry in reader:
            yield entry
            reader.open(entry).read(1 << 20)

    return outcome(entries())


def resealed(data: bytes) -> bytes:
    """Every block with a checksum that is right, so that mutations reach what lies behind."""
    out = bytearray(data)
    for at in range(0, len(out) - 511, 512):
        if out[at + 257 : at + 262] == b"ustar":
            out[at + 148 : at + 156] = b" " * 8
            out[at + 148 : at + 156] = b"%06o\0 " % sum(out[at : at + 512])
    return bytes(out)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    interesting = st.sampled_from([*b"\0 0179-/=\n,xgLKS25", 0x80, 0xFF]) | st.integers(0, 255)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.sampled_from(["set", "set", "set", "cut", "copy", "drop"]))
        if kind == "set" and data:
            data[at] = draw(interesting)
        elif kind == "cut":
            del data[at:]
        elif kind == "copy":
            data[at & -512 : at & -512] = data[(at & -512) : (at & -512) + 512]
        else:
            del data[at & -512 : (at & -512) + 512]
    return resealed(bytes(data)) if draw(st.booleans()) else bytes(data)


@given(mutated())
@settings(max_examples=1500, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
def test_mutations_are_entries_or_corrupt(data: bytes) -> None:
    first = outcome(scan(data))
    assert outcome(Reader(io.BytesIO(data))) == first
    for step in (1, 500, 512, 4096):
        assert outcome(pushed(data, step)) == first
    entries, error = read_all(data)
    assert entries == first[0] or error
    for entry in first[0]:
        assert 0 <= entry.size < 1 << 63
        assert b"\0" not in entry.name + entry.linkname
        assert entry.sparse is None or all(a + n <= entry.size for a, n in entry.sparse)


@given(st.binary(max_size=3000))
@settings(max_examples=300, deadline=2000)
def test_noise(data: bytes) -> None:
    assert outcome(scan(data)) == outcome(pushed(data, 700))


NAMES = st.binary(min_size=1, max_size=300).filter(lambda b: b"\0" not in b and not b.endswith(b"/"))
ENTRIES = st.builds(
    Entry,
    name=NAMES,
    kind=st.just("file"),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, (1 << 32) - 2),
    gid=st.integers(0, (1 << 32) - 2),
    mtime=st.integers(-(1 << 62), 1 << 62),
    linkname=NAMES,
    xattrs=st.dictionaries(NAMES.filter(lambda b: b"=" not in b), st.binary(max_size=50), max_size=3),
    uname=NAMES,
    gname=NAMES,
)


@given(st.lists(st.tuples(ENTRIES, st.binary(max_size=1500)), max_size=5))
@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_read(members: list[tuple[Entry, bytes]]) -> None:
    out = io.BytesIO()
    writer = Writer(out)
    want = []
    for entry, data in members:
        sized = entry._replace(size=len(data))
        want.append(sized._replace(data=writer.add(sized, data)))
    writer.close()
    archive = out.getvalue()
    assert list(scan(archive)) == want
    for entry, (_, data) in zip(want, members, strict=True):
        assert archive[entry.data : entry.data + entry.size] == data
    theirs = tarfile.open(fileobj=io.BytesIO(archive), encoding="utf-8", errors="surrogateescape").getmembers()
    assert [(os.fsencode(m.name), m.uid, m.size) for m in theirs] == [(e.name, e.uid, e.size) for e in want]


@given(st.lists(st.tuples(ENTRIES, st.binary(max_size=600)), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_gnu_tar_sees_the_same_sizes(members: list[tuple[Entry, bytes]]) -> None:
    out = io.BytesIO()
    writer = Writer(out)
    for entry, data in members:
        writer.add(entry._replace(size=len(data), mtime=0), data)
    writer.close()
    done = subprocess.run(
        ["tar", "--numeric-owner", "--quoting-style=escape", "-tvf", "-"], input=out.getvalue(), capture_output=True
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split(None, 3) for line in done.stdout.splitlines()]
    assert [(x[1], int(x[2])) for x in lines] == [(b"%d/%d" % (e.uid, e.gid), len(d)) for e, d in members]


def test_many_specials_take_linear_time() -> None:
    start = time.monotonic()
    data = block(b"L", b"L", 1) + padded(b"x")
    parser = Parser()
    for _ in range(20):
        parser.feed(data * 1000)
    assert parser.next == 20_000 * 1024
    for _ in range(2000):
        parser.feed(block(b"g", b"g", 0))
    assert time.monotonic() - start < 3
