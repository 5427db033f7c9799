"""A full disk (a small tmpfs): the message names the place and the remedy, nothing is half made, the store stays valid."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.conftest import Scow, needs_root, throw_away

pytestmark = needs_root
SIZE = 24 << 20


@dataclass
class Disk:
    """A store on a file system of its own, and a file that takes its space."""

    scow: Scow
    mount: str

    def fill(self, left: int) -> None:
        """Leave so many bytes."""
        self.free()
        status = os.statvfs(self.mount)
        size = status.f_bavail * status.f_frsize - left
        with open(f"{self.mount}/ballast", "wb") as f:
            os.posix_fallocate(f.fileno(), 0, size)

    def free(self) -> None:
        """Take the file away."""
        if os.path.exists(f"{self.mount}/ballast"):
            os.unlink(f"{self.mount}/ballast")

    def fails(self, *words: str, stdin: bytes | None = None, code: int = 1) -> str:
        """A command that finds no space; then the store is checked."""
        before = self.scow("images", "-aq").stdout, self.scow("ps", "-aq").stdout
        told = self.scow(*words, stdin=stdin, code=code).stderr
        assert "no space left" in told.lower(), told
        assert self.scow.root in told or "tmp" in told, told
        assert "hint:" in told and "prune" in told, told
        self.free()
        assert (self.scow("images", "-aq").stdout, self.scow("ps", "-aq").stdout) == before
        found = self.scow("system", "check", code=None)
        assert (found.returncode, found.stdout) == (0, "")
        self.scow("run", "--rm", "--network", "none", "busybox", "true")
        return told


@pytest.fixture
def disk(tmp_path: os.PathLike[str], busybox_tar: str) -> Iterator[Disk]:
    mount = os.path.join(tmp_path, "disk")
    os.mkdir(mount)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", mount], check=True)
    disk = Disk(Scow(f"{mount}/store"), mount)
    disk.scow("load", "-q", "-i", busybox_tar)
    yield disk
    disk.free()
    throw_away(disk.scow.root)
    subprocess.run(["umount", "-l", mount], check=True)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tar with four megabytes that do not compress."""
    folder = tmp_path_factory.mktemp("big")
    (folder / "noise").write_bytes(os.urandom(4 << 20))
    subprocess.run(["tar", "-C", str(folder), "-cf", str(folder / "big.tar"), "noise"], check=True)
    return str(folder / "big.tar")


def test_import(disk: Disk, big: str) -> None:
    disk.fill(2 << 20)
    disk.fails("import", big, "big")
    disk.scow("import", big, "big")


def test_load(disk: Disk, big: str, tmp_path: os.PathLike[str]) -> None:
    disk.scow("import", big, "big")
    archive = os.path.join(tmp_path, "big-image.tar")
    disk.scow("save", "-o", archive, "big")
    disk.scow("rmi", "big")
    disk.fill(2 << 20)
    disk.fails("load", "-i", archive)
    disk.scow("load", "-q", "-i", archive)


def test_build(disk: Disk, big: str, tmp_path: os.PathLike[str]) -> None:
    context = os.path.join(tmp_path, "context")
    os.mkdir(context)
    os.link(big, f"{context}/big.tar")
    with open(f"{context}/Dockerfile", "w") as f:
        f.write("FROM busybox\nCOPY big.tar /\n")
    disk.fill(2 << 20)
    disk.fails("build", "-t", "big", context)
    disk.scow("build", "-q", "-t", "big", context)


def test_commit(disk: Disk) -> None:
    disk.scow(
        "run", "--name", "big", "--network", "none", "busybox", "dd", "if=/dev/urandom", "of=/noise", "bs=1M", "count=4"
    )
    disk.fill(2 << 20)
    disk.fails("commit", "big", "big")
    disk.scow("commit", "big", "big")


@pytest.mark.parametrize("left", [0, 4096, 64 << 10])
def test_run(disk: Disk, left: int) -> None:
    disk.fill(left)
    told = disk.scow("run", "--rm", "--network", "none", "busybox", "true", code=None)
    assert told.returncode in (0, 125), (told.returncode, told.stderr)
    if told.returncode:
        assert "no space left" in told.stderr.lower() or "is full" in told.stderr.lower(), told.stderr
    assert disk.scow("images", "-q", "busybox").stdout
    disk.free()
    found = disk.scow("system", "check", "--repair", code=None)
    assert found.returncode == 0, found.stdout
    assert disk.scow("ps", "-aq").stdout == ""
    disk.scow("run", "--rm", "--network", "none", "busybox", "true")


def test_a_program_that_fills_the_disk_is_told_so(disk: Disk) -> None:
    disk.fill(1 << 20)
    told = disk.scow(
        "run", "--rm", "--network", "none", "busybox", "dd", "if=/dev/zero", "of=/x", "bs=1M", "count=30", code=None
    )
    assert told.returncode == 1
    assert "No space left on device" in told.stderr
    disk.free()
    assert disk.scow("system", "check").stdout == ""


def test_space_can_be_made_on_a_full_disk(disk: Disk, big: str) -> None:
    """``rm``, ``rmi`` and ``system prune`` work when there is nothing left at all."""
    disk.scow("import", big, "big")
    disk.fill(0)
    disk.scow("rmi", "big")
    disk.scow("system", "prune", "-f")
    assert os.statvfs(disk.mount).f_bavail * 4096 > 3 << 20
