"""Paths inside a root, holes, cloning, renames and loop devices on the real kernel."""

from __future__ import annotations

import errno
import os
import random

import pytest

from scow.kernel import files, loop, openat
from scow.kernel.files import data_ranges

root_only = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


@pytest.fixture
def tree(tmp_path: object) -> str:
    root = f"{tmp_path}/root"
    os.makedirs(root + "/a/b")
    os.makedirs(f"{tmp_path}/outside")
    for path, text in ((root + "/a/file", "in"), (root + "/passwd", "root's"), (f"{tmp_path}/outside/file", "out")):
        with open(path, "w") as f:
            f.write(text)
    for name, to in (
        ("abs", "/a"), ("up", "../../../../passwd"), ("rel", "a/../a/file"), ("out", f"{tmp_path}/outside/file"),
        ("loop", "loop"), ("a/b/deep", "../../../../../a/file"), ("chain", "/abs/b/deep"), ("dangling", "/nothing/here"),
        ("magic", "/proc/self/root/passwd"), ("dot", "."),
    ):  # fmt: skip
        os.symlink(to, f"{root}/{name}")
    return root


@pytest.mark.parametrize("opener", [openat.open_in_root, openat.walk_in_root])
@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("a/file", "in"), ("/a/file", "in"), ("//a/./b/..//file", "in"), ("abs/file", "in"), ("up", "root's"),
        ("rel", "in"), ("chain", "in"), ("../../passwd", "root's"), ("dot/dot/a/file", "in"), ("out", errno.ENOENT),
        ("loop", errno.ELOOP), ("dangling", errno.ENOENT), ("magic", errno.ENOENT), ("a/file/x", errno.ENOTDIR),
    ],
)  # fmt: skip
def test_resolution_in_root(tree: str, opener: object, path: str, want: object) -> None:
    fd = os.open(tree, os.O_PATH)
    before = len(os.listdir("/proc/self/fd"))
    try:
        if isinstance(want, int):
            with pytest.raises(OSError) as caught:
                opener(fd, path, os.O_RDONLY)  # type: ignore[operator]
            assert caught.value.errno == want
        else:
            with os.fdopen(opener(fd, path, os.O_RDONLY)) as f:  # type: ignore[operator]
                assert f.read() == want
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        os.close(fd)


@pytest.mark.parametrize("opener", [openat.open_in_root, openat.walk_in_root])
def test_creation_and_nofollow(tree: str, opener: object) -> None:
    fd = os.open(tree, os.O_PATH)
    os.close(opener(fd, "abs/new", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # type: ignore[operator]
    assert os.stat(tree + "/a/new").st_mode & 0o777 == 0o600
    with pytest.raises(OSError) as caught:
        os.close(opener(fd, "up", os.O_RDONLY | os.O_NOFOLLOW))  # type: ignore[operator]
    assert caught.value.errno == errno.ELOOP
    for path in ("dangling", "up"):
        with pytest.raises(FileExistsError):
            os.close(opener(fd, path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # type: ignore[operator]
    with pytest.raises(NotADirectoryError):
        os.close(opener(fd, "a/file/", os.O_RDONLY))  # type: ignore[operator]
    os.close(opener(fd, "/", os.O_RDONLY | os.O_DIRECTORY))  # type: ignore[operator]
    os.close(fd)


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("x/y/z", "x/y/z"), ("/abs/n/m", "a/n/m"), ("dangling/q", "nothing/here/q"), ("../../out2", "out2"),
        ("x/../w", "w"), ("q/./r/", "q/r"),
    ],
)  # fmt: skip
def test_makedirs_in_root(tree: str, path: str, made: str) -> None:
    fd = os.open(tree, os.O_PATH)
    got = openat.makedirs_in_root(fd, path)
    assert os.path.samestat(os.fstat(got), os.stat(f"{tree}/{made}"))
    assert os.listdir(os.path.dirname(tree) + "/outside") == ["file"]
    os.close(got)
    with pytest.raises(OSError):
        openat.makedirs_in_root(fd, "loop/x")
    with pytest.raises(NotADirectoryError):
        openat.makedirs_in_root(fd, "a/file/x")
    os.close(fd)


@pytest.mark.parametrize(
    ("path", "made"),
    [("etc/new", "etc/new"), ("dangling", "nothing/here"), ("abs/x", "a/x"), ("a/file", "a/file"), ("up", "passwd")],
)
def test_make_file_in_root(tree: str, path: str, made: str) -> None:
    fd = os.open(tree, os.O_PATH)
    got = openat.make_file_in_root(fd, path)
    assert os.path.samestat(os.fstat(got), os.lstat(f"{tree}/{made}"))
    os.close(got)
    with pytest.raises(OSError) as caught:
        openat.make_file_in_root(fd, "loop")
    assert caught.value.errno == errno.ELOOP
    os.close(fd)


def test_data_ranges_and_punching(tmp_path: object) -> None:
    fd = os.open(f"{tmp_path}/f", os.O_RDWR | os.O_CREAT)
    os.truncate(fd, 1 << 20)
    assert list(data_ranges(fd)) == []
    os.pwrite(fd, b"x" * 4096, 65536)
    os.pwrite(fd, b"y" * 8192, 524288)
    assert list(data_ranges(fd)) == [(65536, 4096), (524288, 8192)]
    assert list(data_ranges(fd, 526000)) == [(65536, 4096), (524288, 1712)]
    files.punch_hole(fd, 65536, 4096)
    assert list(data_ranges(fd)) == [(524288, 8192)]
    other = os.open(f"{tmp_path}/g", os.O_RDWR | os.O_CREAT)
    files.clone_or_copy(fd, other)
    assert os.pread(other, 2 << 20, 0) == os.pread(fd, 2 << 20, 0)
    assert list(data_ranges(other)) == [(524288, 8192)]
    os.close(fd)
    os.close(other)


def test_copy_range_across_file_systems_and_from_proc(tmp_path: object) -> None:
    data = random.Random(1).randbytes(300_000)
    fd, to = os.memfd_create("a"), os.open(f"{tmp_path}/t", os.O_RDWR | os.O_CREAT)
    os.write(fd, data)
    assert files.copy_range(fd, to, 10**6, 1000, 0) == 299_000
    assert os.pread(to, 10**6, 0) == data[1000:]
    proc = os.open("/proc/self/mountinfo", os.O_RDONLY)
    os.truncate(to, 0)
    assert files.copy_range(proc, to, 10**6, 0, 0) == os.fstat(to).st_size > 100
    for f in (fd, to, proc):
        os.close(f)


def test_renames(tmp_path: object) -> None:
    a, b = f"{tmp_path}/a", f"{tmp_path}/b"
    for path in (a, b):
        with open(path, "w") as f:
            f.write(path)
    with pytest.raises(FileExistsError):
        files.rename_noreplace(a, b)
    files.exchange(a, b)
    with open(a) as f:
        assert f.read() == b
    files.rename_noreplace(a, a + "2")
    assert sorted(os.listdir(str(tmp_path))) == ["a2", "b"]


def test_unnamed_files(tmp_path: object) -> None:
    fd = files.open_unnamed(str(tmp_path), 0o640)
    os.write(fd, b"text")
    assert os.listdir(str(tmp_path)) == []
    files.link_unnamed(fd, f"{tmp_path}/named")
    with pytest.raises(FileExistsError):
        files.link_unnamed(fd, f"{tmp_path}/named")
    os.close(fd)
    with open(f"{tmp_path}/named") as f:
        assert f.read() == "text"


def test_statx_agrees_with_stat(tmp_path: object) -> None:
    path = f"{tmp_path}/f"
    with open(path, "w") as f:
        f.write("x" * 5000)
    files.set_times(path, 1_234_567_890_123_456_789)
    got, want = files.statx(path), os.stat(path)
    assert (got.mode, got.inode, got.size, got.links, got.uid) == (
        want.st_mode, want.st_ino, 5000, 1, want.st_uid,
    )  # fmt: skip
    assert (got.mtime, got.ctime, os.makedev(*got.device)) == (
        1_234_567_890_123_456_789, want.st_ctime_ns, want.st_dev,
    )  # fmt: skip
    assert got.birth is None or got.birth <= got.ctime
    null = files.statx("/dev/null")
    assert null.rdev == (1, 3) and null.mount != 0
    assert files.FS_NAMES[files.statfs_type("/proc")] == "proc"
    fd = os.open("/proc", os.O_PATH)
    assert files.statfs_type(fd) == 0x9FA0
    os.close(fd)


@root_only
def test_mknod_and_xattrs(tmp_path: object) -> None:
    old = os.umask(0o077)
    files.mknod(f"{tmp_path}/null", 0o20666, (1, 3))
    os.umask(old)
    st = os.lstat(f"{tmp_path}/null")
    assert (st.st_mode, st.st_rdev) == (0o20666, os.makedev(1, 3))
    os.symlink("null", f"{tmp_path}/link")
    files.setxattrs(f"{tmp_path}/link", {b"trusted.overlay.x": b"\0\xff"})
    assert os.listxattr(f"{tmp_path}/link", follow_symlinks=False) == ["trusted.overlay.x"]
    fd = os.open(f"{tmp_path}", os.O_RDONLY)
    files.setxattrs(fd, {b"user.a": b"1"})
    assert files.getxattrs(fd) == {b"user.a": b"1"}
    os.close(fd)


@root_only
@pytest.mark.parametrize("direct", [False, True])
def test_loop_device(tmp_path: object, direct: bool) -> None:
    if not os.path.exists("/dev/loop-control"):
        pytest.skip("no loop devices")
    path = f"{tmp_path}/disk"
    with open(path, "wb") as f:
        f.write(b"hello" + bytes(1 << 16))
    device, fd = loop.attach(path, direct=direct)
    assert os.pread(fd, 5, 0) == b"hello"
    name = os.path.basename(device)
    with open(f"/sys/block/{name}/loop/backing_file") as f:
        assert f.read().strip() == path
    with open(f"/sys/block/{name}/loop/autoclear") as f:
        assert f.read().strip() == "1"
    with open(f"/sys/block/{name}/ro") as f:
        assert f.read().strip() == "1"
    os.close(fd)
    assert not os.path.exists(f"/sys/block/{name}/loop")
    loop.detach(device)
