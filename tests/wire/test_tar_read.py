"""Reading archives which others wrote: GNU tar, bsdtar, Python, and hand-made blocks."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile

import pytest
from tests.wire.archives import block, contents, padded, parse, pax

from scow.errors import Corrupt
from scow.wire.tar import Entry, Parser, Reader, scan

KINDS = {b"0": "file", b"\0": "file", b"1": "hardlink", b"2": "symlink", b"3": "char", b"4": "block", b"5": "dir"}


def test_empty_archives() -> None:
    assert parse(b"") == []
    assert parse(bytes(512)) == []
    assert parse(bytes(1024)) == []
    assert parse(bytes(10240)) == []


def test_one_of_each_kind() -> None:
    data = b"".join(block(b"n" + flag.replace(b"\0", b"v"), flag, link=b"target") for flag in KINDS)
    assert [e.kind for e in parse(data)] == list(KINDS.values())
    assert {e.linkname for e in parse(data)} == {b"target"}


@pytest.mark.parametrize("flag", [b"7", b"V", b"M", b"D", b"N", b"A", b"X", b"8", b"\xff"])
def test_unknown_flags_are_refused_as_by_containerd(flag: bytes) -> None:
    with pytest.raises(Corrupt, match=r"entry 'some' at offset 512: unhandled tar header type"):
        parse(block(b"ok") + block(b"some", flag) + bytes(1024))


def test_data_offsets_and_sizes() -> None:
    data = block(b"a", size=3) + padded(b"abc") + block(b"b", size=512) + bytes(512) + block(b"c")
    assert [(e.name, e.data, e.size) for e in parse(data)] == [(b"a", 512, 3), (b"b", 1536, 512), (b"c", 2560, 0)]


def test_links_devices_and_directories_have_no_data_whatever_they_say() -> None:
    data = b"".join(block(b"x", flag, 1000) for flag in (b"1", b"2", b"3", b"4", b"5", b"6"))
    assert [e.size for e in parse(data)] == [0] * 6


def test_v7_directory_is_told_by_its_slash() -> None:
    data = (
        block(b"d/", b"\0", magic=b"")
        + block(b"d//", b"5")
        + block(b"f/", b"0")
        + block(b"/", b"5")
        + block(b"./", b"5")
    )
    assert [(e.name, e.kind) for e in parse(data)] == [
        (b"d", "dir"),
        (b"d", "dir"),
        (b"f", "file"),
        (b"/", "dir"),
        (b".", "dir"),
    ]


def test_prefix_and_its_absence_in_v7_and_gnu() -> None:
    prefix = b"p" * 155
    assert parse(block(b"n", prefix=prefix))[0].name == prefix + b"/n"
    assert parse(block(b"n", magic=b"", prefix=prefix))[0].name == b"n"
    assert parse(block(b"n", magic=b"ustar  \0", prefix=b"00000000001\0" * 2))[0].name == b"n"
    # Go before 1.8 wrote GNU headers with a prefix.
    assert parse(block(b"n", magic=b"ustar  \0", prefix=b"some/dir"))[0].name == b"some/dir/n"
    # star ends its prefix after 131 bytes, where its times begin.
    star = block(b"n", prefix=b"q" * 131 + b"00000000001\0" * 2, at508=b"tar\0")
    assert parse(star)[0].name == b"q" * 131 + b"/n"


def test_names_fill_their_field_and_end_at_nul() -> None:
    assert parse(block(b"n" * 100, link=b"l" * 100))[0][:2] == (b"n" * 100, "file")
    assert parse(block(b"nam\0e", link=b"li\0nk"))[0].linkname == b"li"
    assert parse(block(b"nam\0e"))[0].name == b"nam"


@pytest.mark.parametrize(
    ("field", "uid"),
    [
        (b"0001750\0", 1000),
        (b"   1750 ", 1000),
        (b"1750\0\0\0\0", 1000),
        (b"1750 \0\0 ", 1000),
        (b"01750\0xx", 1000),
        (b"\0" * 8, 0),
        (b"77777777", 0o77777777),
        (b"\x80\0\0\0\x7f\xff\xff\xff", 0x7FFFFFFF),
        (b"\xff\xff\xff\xff\xff\xff\xff\xfe", 4294967294),
    ],
)
def test_numbers_in_every_dress(field: bytes, uid: int) -> None:
    assert parse(block(b"n", uid=field))[0].uid == uid


@pytest.mark.parametrize(
    "field",
    [
        b"99999999",
        b"0o17\x00\x00\x00\x00",
        b"1_0\x00\x00\x00\x00\x00",
        b"+7\x00\x00\x00\x00\x00\x00",
        b"-7\x00\x00\x00\x00\x00\x00",
        b"1 7\x00\x00\x00\x00\x00",
        b"\xff" * 8,
        b"\x80\x00\x00\x01\x00\x00\x00\x00",
        b"\x80\x00\x00\x00\xff\xff\xff\xff",
        b"\xbf" * 8,
        b"\xc0" * 8,
    ],
)
def test_numbers_that_are_none(field: bytes) -> None:
    with pytest.raises(Corrupt, match="offset 0"):
        parse(block(b"n", uid=field))


def test_base_256_size_and_time() -> None:
    huge = parse_head(block(b"n", size=b"\x80" + (1 << 40).to_bytes(11, "big"), mtime=b"\xff" * 12))
    assert (huge.size, huge.mtime) == (1 << 40, -1_000_000_000)


def parse_head(data: bytes) -> Entry:
    """The first entry of an archive whose data is missing."""
    return Parser().feed(data)[0]


@pytest.mark.parametrize(
    "size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"\x80\0\0\0\x80" + bytes(7), b"\xff" + bytes(11)]
)
def test_impossible_sizes(size: bytes) -> None:
    with pytest.raises(Corrupt, match="'n' at offset 0"):
        Parser().feed(block(b"n", size=size))


def test_a_time_beyond_64_bits_is_zero() -> None:
    assert parse_head(block(b"n", mtime=b"\x80\0\0\0\x7f" + b"\xff" * 7)).mtime == 0
    assert parse(pax((b"mtime", b"9223372036854775807")) + block(b"n"))[0].mtime == 0


def test_both_checksums() -> None:
    head = bytearray(block("ünïcödé".encode()))
    assert parse(bytes(head))[0].name == "ünïcödé".encode()
    head[148:156] = b" " * 8
    signed = sum(b - 256 if b > 127 else b for b in head)
    for form in (b"%06o\0 ", b"%07o\0", b"%6o\0 "):
        head[148:156] = form % signed
        assert parse(bytes(head))[0].name == "ünïcödé".encode()


@pytest.mark.parametrize("wrong", [1, -1, 65521, -65521, 256])
@pytest.mark.parametrize("name", [b"name", b"\xff" * 100])
def test_wrong_checksums(wrong: int, name: bytes) -> None:
    head = bytearray(block(name))
    if (total := int(head[148:154], 8) + wrong) < 0:
        total += 65521
        head[148:156] = b"-%05o\0 " % total
    else:
        head[148:156] = b"%06o\0 " % total
    with pytest.raises(Corrupt, match="no tar header"):
        parse(bytes(head))


def test_zero_blocks() -> None:
    one, two = block(b"one"), block(b"two")
    assert len(parse(one + bytes(512))) == 1
    assert len(parse(one + bytes(1024) + b"garbage" * 1000)) == 1
    with pytest.raises(Corrupt, match="offset 1024: a zero block is followed by data"):
        parse(one + bytes(512) + two)


def test_what_follows_the_end_can_be_read_for_its_digest() -> None:
    reader = Reader(io.BytesIO(block(b"one", size=5) + padded(b"12345") + bytes(1024) + b"garbage" * 100000))
    assert len(list(reader)) == 1
    assert reader.drain() == 700000


def test_truncation_anywhere_is_corrupt() -> None:
    data = pax((b"path", b"long/name")) + block(b"n", size=700) + padded(b"x" * 700) + block(b"m")
    good = {0, 512 * 3 + 700, len(data)} | set(range(512 * 3 + 700, 512 * 5 + 1))
    for cut in range(len(data)):
        piece = data[:cut]
        for read in (lambda p: list(scan(p)), lambda p: list(Reader(io.BytesIO(p))), feed):
            if cut in good:
                read(piece)
            else:
                with pytest.raises(Corrupt, match="offset"):
                    read(piece)


def feed(piece: bytes) -> None:
    parser = Parser()
    parser.feed(piece)
    parser.close()


def test_truncated_data_names_the_entry() -> None:
    reader = Reader(io.BytesIO(block(b"victim", size=600) + b"x" * 500))
    entry = next(reader)
    with pytest.raises(Corrupt, match=r"'victim' .*100 bytes"):
        reader.open(entry).read()


def test_pax_fields() -> None:
    records = [(b"path", b"d/" + b"\xff" * 300), (b"linkpath", b"l" * 300), (b"uid", b"3000000"), (b"gid", b"-2")]
    records += [
        (b"size", b"4"),
        (b"mtime", b"12.0345"),
        (b"uname", "jörg".encode()),
        (b"gname", b"g"),
        (b"atime", b"x"),
    ]
    records += [(b"SCHILY.xattr.user.a", b"\0\n=b"), (b"SCHILY.xattr.user.empty", b""), (b"comment", b"\0")]
    records += [(b"LIBARCHIVE.xattr.user.%c3%a4%25", b"AAE"), (b"LIBARCHIVE.xattr.user.a", b"d29yc2U")]
    entry = parse(pax(*records) + block(b"short") + padded(b"data"))[0]
    assert entry == Entry(
        name=b"d/" + b"\xff" * 300,
        kind="file",
        mode=0,
        uid=3000000,
        gid=4294967294,
        size=4,
        mtime=12_034_500_000,
        linkname=b"l" * 300,
        xattrs={b"user.\xc3\xa4%": b"\0\1", b"user.a": b"\0\n=b", b"user.empty": b""},
        data=entry.data,
        uname="jörg".encode(),
        gname=b"g",
    )


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        (b"1", 10**9),
        (b"-1.5", -1_500_000_000),
        (b"-0.25", -250_000_000),
        (b"1.", 10**9),
        (b"0.1234567899", 123456789),
        (b"1.000000001", 1_000_000_001),
    ],
)
def test_pax_times(text: bytes, ns: int) -> None:
    assert parse(pax((b"mtime", text)) + block(b"n"))[0].mtime == ns


@pytest.mark.parametrize(
    "record",
    [
        (b"size", b"-1"),
        (b"size", b"9223372036854775808"),
        (b"size", b"0x10"),
        (b"size", b"1" * 5000),
        (b"mtime", b"1.-5"),
        (b"uid", b"4294967295"),
        (b"uid", b"-1"),
        (b"gid", b"99999999999"),
        (b"mtime", b"nan"),
        (b"mtime", b"1e5"),
        (b"path", b"a\x00b"),
        (b"linkpath", b"\x00"),
        (b"k\x00", b"v"),
        (b"uid", b"\xd9\xa1"),
        (b"uid", b"1_0"),
        (b"uid", b" 1"),
        (b"LIBARCHIVE.xattr.a", b"A"),
        (b"LIBARCHIVE.xattr.%g", b""),
        (b"LIBARCHIVE.xattr.%", b""),
    ],
)
def test_pax_values_that_are_none(record: tuple[bytes, bytes]) -> None:
    with pytest.raises(Corrupt, match="offset"):
        Parser().feed(pax(record) + block(b"n"))


@pytest.mark.parametrize(
    "body",
    [
        b"0 a=b\n",
        b"5 a=b\n",
        b"7 a=b\n",
        b"6 a=b ",
        b"6 aab\n",
        b"6a=b\n\n",
        b"+6 a=b\n",
        b"999999999999999999999 a=b\n",
        b" 6 a=b\n",
        b"06 =abc\n",
        b"6 a=b\n\x00",
        b"6 a=b\n6",
        b"\xc2\xb2 a=b\n",
        b"5 =b\n",
    ],
)
def test_malformed_pax_records(body: bytes) -> None:
    with pytest.raises(Corrupt, match="offset 0"):
        parse(block(b"x", b"x", len(body)) + padded(body) + block(b"n"))


def test_empty_pax_values_change_nothing_and_later_headers_replace() -> None:
    assert parse(pax((b"path", b"")) + block(b"n"))[0].name == b"n"
    two = pax((b"path", b"first"), (b"uid", b"7")) + pax((b"path", b"second")) + block(b"n")
    assert parse(two)[0][:5] == (b"second", "file", 0, 0, 0)
    assert parse(pax((b"path", b"a"), (b"path", b"b")) + block(b"n") + block(b"m"))[1].name == b"m"


def test_global_headers_count_only_when_asked() -> None:
    data = (
        pax((b"uid", b"5"), (b"comment", b"x"), flag=b"g")
        + block(b"a")
        + pax((b"uid", b"6"))
        + block(b"b")
        + block(b"c")
    )
    assert [e.uid for e in parse(data)] == [0, 6, 0]
    assert [e.uid for e in parse(data, apply_global=True)] == [5, 6, 5]


def test_extended_headers_have_limits() -> None:
    for flag in (b"x", b"g", b"L", b"K"):
        with pytest.raises(Corrupt, match="extended header of 1048577 bytes"):
            Parser().feed(block(b"n", flag, (1 << 20) + 1))
    assert Parser().feed(block(b"n", b"L", 1 << 20)) == []
    for flag in (b"x", b"L", b"K"):
        with pytest.raises(Corrupt, match="without a member"):
            parse(block(b"n", flag, 0))
        with pytest.raises(Corrupt, match="without a member"):
            parse(block(b"n", flag, 0) + bytes(1024))


def test_size_in_an_extended_header_is_not_the_next_extended_headers() -> None:
    data = (
        pax((b"size", b"3"))
        + block(b"l", b"L", 5)
        + padded(b"name\0")
        + block(b"n", size=0)
        + padded(b"abc")
        + block(b"m")
    )
    assert [(e.name, e.size) for e in parse(data)] == [(b"name", 3), (b"m", 0)]


def test_gnu_long_names() -> None:
    data = block(b"././@LongLink", b"L", 301) + padded(b"n" * 300 + b"\0") + block(b"././@LongLink", b"K", 301)
    data += (
        padded(b"l" * 300 + b"\0") + block(b"n" * 100, b"2", link=b"l" * 100, magic=b"ustar  \0") + block(b"m", b"2")
    )
    assert [(e.name, e.linkname) for e in parse(data)] == [(b"n" * 300, b"l" * 300), (b"m", b"")]


def test_the_reader_gives_data_of_the_current_entry_only() -> None:
    reader = Reader(io.BytesIO(block(b"a", size=3) + padded(b"abc") + block(b"b", size=1) + padded(b"z")))
    first = next(reader)
    opened = reader.open(first)
    assert opened.read(2) == b"ab"
    second = next(reader)
    with pytest.raises(ValueError, match="passed"):
        reader.open(first).read()
    assert reader.open(second).read() == b"z"
    assert reader.open(second).read(0) == b""


def test_reader_over_short_reads() -> None:
    class Drip(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.left = data

        def read(self, size: int = -1) -> bytes:
            piece, self.left = self.left[:7], self.left[7:]
            return piece

        readinto = None  # type: ignore[assignment]

    data = block(b"a", size=3000) + padded(b"abc" * 1000) + block(b"b", size=1) + padded(b"z") + bytes(1024)
    reader = Reader(Drip(data))
    assert {e.name: reader.open(e).read() for e in reader} == {b"a": b"abc" * 1000, b"b": b"z"}


TREE_LONG = "long/" + "/".join(["component" * 5] * 8) + "/name" * 3


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("tree")
    for path in ("sub/deep", os.path.dirname(TREE_LONG)):
        os.makedirs(root / path)
    for name, data in (("empty", b""), ("small", b"hello\n"), ("block", b"b" * 512), ("big", os.urandom(300_000))):
        (root / "sub" / name).write_bytes(data)
    (root / TREE_LONG).write_bytes(b"deep")
    (root / "sub" / ("n" * 100)).write_bytes(b"100")
    (root / "sub" / ("ü" * 90)).write_bytes(b"utf-8")
    with open(os.path.join(os.fsencode(root), b"sub", b"raw\xff\xfe"), "wb") as f:
        f.write(b"raw")
    os.symlink("small", root / "sub/link")
    os.symlink("t" * 300, root / "sub/longlink")
    os.link(root / "sub/small", root / "sub/twin")
    os.mkfifo(root / "sub/fifo")
    if os.geteuid() == 0:
        os.mknod(root / "sub/null", 0o20666, os.makedev(1, 3))
        os.chown(root / "sub/block", 3_000_000, 70_000)
    os.utime(root / "sub/small", ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    with open(root / "sub/sparse", "wb") as f:
        f.truncate(5_000_000)
        for at in (0, 1_000_000, 3_000_000):
            f.seek(at)
            f.write(b"data" * 1024)
    return str(root)


def check_against_tree(data: bytes, tree: str, *, ns: bool) -> set[str]:
    """Every entry agrees with the file it was made of; the kinds seen."""
    reader = Reader(io.BytesIO(data))
    seen = set()
    inodes = {}
    for entry in reader:
        path = os.path.join(os.fsencode(tree), entry.name)
        st = os.lstat(path)
        seen.add(entry.kind)
        assert (entry.mode, entry.uid, entry.gid) == (st.st_mode & 0o7777, st.st_uid, st.st_gid)
        assert entry.mtime == (st.st_mtime_ns if ns else st.st_mtime_ns // 10**9 * 10**9)
        if entry.kind == "file":
            inodes[entry.name] = st.st_ino
            with open(path, "rb") as f:
                assert reader.open(entry).read() == f.read()
        elif entry.kind == "symlink":
            assert entry.linkname == os.readlink(path)
        elif entry.kind == "hardlink":
            assert inodes[entry.linkname] == st.st_ino
        elif entry.kind == "char":
            assert (entry.major, entry.minor) == (1, 3)
    assert reader.drain() >= 0
    return seen


ALL_KINDS = {"file", "dir", "symlink", "hardlink", "fifo"} | ({"char"} if os.geteuid() == 0 else set())


@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax"])
@pytest.mark.parametrize("sparse", [[], ["--sparse"]])
def test_gnu_tar(tree: str, form: str, sparse: list[str]) -> None:
    made = subprocess.run(["tar", "-C", tree, f"--format={form}", *sparse, "-c", "sub", "long"], stdout=subprocess.PIPE)
    assert check_against_tree(made.stdout, tree, ns=form == "pax") == ALL_KINDS
    assert len(made.stdout) < 1_500_000 if sparse else len(made.stdout) > 5_000_000


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0"])
def test_gnu_tar_sparse_versions(tree: str, version: str) -> None:
    made = subprocess.run(
        ["tar", "-C", tree, "--format=pax", "--sparse", f"--sparse-version={version}", "-c", "sub/sparse", "sub/big"],
        stdout=subprocess.PIPE,
    )
    assert check_against_tree(made.stdout, tree, ns=True) == {"file"}
    entries = {e.name: e for e in scan(made.stdout)}
    assert len(entries[b"sub/sparse"].sparse or ()) >= 3
    assert entries[b"sub/big"].sparse is None


@pytest.mark.parametrize("form", ["v7", "ustar"])
def test_gnu_tar_old_forms(tree: str, form: str) -> None:
    made = subprocess.run(
        ["tar", "-C", tree, f"--format={form}", "-c", "sub/small", "sub/empty", "sub/link", "sub/deep"],
        stdout=subprocess.PIPE,
    )
    assert check_against_tree(made.stdout, tree, ns=False) == {"file", "symlink", "dir"}


@pytest.mark.skipif(not shutil.which("bsdtar"), reason="bsdtar is not installed")
@pytest.mark.parametrize("form", ["pax", "gnutar"])
def test_bsdtar(tree: str, form: str) -> None:
    made = subprocess.run(
        ["bsdtar", "-C", tree, "--format", form, "-cf", "-", "sub", "long"],
        stdout=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert check_against_tree(made.stdout, tree, ns=form == "pax") == ALL_KINDS


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_python_tarfile(tree: str, form: int) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as made:
        made.add(os.path.join(tree, "sub"), "sub", filter=lambda m: None if "raw" in m.name else m)
    # It writes times as floats.
    entries = list(scan(out.getvalue()))
    assert {e.kind for e in entries} == ALL_KINDS
    assert contents(out.getvalue())[b"sub/" + "ü".encode() * 90] == b"utf-8"


def test_xattrs_of_bsdtar_and_gnu_tar(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "file")
    with open(path, "wb"):
        pass
    try:
        os.setxattr(path, "user.näme", b"\0value\xff")
    except OSError:
        pytest.skip("no user attributes on this file system")
    commands = [["tar", "--xattrs", "--format=pax", "-C", str(tmp_path), "-c", "file"]]
    if shutil.which("bsdtar"):
        commands.append(["bsdtar", "--xattrs", "--format", "pax", "-C", str(tmp_path), "-cf", "-", "file"])
    for command in commands:
        made = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C.UTF-8"})
        # bsdtar writes the name twice: as LIBARCHIVE.xattr, and escaped where others write it plain.
        assert parse(made.stdout)[0].xattrs["user.näme".encode()] == b"\0value\xff", command


def test_scan_reads_little_of_large_files(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "big.tar")
    with open(path, "wb") as f:
        for name in (b"a", b"b"):
            f.write(block(name, size=b"\x80" + (1 << 38).to_bytes(11, "big")))
            f.seek(1 << 38, os.SEEK_CUR)
        f.write(bytes(1024))
    fd = os.open(path, os.O_RDONLY)
    try:
        assert [(e.name, e.data) for e in scan(fd)] == [(b"a", 512), (b"b", 1024 + (1 << 38))]
    finally:
        os.close(fd)
