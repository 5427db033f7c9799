"""The kernel and erofs-utils as judges: what they see in our index is what the archive says."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.store.erofs.trees import index_of_tar
from tests.store.layers.support import NEEDS_ROOT, ROOT, archive, directory, file, link, peers_tool, tree
from tests.store.layers.test_contract import RICH, expected

from scow.kernel.mount import umount
from scow.store.layers.erofs_form import mount_pair

pytestmark = pytest.mark.skipif(not ROOT, reason=NEEDS_ROOT)
PEERS = "/opt/peers/area"


@contextmanager
def seen(image: str, tar: str, point: Any, how: str = "file", *, direct: bool = False) -> Iterator[str]:
    os.makedirs(point, exist_ok=True)
    mount_pair(image, tar, str(point), how, direct=direct)
    try:
        yield str(point)
    finally:
        umount(str(point))


@pytest.mark.parametrize("how", ["file", "loop"])
@pytest.mark.parametrize("direct", [False, True])
def test_ways_to_mount(how: str, direct: bool, tmp_path: Any) -> None:
    big = os.urandom(3_000_001)
    members = [*RICH, file("big", big), file("last", b"z" * 777)]
    tar, image = index_of_tar(archive(*members), tmp_path)
    with seen(image, tar, tmp_path / "m", how, direct=direct) as m:
        with open(f"{m}/big", "rb") as f:
            assert f.read() == big
            for offset, length in ((1, 5000), (511, 2), (512, 512), (2_999_999, 10), (4096, 4096)):
                assert os.pread(f.fileno(), length, offset) == big[offset : offset + length]
        with open(f"{m}/last", "rb") as f:
            assert f.read() == b"z" * 777
        assert tree(m) == expected(members)


def test_our_index_against_mkfs(tmp_path: Any) -> None:
    """erofs-utils' own index of the same tar, mounted by the same kernel, shows the same tree."""
    members = [*RICH, file("w/.wh.gone"), file("o/.wh..wh..opq"), file("o/f", b"1"), *_wide()]
    tar, image = index_of_tar(archive(*members), tmp_path)
    with work() as folder:
        shutil.copy(tar, f"{folder}/layer.tar")
        done = peers_tool(
            "mkfs.erofs", "--quiet", "--tar=i", "--aufs", "-b512", f"{folder}/theirs", f"{folder}/layer.tar"
        )
        if done is None:
            pytest.skip("no erofs-utils 1.9")
        assert done.returncode == 0, done.stderr
        with seen(f"{folder}/theirs", f"{folder}/layer.tar", tmp_path / "m") as m:
            theirs = tree(m, marks=True)
    with seen(image, tar, tmp_path / "m") as m:
        ours = tree(m, marks=True)
    for path in ("etc", "späße", "w", "o", "wide"):  # implied: 0755 of root for docker, the parent's owner for mkfs
        assert ours[path][:4] == (0o40755, 0, 0, 0)
        theirs[path] = (*ours[path][:4], *theirs[path][4:])
    for path in ("bin/sh", "etc/alternatives"):  # Linux knows no mode of links, so an archive's is not kept
        assert ours[path][0] == 0o120777
        theirs[path] = (ours[path][0], *theirs[path][1:])
    # mkfs keeps the mode of the entry that says "whiteout"; overlay looks at the device number only
    assert (ours["w/gone"][0], ours["w/gone"][4], theirs["w/gone"][4]) == (0o020000, 0, 0)
    del ours["w/gone"], theirs["w/gone"]
    assert ours == theirs


def _wide() -> list[Any]:
    return [
        file(f"wide/{hashlib.sha256(b'%d' % n).hexdigest()[: n % 60 + 4]}", b"%d" % n, mtime=n) for n in range(3000)
    ]


@contextmanager
def work() -> Iterator[str]:
    """A directory that is at the same path for the programs of the newer Debian."""
    if not os.path.isdir(PEERS):
        pytest.skip("no newer Debian beside this one")
    folder = f"{PEERS}/scow-erofs-{os.getpid()}"
    os.mkdir(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("case", ["rich", "empty", "wide", "deep", "sparse", "unpadded"])
def test_fsck(case: str, tmp_path: Any) -> None:
    holes = file("s", b"a" * 512 + bytes(9000) + b"b")[0]._replace(sparse=((0, 512), (9512, 1)))
    data = {
        "rich": archive(*RICH),
        "empty": archive(),
        "wide": archive(*_wide()),
        "deep": archive(file("a/" * 1000 + "f", b"1"), directory("b")),
        "sparse": archive((holes, b"a" * 512 + bytes(9000) + b"b"), link("l", "s")),
        "unpadded": archive(file("a", b"x" * 1500))[: 512 + 1500],
    }[case]
    tar, image = index_of_tar(data, tmp_path)
    with work() as folder:
        shutil.copy(tar, f"{folder}/layer.tar")
        shutil.copy(image, f"{folder}/layer.erofs")
        done = peers_tool("fsck.erofs", "-d3", f"--device={folder}/layer.tar", f"{folder}/layer.erofs")
        if done is None:
            pytest.skip("no erofs-utils 1.9")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "No errors found" in done.stdout + done.stderr
