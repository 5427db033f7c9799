"""Upper directories as layer tars, and as ``docker diff`` lists them."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.store.layers.support import (
    FORMS,
    NEEDS_ROOT,
    ROOT,
    directory,
    file,
    ingest,
    link,
    mounted,
    node,
    shown,
    store,
    touch,
    tree,
)

from scow.errors import Invalid, Unsupported
from scow.store.diff import changes, diff
from scow.store.layers import staging
from scow.store.layers.levels import DirectoryLevel
from scow.store.tree import Tree
from scow.wire.tar import Entry, Reader

if TYPE_CHECKING:
    from scow.store.snapshots import Snapshotter

pytestmark = pytest.mark.skipif(not ROOT, reason=NEEDS_ROOT)
CAPABILITY = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"


def packed(upper: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    diff(str(upper), out, **options)
    return out.getvalue()


def members(data: bytes) -> dict[bytes, Entry]:
    return {entry.name: entry for entry in Reader(io.BytesIO(data))}


@pytest.fixture
def upper(tmp_path: Any) -> Any:
    path = tmp_path / "upper"
    path.mkdir()
    return path


def test_kinds_and_order(upper: Any) -> None:
    (upper / "b").mkdir(mode=0o711)
    (upper / "b/file").write_bytes(b"data")
    (upper / "a-link").symlink_to("../../etc/passwd")
    os.link(upper / "b/file", upper / "z")
    os.mkfifo(upper / "fifo", 0o600)
    os.mknod(upper / "null", 0o20666, os.makedev(1, 3))
    os.mknod(upper / "gone", 0o20000, os.makedev(0, 0))
    os.mknod(upper / "b/.gone", 0o20000, os.makedev(0, 0))
    os.setxattr(upper / "b", "trusted.overlay.opaque", b"y")
    os.setxattr(upper / "b/file", "security.capability", CAPABILITY)
    os.setxattr(upper / "b/file", "user.k", b"v")
    os.setxattr(upper / "b/file", "trusted.overlay.origin", b"x")
    os.setxattr(upper / "null", "trusted.t", b"1")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(f"{upper}/socket")
    data = packed(upper)
    found = members(data)
    assert list(found) == [
        b".wh.gone",
        b"a-link",
        b"fifo",
        b"null",
        b"z",
        b"b",
        b"b/.wh..wh..opq",
        b"b/.wh..gone",
        b"b/file",
    ]
    assert found[b"b"][:3] == (b"b", "dir", 0o711)
    assert found[b"z"].xattrs == {b"security.capability": CAPABILITY, b"user.k": b"v"}
    assert (found[b"b/file"].kind, found[b"b/file"].linkname) == ("hardlink", b"z")
    assert (found[b"null"].kind, found[b"null"].major, found[b"null"].minor) == ("char", 1, 3)
    assert found[b"null"].xattrs == {b"trusted.t": b"1"}
    assert found[b"a-link"].linkname == b"../../etc/passwd"
    assert not any(e.uname or e.gname for e in found.values())
    assert packed(upper) == data


def test_same_content_same_bytes(upper: Any, tmp_path: Any) -> None:
    """Neither the order in which files were made, nor inode numbers, nor access times, get into a layer."""
    other = tmp_path / "other"
    other.mkdir()
    names = [f"f{i}" for i in range(50)]
    for top, order in ((upper, names), (other, names[::-1])):
        for name in order:
            (top / name).write_text(name)
            os.utime(top / name, ns=(hash(name) % 10**18, 10**18))
    assert packed(upper) == packed(other)


def test_epoch(upper: Any) -> None:
    for name, when in (("old", 10**9), ("new", 3 * 10**18)):
        (upper / name).touch()
        os.utime(upper / name, ns=(when, when))
    found = members(packed(upper, epoch=10**9))
    assert (found[b"old"].mtime, found[b"new"].mtime) == (10**9, 10**18)
    assert members(packed(upper))[b"new"].mtime == 3 * 10**18


def test_sparse(upper: Any) -> None:
    with open(upper / "big", "wb") as f:
        f.truncate(1 << 40)
        f.seek(1 << 30)
        f.write(b"x" * 5000)
    with open(upper / "small", "wb") as f:
        f.truncate(100_000)
    found = members(packed(upper))
    entry = found[b"big"]
    assert entry.size == 1 << 40
    assert entry.sparse is not None
    assert sum(length for _, length in entry.sparse) < 1 << 16
    assert found[b"small"].sparse is None


def test_refused(upper: Any) -> None:
    touch(f"{upper}/.wh.x")
    with pytest.raises(Invalid, match=r"/\.wh\.x cannot be kept in a layer"):
        packed(upper)
    os.unlink(upper / ".wh.x")
    (upper / "d").mkdir()
    os.setxattr(upper / "d", "trusted.overlay.redirect", b"/elsewhere")
    with pytest.raises(Unsupported, match="/d is no whole copy"):
        packed(upper)


def test_a_hostile_depth(upper: Any) -> None:
    here = os.open(upper, os.O_RDONLY)
    try:
        for _ in range(1100):
            os.mkdir("dddd", dir_fd=here)
            deeper = os.open("dddd", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = deeper
        with pytest.raises(Invalid, match="nested too deeply"):
            packed(upper)
        with (
            Tree([DirectoryLevel(str(upper), userxattr=False)]) as t,
            pytest.raises(Invalid, match="nested too deeply"),
        ):
            list(t.walk())
    finally:
        os.close(here)
        staging.delete(str(upper))  # which pytest's own cleaning cannot
    assert not upper.exists()


@pytest.fixture(params=FORMS)
def snapshotter(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Snapshotter]:
    with store(tmp_path, request.param) as found:
        yield found


BASE = [
    directory("etc"),
    *[file(f"etc/{n}", b"1", mtime=5) for n in ("keep", "change", "mode", "drop", "touch")],
    directory("lib", mtime=9),
    file("lib/a"),
    directory("lib/sub"),
    file("lib/sub/b"),
    directory("again"),
    file("again/one"),
    file("again/two"),
    directory("tofile"),
    file("tofile/x"),
    file("todir"),
    link("link", "etc"),
    node("dev", "char", 1, 3),
]


def change(m: str) -> None:
    with open(f"{m}/etc/change", "a") as f:
        f.write("more")
    os.chmod(f"{m}/etc/mode", 0o600)
    os.unlink(f"{m}/etc/drop")
    os.utime(f"{m}/etc/touch", ns=(7, 7))
    shutil.rmtree(f"{m}/lib")
    shutil.rmtree(f"{m}/again")
    os.mkdir(f"{m}/again")
    touch(f"{m}/again/two")
    touch(f"{m}/again/three")
    shutil.rmtree(f"{m}/tofile")
    touch(f"{m}/tofile")
    os.unlink(f"{m}/todir")
    os.makedirs(f"{m}/todir/deep")
    touch(f"{m}/todir/deep/f")
    touch(f"{m}/passing")
    os.unlink(f"{m}/passing")
    os.rename(f"{m}/link", f"{m}/link2")


def test_changes(snapshotter: Snapshotter, tmp_path: Any) -> None:
    base = ingest(snapshotter, *BASE)
    with shown(snapshotter.prepare("k", (base,)), tmp_path / "m") as m:
        change(m)
        after = tree(m)
    assert snapshotter.changes("k") == [
        ("C", "/again"),
        ("D", "/again/one"),
        ("A", "/again/three"),
        ("C", "/again/two"),
        ("C", "/etc"),
        ("C", "/etc/change"),
        ("D", "/etc/drop"),
        ("C", "/etc/mode"),
        ("C", "/etc/touch"),
        ("D", "/lib"),
        ("D", "/link"),
        ("A", "/link2"),
        ("C", "/todir"),
        ("A", "/todir/deep"),
        ("A", "/todir/deep/f"),
        ("C", "/tofile"),
    ]
    layer = snapshotter.commit("k")
    with mounted(snapshotter, [base, layer.diff_id], tmp_path / "m") as m:
        assert tree(m) == after


def test_nothing_changed(snapshotter: Snapshotter, tmp_path: Any) -> None:
    base = ingest(snapshotter, *BASE)
    with shown(snapshotter.prepare("k", (base,)), tmp_path / "m") as m:
        os.listdir(m)
    assert snapshotter.changes("k") == []
    layer = snapshotter.commit("k")
    with snapshotter.open(layer.diff_id) as f:
        assert list(Reader(f)) == []


SCRIPT = """
rm -rf /etc/apt; mkdir /etc/apt; touch /etc/apt/new; rm /etc/passwd-; touch /etc/hostname2; chmod 600 /etc/shadow
mkdir -p /opt/a/b; touch /opt/a/b/c; rm -rf /var/lib/dpkg/info; touch /usr/bin/ls; rm -rf /srv; touch /srv
rm /etc/debian_version; mkdir /etc/debian_version; ln /etc/fstab /etc/fs2; mv /etc/issue /etc/issue.new
mkdir /tmp/x; rm -rf /tmp/x; echo > /tmp/y; rm /tmp/y; ln -s foo /tmp/l; mkfifo /tmp/ff; touch /media; touch -d @0 /mnt
chmod 700 /home; mkdir /usr/local/emp; mv /usr/share/pam /usr/share/map; chown 3:3 /var/mail
"""


@pytest.mark.oracle
def test_changes_as_docker_says(tmp_path: Any) -> None:
    """The same upper and lower directories, docker's own, give the same list."""
    docker = "/opt/peers/bin/docker"
    environment = {**os.environ, "DOCKER_HOST": "unix:///run/peers/docker.sock"}

    def run(*words: str) -> str:
        done = subprocess.run([docker, *words], capture_output=True, text=True, env=environment, timeout=60)
        return done.stdout if done.returncode == 0 else ""

    if not os.path.exists(docker) or "debian" not in run("image", "ls"):
        pytest.skip("no docker with debian:local")
    name = f"scow-diff-{os.getpid()}"
    try:
        run("run", "--name", name, "debian:local", "sh", "-c", SCRIPT)
        said = sorted(line for line in run("diff", name).splitlines())
        lower, upper = run(
            "inspect", "-f", "{{.GraphDriver.Data.LowerDir}} {{.GraphDriver.Data.UpperDir}}", name
        ).split()
        levels = [DirectoryLevel(path, userxattr=False) for path in lower.split(":")]
        with Tree([DirectoryLevel(upper, userxattr=False)]) as top, Tree(list(levels)) as below:
            ours = sorted(f"{kind} {path}" for kind, path in changes(top, below))
        assert ours == said
        assert len(ours) > 25
    finally:
        run("rm", "-f", name)
