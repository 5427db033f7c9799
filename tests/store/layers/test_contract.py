"""What every form of layers has to do, checked on both with real mounts."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.store.layers.support import (
    FORMS,
    NEEDS_ROOT,
    ROOT,
    Member,
    archive,
    directory,
    file,
    ingest,
    link,
    mounted,
    node,
    shown,
    store,
    text,
    touch,
    tree,
)

from scow.errors import Conflict, Corrupt, Invalid, NotFound
from scow.kernel.mountinfo import mounts
from scow.oci.digest import Digest
from scow.store.layers.form import Layer
from scow.store.snapshots import Snapshotter, usage

pytestmark = pytest.mark.skipif(not ROOT, reason=NEEDS_ROOT)
CAPABILITY = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
ACL = bytes.fromhex("0200000001000600ffffffff02000400e803000004000400ffffffff10000600ffffffff20000400ffffffff")
T = 1_700_000_000_123_456_789

RICH: list[Member] = [
    directory(".", 0o755, uid=1, gid=2, mtime=T),
    directory("bin", mtime=T),
    file("bin/su", b"\x7fELF" * 1000, mode=0o4755, mtime=T, xattrs={b"security.capability": CAPABILITY}),
    link("bin/sh", "su", mtime=T + 1),
    link("bin/su2", "bin/su", "hardlink"),
    link("etc/alternatives", "/bin/../etc/" + "x" * 600, mtime=5),
    directory("tmp", 0o1777, mtime=0),
    file("empty", mtime=T),
    file("one", b"1", uid=70000, gid=4_000_000_000, mtime=-(10**9)),
    file("block", b"b" * 512, mtime=10**18),
    file("page", b"p" * 4096),
    file("odd", bytes(range(256)) * 99),
    file("attributes", b"x", xattrs={b"user.a": b"", b"user.long": b"v" * 600, b"trusted.t": b"\0\1"}),
    file("acl", b"x", mode=0o664, xattrs={b"system.posix_acl_access": ACL}),
    directory("full", xattrs={b"user.dir": b"1"}),
    *[file(f"full/{'n' * (i % 200)}{i}", str(i).encode(), mtime=T + i) for i in range(300)],
    node("null", "char", 1, 3, mode=0o666, uid=5),
    node("disk", "block", 259, 70000),
    node("pipe", "fifo", mode=0o640),
    file("späße/\xf0", b"u"),
]


@pytest.fixture(params=[*FORMS, "erofs-loop"])
def snapshotter(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Snapshotter]:
    with store(tmp_path, request.param) as found:
        yield found


def expected(members: list[Member]) -> dict[str, tuple[Any, ...]]:
    """``support.tree`` of an archive without repeated names, from what the archive says."""
    found: dict[str, tuple[Any, ...]] = {}
    kinds = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "symlink": stat.S_IFLNK, "char": stat.S_IFCHR}
    kinds |= {"block": stat.S_IFBLK, "fifo": stat.S_IFIFO}
    for entry, data in members:
        name = os.fsdecode(entry.name)
        above = os.path.dirname(name)
        if above and above not in found:
            found[above] = (stat.S_IFDIR | 0o755, 0, 0, 0, None, {}, above, 0)
        if name == ".":
            continue
        if entry.kind == "hardlink":
            first = os.fsdecode(entry.linkname)
            found[first] = found[name] = (*found[first][:7], 2)
            continue
        content: Any = None
        if data is not None:
            content = (len(data), hashlib.sha256(data).hexdigest())
        elif entry.kind == "symlink":
            content = os.fsdecode(entry.linkname)
        elif entry.kind in ("char", "block"):
            content = os.makedev(entry.major, entry.minor)
        mode = kinds[entry.kind] | (0o777 if entry.kind == "symlink" else entry.mode)
        attributes = {os.fsdecode(k): v for k, v in entry.xattrs.items()}
        links = 0 if entry.kind == "dir" else 1
        found[name] = (mode, entry.uid, entry.gid, entry.mtime, content, attributes, name, links)
    return {os.fsencode(k).decode("utf-8", "surrogateescape"): v for k, v in found.items()}


def test_every_attribute(snapshotter: Snapshotter, tmp_path: Any) -> None:
    diff_id = ingest(snapshotter, *RICH)
    lower = snapshotter.layers.lower(diff_id)
    assert tree(lower) == expected(RICH)
    s = os.stat(lower)
    assert (s.st_mode, s.st_uid, s.st_gid, s.st_mtime_ns) == (0o40755, 1, 2, T)
    with mounted(snapshotter, [diff_id], tmp_path / "m") as m:
        assert tree(m) == expected(RICH)


def test_tree_reads_the_same_as_the_mount(snapshotter: Snapshotter, tmp_path: Any) -> None:
    diff_id = ingest(snapshotter, *RICH)
    with snapshotter.tree((diff_id,)) as t, mounted(snapshotter, [diff_id], tmp_path / "m") as m:
        compare_tree(t, m)


def compare_tree(t: Any, m: str) -> None:
    found = tree(m)
    names = {os.fsdecode(path)[1:]: (path, info) for path, info in t.walk()}
    assert sorted(names) == sorted(found)
    for name, (path, info) in names.items():
        mode, uid, gid, mtime, content, attributes, _, links = found[name]
        assert (info.mode, info.uid, info.gid, info.mtime) == (mode, uid, gid, mtime), name
        assert {os.fsdecode(k): v for k, v in t.xattrs(path, follow=False).items()} == attributes
        if info.kind == "file":
            data = t.read(path)
            assert (len(data), hashlib.sha256(data).hexdigest()) == content
            assert (info.size, info.links) == (content[0], links)
        elif info.kind == "symlink":
            assert os.fsdecode(info.target) == content
        elif info.kind in ("char", "block"):
            assert os.makedev(*info.device) == content
        elif info.kind == "dir":
            assert [os.fsdecode(n) for n in t.list(path)] == sorted(os.listdir(f"{m}/{name}"), key=os.fsencode)


def test_exact_bytes_and_seek(snapshotter: Snapshotter) -> None:
    data = archive(*RICH) + b"behind the end" * 1000
    layer = snapshotter.ingest(io.BytesIO(data))
    assert layer == Layer(Digest.of(data), len(data))
    with snapshotter.open(layer.diff_id) as f:
        assert f.read() == data
        for offset in (0, 1, 511, 513, 5000, len(data) - 3, len(data), 100):
            f.seek(offset)
            assert f.read(700) == data[offset : offset + 700]
        assert f.seek(-10, os.SEEK_END) == len(data) - 10
        assert f.read() == data[-10:]


def test_wrong_digest_leaves_nothing(snapshotter: Snapshotter) -> None:
    with pytest.raises(Corrupt, match=r"has diff id sha256:.*, not sha256:0000"):
        snapshotter.ingest(io.BytesIO(archive(file("a"))), Digest("sha256", "0" * 64))
    assert os.listdir(snapshotter._paths.tmp) == os.listdir(snapshotter._paths.layers) == []


def test_known_layer_is_not_read_again(snapshotter: Snapshotter) -> None:
    diff_id = ingest(snapshotter, file("a"))
    stream = io.BytesIO(b"never read")
    assert snapshotter.ingest(stream, diff_id).diff_id == diff_id
    assert stream.tell() == 0
    assert ingest(snapshotter, file("a")) == diff_id
    assert list(snapshotter.walk()) == [diff_id]


def test_writer(snapshotter: Snapshotter) -> None:
    data = archive(*RICH)
    with snapshotter.writer() as writer:
        for at in range(0, len(data), 999):
            assert writer.write(memoryview(data)[at : at + 999]) == len(data[at : at + 999])
        layer = writer.finish()
    assert layer.diff_id == Digest.of(data)
    with snapshotter.writer() as writer:
        writer.write(data[:1000])
        assert len(os.listdir(snapshotter._paths.tmp)) == 1
    assert os.listdir(snapshotter._paths.tmp) == []
    assert list(snapshotter.walk()) == [layer.diff_id]


def test_stack(snapshotter: Snapshotter, tmp_path: Any) -> None:
    one = ingest(snapshotter, file("a", b"1"), file("d/x", b"1"), file("d/y", b"1"), directory("e"), file("e/f", b"1"))
    two = ingest(
        snapshotter, file("a", b"2"), file("d/.wh.x"), file("e/.wh..wh..opq"), file("e/g", b"2"), file(".wh.nothing")
    )
    three = ingest(snapshotter, file("d/x", b"3"), file("new/.wh.ghost"), file("new/n"))
    with mounted(snapshotter, [one, two, three], tmp_path / "m") as m, snapshotter.tree((one, two, three)) as t:
        found = {p: c[4] for p, c in tree(m).items()}
        assert sorted(found) == ["a", "d", "d/x", "d/y", "e", "e/g", "new", "new/n"]
        assert text(f"{m}/a") == "2"
        assert text(f"{m}/d/x") == "3"
        compare_tree(t, m)
        assert sorted(os.listdir(f"{m}/new")) == ["n"]  # no whiteout shows where nothing lies below
        assert not t.exists("/d/../nothing")
    with mounted(snapshotter, [one, two], tmp_path / "m") as m, snapshotter.tree((one, two)) as t:
        assert sorted(tree(m)) == ["a", "d", "d/y", "e", "e/g"]
        compare_tree(t, m)


def test_opaque_root_hides_all_below(snapshotter: Snapshotter, tmp_path: Any) -> None:
    one = ingest(snapshotter, file("a", b"1"))
    two = ingest(snapshotter, file(".wh..wh..opq"), file("b", b"2"))
    three = ingest(snapshotter, file("c", b"3"))
    for parent, names in (((one, two), ["b"]), ((one, two, three), ["b", "c"])):
        with mounted(snapshotter, parent, tmp_path / "m") as m, snapshotter.tree(parent) as t:
            assert sorted(tree(m)) == names
            compare_tree(t, m)


def test_a_layer_twice_in_a_stack(snapshotter: Snapshotter, tmp_path: Any) -> None:
    a = ingest(snapshotter, file("f", b"a"), file("d/a"))
    b = ingest(snapshotter, file("f", b"b"), file(".wh.d"))
    with mounted(snapshotter, [a, b, a], tmp_path / "m") as m:
        assert sorted(tree(m)) == ["d", "d/a", "f"]
        assert text(f"{m}/f") == "a"


def test_no_layers(snapshotter: Snapshotter, tmp_path: Any) -> None:
    with mounted(snapshotter, [], tmp_path / "m") as m:
        assert os.listdir(m) == []
    with shown(snapshotter.prepare("k", ()), tmp_path / "m") as m:
        touch(f"{m}/a")
        assert stat.S_IMODE(os.stat(m).st_mode) == 0o755
    layer = snapshotter.commit("k")
    with mounted(snapshotter, [layer.diff_id], tmp_path / "m") as m:
        assert os.listdir(m) == ["a"]
    with snapshotter.tree(()) as t:
        assert list(t.walk()) == []


def test_many_layers(snapshotter: Snapshotter, tmp_path: Any) -> None:
    ids = [ingest(snapshotter, file(f"f{i}", b"1"), file("same", str(i).encode())) for i in range(130)]
    with mounted(snapshotter, ids, tmp_path / "m") as m:
        assert len(os.listdir(m)) == 131
        assert text(f"{m}/same") == "129"
    with pytest.raises(Invalid, match="501 layers, overlay takes 500"):
        from scow.store import overlay

        overlay.read_only(["/x"] * 501)


def test_prepare_write_commit(snapshotter: Snapshotter, tmp_path: Any) -> None:
    base = ingest(snapshotter, *RICH)
    (mount,) = snapshotter.prepare("key-1", (base,), volatile=True)
    assert (mount.type, mount.target) == ("overlay", "")
    assert "volatile" in mount.options
    with shown([mount], tmp_path / "m") as m:
        assert os.stat(m).st_uid == 1  # the root is the image's
        os.unlink(f"{m}/one")
        os.rename(f"{m}/odd", f"{m}/odder")
        os.mkdir(f"{m}/fresh", 0o700)
        with open(f"{m}/fresh/f", "w") as f:
            f.write("new")
        os.link(f"{m}/fresh/f", f"{m}/fresh/g")
        before = tree(m)
    layer = snapshotter.commit("key-1")
    with mounted(snapshotter, [base, layer.diff_id], tmp_path / "m") as m:
        assert tree(m) == before
    assert snapshotter.commit("key-1") == layer
    assert next(snapshotter.walk()) == "key-1"
    snapshotter.remove("key-1")
    with pytest.raises(NotFound, match="snapshot key-1"):
        snapshotter.remove("key-1")
    with mounted(snapshotter, [base, layer.diff_id], tmp_path / "m") as m:
        assert tree(m) == before


def test_a_snapshot_on_a_frozen_snapshot(snapshotter: Snapshotter, tmp_path: Any) -> None:
    """RUN on RUN: the second step stands on the first one's upper directory, the layers are made later."""
    base = ingest(snapshotter, file("a", b"1"), file("d/b", b"1"))
    with shown(snapshotter.prepare("one", (base,), volatile=True), tmp_path / "m") as m:
        os.unlink(f"{m}/a")
        os.unlink(f"{m}/d/b")
        os.rmdir(f"{m}/d")
        os.mkdir(f"{m}/d")
        touch(f"{m}/c")
    with shown(snapshotter.prepare("two", (base, "one")), tmp_path / "m") as m:
        assert sorted(os.listdir(m)) == ["c", "d"]
        os.unlink(f"{m}/c")
        touch(f"{m}/a")
        final = tree(m)
    assert snapshotter.parent("two") == (base, "one")
    one, two = snapshotter.commit("one").diff_id, snapshotter.commit("two").diff_id
    with mounted(snapshotter, [base, one, two], tmp_path / "m") as m, snapshotter.tree((base, "one", "two")) as t:
        assert tree(m) == final
        compare_tree(t, m)
    with shown(snapshotter.mounts("two"), tmp_path / "m") as m:
        assert tree(m) == final


def test_keys(snapshotter: Snapshotter) -> None:
    snapshotter.prepare("a.b-c_1", ())
    with pytest.raises(Conflict, match=r"snapshot a\.b-c_1 exists"):
        snapshotter.prepare("a.b-c_1", ())
    for bad in ("", ".", "..", ".hidden", "a/b", "a:b", "a\nb", "x" * 300, "é"):
        with pytest.raises(Invalid):
            snapshotter.prepare(bad, ())
    with pytest.raises(NotFound, match="snapshot nope"):
        snapshotter.prepare("b", ("nope",))
    with pytest.raises(NotFound, match="layer sha256:1111"):
        snapshotter.prepare("b", (Digest("sha256", "1" * 64),))
    with pytest.raises(NotFound):
        snapshotter.mounts("b")
    assert list(snapshotter.walk()) == ["a.b-c_1"]
    assert os.listdir(snapshotter._paths.tmp) == []


def test_remove_layer_in_use(snapshotter: Snapshotter, tmp_path: Any) -> None:
    """Whoever has it mounted keeps it; its space and its mount are given up."""
    diff_id = ingest(snapshotter, file("a", b"1" * 100_000))
    if snapshotter.layers.meta(diff_id)["form"] == "directory":
        pytest.skip("the directory form's overlay lives as long as its directories")
    with mounted(snapshotter, [diff_id], tmp_path / "m") as m:
        snapshotter.remove(diff_id)
        assert text(f"{m}/a") == "1" * 100_000
    with pytest.raises(NotFound):
        snapshotter.open(diff_id)
    with pytest.raises(NotFound):
        snapshotter.layers.lower(diff_id)
    assert not [p for p in mounts() if str(tmp_path) in p.point]
    assert os.listdir(snapshotter._paths.layers) == os.listdir(snapshotter._paths.tmp) == []


def test_one_mount_for_all(snapshotter: Snapshotter, tmp_path: Any) -> None:
    diff_id = ingest(snapshotter, file("a"))
    again = Snapshotter(snapshotter._paths)
    assert snapshotter.layers.lower(diff_id) == again.layers.lower(diff_id)
    assert len([p for p in mounts() if str(tmp_path) in p.point]) <= 1
    if snapshotter.layers.meta(diff_id)["form"] == "erofs":
        options = next(p for p in mounts() if str(tmp_path) in p.point).options
        assert {"ro", "nosuid", "nodev"} <= set(options)


def together(count: int, *arguments: str) -> list[str]:
    """Run ``child.py`` so many times at once; what they said."""
    program = [sys.executable, os.path.join(os.path.dirname(__file__), "child.py"), *arguments]
    children = [
        subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0] * count
    return [line for text in said for line in text.split()]


def test_mounting_at_once(snapshotter: Snapshotter, tmp_path: Any) -> None:
    diff_id = ingest(snapshotter, file("a"))
    form = snapshotter.layers.meta(diff_id)["form"]
    together(4, "lower", str(tmp_path), form, str(diff_id))
    assert len([p for p in mounts() if str(tmp_path) in p.point]) == (1 if form == "erofs" else 0)


def test_ingesting_the_same_at_once(snapshotter: Snapshotter, tmp_path: Any, request: pytest.FixtureRequest) -> None:
    data = archive(*RICH)
    (tmp_path / "tar").write_bytes(data)
    said = together(
        3, "ingest", str(tmp_path), request.node.callspec.params["snapshotter"].partition("-")[0], str(tmp_path / "tar")
    )
    assert said == [str(Digest.of(data))] * 30
    assert list(snapshotter.walk()) == [Digest.of(data)]
    assert os.listdir(snapshotter._paths.tmp) == []
    assert tree(snapshotter.layers.lower(Digest.of(data))) == expected(RICH)


def test_forms_convert_into_each_other(snapshotter: Snapshotter) -> None:
    data = archive(*RICH)
    diff_id = snapshotter.ingest(io.BytesIO(data)).diff_id
    first = tree(snapshotter.layers.lower(diff_id), marks=True)
    for form in ("directory", "erofs", "directory", "erofs"):
        snapshotter.layers.convert(diff_id, form)
        assert snapshotter.layers.meta(diff_id)["form"] == form
        assert tree(snapshotter.layers.lower(diff_id), marks=True) == first
        with snapshotter.open(diff_id) as f:
            assert f.read() == data
    assert os.listdir(snapshotter._paths.tmp) == []


def test_usage(snapshotter: Snapshotter) -> None:
    diff_id = ingest(snapshotter, file("a", os.urandom(1 << 20)), file("b", os.urandom(1 << 20)))
    assert 2 << 20 <= usage(snapshotter, diff_id) <= (2 << 20) + 65536
    snapshotter.prepare("k", (diff_id,))
    with open(f"{snapshotter._paths.snapshot('k')}/upper/f", "wb") as f:
        f.write(os.urandom(1 << 20))
        os.fsync(f.fileno())
    assert 1 << 20 <= usage(snapshotter, "k") <= (1 << 20) + 16384
    with pytest.raises(NotFound):
        usage(snapshotter, "nope")


def test_damage_is_told(snapshotter: Snapshotter) -> None:
    diff_id = ingest(snapshotter, file("a", b"x" * 5000))
    with open(snapshotter._paths.layer_meta(diff_id), "w") as f:
        f.write("{}")
    with pytest.raises(Corrupt, match=r"meta\.json is damaged"):
        snapshotter.open(diff_id)
    snapshotter.remove(diff_id)
    assert os.listdir(snapshotter._paths.layers) == []
    assert ingest(snapshotter, file("a", b"x" * 5000)) == diff_id
    os.unlink(snapshotter._paths.layer_meta(diff_id))
    with pytest.raises(NotFound):
        snapshotter.open(diff_id)
    assert list(snapshotter.walk()) == []
    assert ingest(snapshotter, file("a", b"x" * 5000)) == diff_id  # what a power cut left is replaced
    with snapshotter.open(diff_id) as f:
        assert Digest.of(f.read()) == diff_id


def test_sparse_files(snapshotter: Snapshotter) -> None:
    def runs(name: str, size: int, *found: tuple[int, int]) -> Member:
        data = bytearray(size if size < 1 << 24 else 1 << 24)
        for i, (offset, length) in enumerate(found):
            data[offset : offset + length] = bytes([65 + i]) * length
        return file(name, bytes(data))[0]._replace(sparse=found, size=size), bytes(data)

    members = [
        runs("aligned", 1 << 20, (0, 512), (4096, 8192), (1 << 19, 512)),
        runs("odd", 100_000, (3, 5), (1000, 1), (50_001, 49_999)),
        runs("hole", 1 << 22),
        runs("tail", 1_000_001, (1_000_000, 1)),
        runs("huge", 1 << 42, (1 << 20, 512), ((1 << 23) + 1, 700)),
    ]
    diff_id = ingest(snapshotter, *members)
    lower = snapshotter.layers.lower(diff_id)
    with snapshotter.tree((diff_id,)) as t:
        for entry, data in members:
            name = entry.name.decode()
            assert data is not None
            with open(f"{lower}/{name}", "rb") as f, t.open(name) as g:
                assert f.read(1 << 24) == data == g.read(1 << 24)
                assert os.fstat(f.fileno()).st_size == entry.size == g.seek(0, os.SEEK_END)
    assert usage(snapshotter, diff_id) < 4 << 20


def test_a_damaged_record_of_the_tar(tmp_path: Any) -> None:
    """The directory form's record, changed or cut at any place: an error or other bytes, which the digest tells."""
    with store(tmp_path, "directory") as s:
        data = archive(*RICH)
        diff_id = s.ingest(io.BytesIO(data)).diff_id
        path = f"{s._paths.layer(diff_id)}/layer.split"
        with open(path, "rb") as f:
            good = f.read()
        for at in [*range(0, len(good), 97), *range(len(good) - 40, len(good))]:
            for bad in (good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :], good[:at]):
                with open(path, "wb") as f:
                    f.write(bad)
                try:
                    with s.open(diff_id) as f:
                        assert f.read() != data
                except Corrupt:
                    pass
        with open(path, "wb") as f:
            f.write(good)
        os.truncate(f"{s._paths.layer(diff_id)}/fs/odd", 10)
        with s.open(diff_id) as f, pytest.raises(Corrupt, match="odd is shorter"):
            f.read()
