"""What we write: its canonical form, and that GNU tar, bsdtar, Python and docker read it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

import pytest
from tests.wire.archives import contents, parse

from scow.errors import Invalid, Unavailable
from scow.wire.tar import Entry, Writer, scan
from scow.wire.tar.encode import split


def written(*members: tuple[Entry, bytes | None]) -> bytes:
    out = io.BytesIO()
    writer = Writer(out)
    for entry, data in members:
        at = writer.add(entry, data)
        assert at % 512 == 0
    writer.close()
    assert writer.offset == len(out.getvalue())
    return out.getvalue()


def one(**fields: object) -> bytes:
    return written((Entry(**{"name": b"n", "kind": "file", **fields}), None))  # type: ignore[arg-type]


def test_the_bytes_never_change() -> None:
    """Digests of layers depend on every byte: if this fails, every cache in the world misses."""
    entries = [
        (Entry(b"dir", "dir", 0o755, 1, 2, mtime=10**18, uname=b"root", gname=b"wheel"), None),
        (
            Entry(b"dir/file", "file", 0o4755, size=6, mtime=10**18 + 5, xattrs={b"user.b": b"2", b"user.a": b"1"}),
            b"hello\n",
        ),
        (Entry(b"x" * 90 + b"/" + b"y" * 90, "symlink", 0o777, linkname=b"target"), None),
        (Entry("ü".encode(), "hardlink", linkname=b"z" * 101), None),
        (Entry(b"null", "char", 0o666, major=1, minor=3, uid=3_000_000), None),
        (Entry(b"pipe", "fifo", mtime=-1), None),
    ]
    data = written(*entries)
    assert hashlib.sha256(data).hexdigest() == "9160f6d00eba2aec77c9cc75dad3fc45f9e3a9f7510146d93052a12a5ae66d6b"


def test_ustar_block_equals_gnu_tars(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "file")
    with open(path, "wb") as f:
        f.write(b"data")
    os.utime(path, (1_500_000_000, 1_500_000_000))
    os.chmod(path, 0o640)
    options = ["--format=ustar", "--owner=alice:1000", "--group=staff:50", "-b1"]
    theirs = subprocess.run(["tar", "-C", str(tmp_path), *options, "-c", "file"], stdout=subprocess.PIPE, check=True)
    entry = Entry(b"file", "file", 0o640, 1000, 50, 4, 1_500_000_000 * 10**9, uname=b"alice", gname=b"staff")
    assert written((entry, b"data")) == theirs.stdout


def test_what_pax_says_only_where_ustar_cannot() -> None:
    for fields in ({}, {"mode": 0o7777}, {"uid": 0o7777777}, {"mtime": 0o77777777777 * 10**9}, {"name": b"n" * 100}):
        assert len(one(**fields)) == 512 + 1024, fields
    for fields in (
        {"uid": 0o10000000},
        {"gid": 1 << 31},
        {"mtime": 1},
        {"mtime": -(10**9)},
        {"mtime": (0o77777777777 + 1) * 10**9},
        {"name": b"n" * 101},
        {"name": "é".encode()},
        {"name": b"\xff"},
        {"linkname": b"l" * 101, "kind": "symlink"},
        {"uname": b"u" * 33},
        {"gname": "ü".encode()},
        {"xattrs": {b"user.a": b"\0\n="}},
        {"xattrs": {b"a": b""}},
    ):
        data = one(**fields)
        assert len(data) == 512 * 3 + 1024, fields
        entry = parse(data)[0]
        assert all(getattr(entry, k) == v for k, v in fields.items())


def test_names_are_split_where_they_can() -> None:
    assert split(b"a" * 155 + b"/" + b"b" * 100) == (b"a" * 155, b"b" * 100)
    assert split(b"a" * 156 + b"/" + b"b" * 10) is None
    assert split(b"a" * 50 + b"/" + b"b" * 101) is None
    assert split(b"/" + b"b" * 100) is None
    assert split(b"a" * 100 + b"/d/") == (b"a" * 100, b"d/")
    for name in (b"a" * 155 + b"/" + b"b" * 100, b"x/" * 120 + b"y", b"a" * 99 + b"/b"):
        data = one(name=name)
        assert len(data) == 512 + 1024
        assert parse(data)[0].name == name
        assert tarfile.open(fileobj=io.BytesIO(data)).getnames() == [name.decode()]


def test_large_sizes_round_trip() -> None:
    class Holes(io.RawIOBase):
        """Takes any amount, remembers the first bytes."""

        head = b""

        def write(self, data: object) -> int:
            self.head += bytes(data[: max(0, 2048 - len(self.head))])  # type: ignore[index]
            return len(data)  # type: ignore[arg-type]

    for size, blocks in (((8 << 30) - 1, 1), (8 << 30, 3)):
        out = Holes()
        writer = Writer(out)
        fd = os.memfd_create("big")
        os.ftruncate(fd, 4096)
        with pytest.raises(Unavailable):  # the file is shorter, and the archive is filled up
            writer.add(Entry(b"big", "file", size=size), fd)
        os.close(fd)
        assert writer.offset == blocks * 512 + (8 << 30)
        [entry] = scan_head(out.head)
        assert (entry.size, entry.data) == (size, blocks * 512)


def scan_head(head: bytes) -> list[Entry]:
    from scow.wire.tar import Parser

    return Parser().feed(head)[:1]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": b"a\x00b"},
        {"linkname": b"\x00", "kind": "symlink"},
        {"mode": -1},
        {"mode": 1 << 21},
        {"major": 1 << 21},
        {"uname": b"\x00"},
        {"xattrs": {b"a=b": b""}},
        {"xattrs": {b"": b""}},
        {"xattrs": {b"a": bytes(1 << 20)}},
        {"name": "é\x00".encode()},
    ],
)
def test_what_no_tar_holds_is_refused_and_nothing_is_written(fields: dict[str, object]) -> None:
    out = io.BytesIO()
    writer = Writer(out)
    with pytest.raises(Invalid):
        writer.add(Entry(**{"name": b"n", "kind": "file", **fields}))  # type: ignore[arg-type]
    writer.flush()
    assert (writer.offset, out.getvalue()) == (0, b"")


def test_size_and_data_must_agree() -> None:
    writer = Writer(io.BytesIO())
    with pytest.raises(Invalid, match="'n' has 2 bytes, its entry says 3"):
        writer.add(Entry(b"n", "file", size=3), b"ab")
    with pytest.raises(Invalid, match="has a size but no data"):
        writer.add(Entry(b"n", "file", size=3))
    assert writer.offset == 0


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 3_000_001])
def test_all_ways_to_give_data_are_the_same(size: int, tmp_path: os.PathLike[str]) -> None:
    data = os.urandom(size)
    path = os.path.join(tmp_path, "f")
    with open(path, "wb") as f:
        f.write(data)
    entry = Entry(b"n", "file", size=size)
    made = {written((entry, data)), written((entry, memoryview(data))), written((entry, bytearray(data)))}  # type: ignore[arg-type]
    with open(path, "rb") as f:
        made.add(written((entry, f)))  # type: ignore[arg-type]
    with open(path, "rb", buffering=0) as f:
        made.add(written((entry, f.fileno())))  # type: ignore[arg-type]
    assert len(made) == 1
    assert contents(made.pop()) == {b"n": data}


@pytest.mark.parametrize("size", [10, 70_000, 2_500_000])
@pytest.mark.parametrize("change", [-7, 7])
def test_a_file_that_changes_while_it_is_read(size: int, change: int, tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "f")
    with open(path, "wb") as f:
        f.write(b"x" * (size + change))
    out = io.BytesIO()
    writer = Writer(out)
    with (
        open(path, "rb") as f,
        pytest.raises(Unavailable, match="'moving' has become " + ("longer" if change > 0 else "shorter")),
    ):
        writer.add(Entry(b"moving", "file", size=size), f.fileno())
    writer.add(Entry(b"next", "file", size=2), b"ok")
    writer.close()
    want = b"x" * min(size, size + change)
    assert contents(out.getvalue()) == {b"moving": want.ljust(size, b"\0"), b"next": b"ok"}


def test_a_pipe_can_be_the_data() -> None:
    read, write = os.pipe()
    os.write(write, b"abc")
    os.write(write, b"def")
    os.close(write)
    assert contents(written((Entry(b"n", "file", size=6), read))) == {b"n": b"abcdef"}  # type: ignore[arg-type]
    os.close(read)


KINDS = [
    (Entry(b"top", "dir", 0o1777, mtime=10**18), None),
    (Entry(b"top/file", "file", 0o640, size=5, mtime=10**18 + 123_456_789), b"12345"),
    (Entry(b"top/" + b"n" * 200, "file", 0o644, size=70_000), b"z" * 70_000),
    (Entry("top/ümläut".encode(), "file", 0o644, size=0), None),
    (Entry(b"top/raw\xff", "file", 0o644, size=1), b"r"),
    (Entry(b"top/link", "symlink", 0o777, linkname=b"file"), None),
    (Entry(b"top/longlink", "symlink", 0o777, linkname=b"t" * 250), None),
    (Entry(b"top/twin", "hardlink", 0o640, linkname=b"top/file", mtime=10**18 + 123_456_789), None),
    (Entry(b"top/pipe", "fifo", 0o600), None),
]
if os.geteuid() == 0:
    KINDS += [
        (Entry(b"top/null", "char", 0o666, major=1, minor=3), None),
        (Entry(b"top/owned", "file", 0o644, uid=3_000_000, gid=9, size=0), None),
    ]


@pytest.mark.parametrize("program", ["tar", "bsdtar"])
def test_programs_extract_it(program: str, tmp_path: os.PathLike[str]) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    data = written(*KINDS)
    # bsdtar needs a locale to take names; in it, it refuses to make ones that are no UTF-8.
    kinds = KINDS if program == "tar" else [k for k in KINDS if b"\xff" not in k[0].name]
    data = written(*kinds)
    done = subprocess.run(
        [program, "-C", str(tmp_path), "-xpf", "-"],
        input=data,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    said = done.stderr.replace(b"tar: Ignoring unknown extended header keyword 'hdrcharset'\n", b"")
    assert (done.returncode, said) == (0, b"")
    for entry, content in kinds:
        path = os.path.join(os.fsencode(tmp_path), entry.name)
        st = os.lstat(path)
        if entry.kind != "symlink":
            assert st.st_mode & 0o7777 == entry.mode
            assert st.st_mtime_ns == entry.mtime or entry.kind == "dir"
        if os.geteuid() == 0:
            assert (st.st_uid, st.st_gid) == (entry.uid, entry.gid)
        if entry.kind == "file":
            with open(path, "rb") as f:
                assert f.read() == (content or b"")
        if entry.kind == "symlink":
            assert os.readlink(path) == entry.linkname
    assert os.path.samefile(os.path.join(tmp_path, "top/file"), os.path.join(tmp_path, "top/twin"))


def test_python_reads_it() -> None:
    archive = tarfile.open(fileobj=io.BytesIO(written(*KINDS)), encoding="utf-8", errors="surrogateescape")
    names = [os.fsencode(m.name) for m in archive.getmembers()]
    assert names == [e.name for e, _ in KINDS]
    member = archive.getmember("top/" + "n" * 200)
    assert archive.extractfile(member).read() == b"z" * 70_000  # type: ignore[union-attr]


def test_our_own_reader_gives_the_entries_back() -> None:
    back = parse(written(*KINDS))
    assert [e._replace(data=0) for e in back] == [e for e, _ in KINDS]


@pytest.mark.oracle
def test_docker_loads_and_saves_it() -> None:
    """Go's reader takes names that are no UTF-8, extended attributes, long names: a layer of ours becomes an image."""
    docker = shutil.which("docker") or "/opt/peers/bin/docker"
    socket = os.environ.get("DOCKER_HOST", "unix:///run/peers/docker.sock")
    env = {**os.environ, "DOCKER_HOST": socket}
    if not os.path.exists(docker) or subprocess.run([docker, "version"], env=env, capture_output=True).returncode:
        pytest.skip("no docker to ask")
    layer = written(*KINDS, (Entry(b"attr", "file", 0o644, xattrs={b"user.x": b"\0y"}), None))
    digest = hashlib.sha256(layer).hexdigest()
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}
    text = json.dumps(config).encode()
    tag = f"scow-wire-test:{os.getpid()}"
    manifest = json.dumps([{"Config": "c.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    archive = written(
        (Entry(b"c.json", "file", size=len(text)), text),
        (Entry(b"layer.tar", "file", size=len(layer)), layer),
        (Entry(b"manifest.json", "file", size=len(manifest)), manifest),
    )
    try:
        done = subprocess.run([docker, "load"], input=archive, env=env, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        made = (
            subprocess.run([docker, "create", tag, "x"], env=env, capture_output=True, timeout=60, check=True)
            .stdout.decode()
            .strip()
        )
        back = subprocess.run([docker, "export", made], env=env, capture_output=True, timeout=60, check=True).stdout
        subprocess.run([docker, "rm", made], env=env, capture_output=True, timeout=60)
        theirs = {e.name: e for e in scan(back)}
        for entry, _ in KINDS:
            mine = theirs[entry.name]
            assert (mine.kind, mine.mode, mine.uid, mine.size) == (entry.kind, entry.mode, entry.uid, entry.size), entry
        assert contents(back)[b"top/raw\xff"] == b"r"
    finally:
        subprocess.run([docker, "rmi", "-f", tag], env=env, capture_output=True, timeout=60)
