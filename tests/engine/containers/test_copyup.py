"""Filling a new volume from an image: attributes and links kept, nothing reached by a path."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from scow.engine.container import copyup
from scow.store.layers.levels import DirectoryLevel
from scow.store.tree import Tree

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners are changed as root")


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    top = tmp_path / "layer" / "data"
    (top / "sub").mkdir(parents=True)
    (top / "file").write_bytes(b"x" * 3_000_000)
    os.link(top / "file", top / "sub" / "same")
    os.symlink("/etc/passwd", top / "link")
    os.mkfifo(top / "fifo")
    os.chmod(top / "fifo", 0o620)
    os.mknod(top / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.setxattr(top / "file", "user.note", b"kept")
    for path, uid, mode in ((top / "sub", 5, 0o2750), (top / "file", 6, 0o4755), (top, 7, 0o1777)):
        os.chown(path, uid, uid + 1)
        os.chmod(path, mode)
    os.utime(top, ns=(1, 1_000_000_007))
    return tmp_path / "layer"


def fill(layer: Path, path: str, volume: Path) -> None:
    with Tree([DirectoryLevel(str(layer), userxattr=False)]) as tree:
        copyup.fill(tree, path, str(volume))


def test_everything_is_copied(layer: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    fill(layer, "/data", volume)
    assert sorted(os.listdir(volume)) == ["fifo", "file", "link", "null", "sub"]
    assert (volume / "file").stat().st_ino == (volume / "sub" / "same").stat().st_ino
    assert (volume / "file").read_bytes() == b"x" * 3_000_000
    assert os.getxattr(volume / "file", "user.note") == b"kept"
    assert os.readlink(volume / "link") == "/etc/passwd"
    found = [
        (s.st_uid, s.st_gid, stat.S_IMODE(s.st_mode)) for s in map(os.lstat, (volume, volume / "sub", volume / "file"))
    ]
    assert found == [(7, 8, 0o1777), (5, 6, 0o2750), (6, 7, 0o4755)]
    assert volume.stat().st_mtime_ns == 1_000_000_007
    assert os.lstat(volume / "null").st_rdev == os.makedev(1, 3)
    assert stat.S_IMODE(os.lstat(volume / "fifo").st_mode) == 0o620


def test_links_on_the_way_stay_inside_the_image(layer: Path, tmp_path: Path) -> None:
    os.symlink("/data", layer / "way")
    volume = tmp_path / "volume"
    volume.mkdir()
    fill(layer, "/way/sub", volume)
    assert os.listdir(volume) == ["same"]
    os.symlink("/../../../../etc", layer / "out")
    other = tmp_path / "other"
    other.mkdir()
    fill(layer, "/out", other)
    assert os.listdir(other) == []


@pytest.mark.parametrize("path", ["/nope", "/data/file", "/data/link"])
def test_nothing_to_copy(layer: Path, tmp_path: Path, path: str) -> None:
    volume = tmp_path / "volume"
    volume.mkdir(mode=0o700)
    fill(layer, path, volume)
    assert os.listdir(volume) == []


def test_a_volume_that_has_something_is_left_alone(layer: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "mine").touch()
    fill(layer, "/data", volume)
    assert os.listdir(volume) == ["mine"]
