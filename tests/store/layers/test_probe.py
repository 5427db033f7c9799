"""Which form works here, and a machine on which it is the other one."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.store.layers.support import NEEDS_ROOT, ROOT, archive, clean, directory, file, ingest, link, store, tree

from scow.kernel.mountinfo import mounts
from scow.store.layers import probe
from scow.store.layers.store import Layers
from scow.store.paths import Paths, create

pytestmark = pytest.mark.skipif(not ROOT, reason=NEEDS_ROOT)


@pytest.fixture
def paths(tmp_path: Any) -> Paths:
    found = Paths(f"{tmp_path}/root", f"{tmp_path}/run")
    create(found)
    return found


def test_found_once_and_remembered(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    first = probe.ability(paths)
    assert first.form == "erofs", "this kernel has EROFS"
    assert probe.describe(first).startswith("erofs (")
    monkeypatch.setattr(probe, "probe", lambda _: pytest.fail("probed again"))
    assert probe.ability(paths) == first
    assert os.listdir(paths.tmp) == []
    assert not [m for m in mounts() if m.point.startswith(paths.root)]


@pytest.mark.parametrize("damage", ["", "{", '{"stamp": "of another boot", "form": "directory"}', "[]"])
def test_stale_memory_is_not_believed(damage: str, paths: Paths) -> None:
    good = probe.ability(paths)
    with open(f"{paths.run}/layers/.ability.json", "w") as f:
        f.write(damage)
    assert probe.ability(paths) == good
    with open(f"{paths.run}/layers/.ability.json") as f:
        assert json.load(f)["form"] == good.form


def test_loop_devices_where_files_do_not_do(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    real = probe.mount_pair

    def old_kernel(index: str, tar: str, point: str, how: str, *, direct: bool) -> None:
        if how == "file":
            raise OSError(errno.ENOTBLK, "Block device required")
        real(index, tar, point, how, direct=direct)

    monkeypatch.setattr(probe, "mount_pair", old_kernel)
    found = probe.probe(paths)
    assert (found.form, found.how) == ("erofs", "loop")
    assert "ENOTBLK Block device required" in probe.describe(found)


def test_directories_where_nothing_does(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_kernel(*_: object, **__: object) -> None:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(probe, "mount_pair", no_kernel)
    found = probe.probe(paths)
    assert found.form == "directory"
    assert probe.describe(found) == (
        "directory: file-backed erofs: ENODEV No such device; erofs on loop devices: ENODEV No such device"
    )


def test_layers_of_another_kernel_are_converted(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with store(tmp_path, None) as s:
        data = archive(directory("d"), file("d/f", b"1"), link("d/l", "f"))
        diff_id = s.ingest(io.BytesIO(data)).diff_id
        assert s.layers.meta(diff_id)["form"] == "erofs"
        later = Layers(s._paths)
        later._able = probe.Ability("directory", reason="an older kernel")
        lower = later.lower(diff_id)
        assert later.meta(diff_id)["form"] == "directory"
        assert sorted(tree(lower)) == ["d", "d/f", "d/l"]
        with later.open(diff_id) as f:
            assert f.read() == data


ROOTLESS = """
import io, os, sys
from scow.kernel.mount import mount_at, umount
from scow.store.layers import probe
from scow.store.paths import Paths, create
from scow.store.snapshots import Snapshotter
from tests.store.layers.support import archive, directory, file, ingest, link, node, tree
paths = Paths(sys.argv[1] + "/root", sys.argv[1] + "/run")
create(paths)
s = Snapshotter(paths)
print(probe.describe(s.layers.ability))
one = ingest(s, directory("d"), file("d/a", b"1"), file("d/b", b"2"), node("null", "char", 1, 3), file("x"))
two = ingest(s, file("d/.wh.a"), file(".wh.x"), directory("o"), file("o/.wh..wh..opq"), file("o/f"))
facts = {"size": 0, "content": 0}
assert s.layers.meta(one) | facts == {"diff_id": str(one), "form": "directory", "skipped": 1} | facts
m = sys.argv[1] + "/m"
os.mkdir(m)
(mount,) = s.prepare("k", (one, two))
assert "userxattr" in mount.options
mount_at(mount, m)
assert sorted(tree(m)) == ["d", "d/b", "o", "o/f"], sorted(tree(m))
os.unlink(m + "/d/b")
os.rmdir(m + "/d")
os.mkdir(m + "/d")
open(m + "/d/new", "w").close()
before = tree(m)
umount(m)
assert s.changes("k") == [("C", "/d"), ("D", "/d/b"), ("A", "/d/new")], s.changes("k")
three = s.commit("k").diff_id
mount_at(s.view((one, two, three))[0], m)
assert tree(m) == before
umount(m)
with s.tree((one, two, three)) as t:
    assert [p for p, _ in t.walk()] == [b"/d", b"/o", b"/d/new", b"/o/f"], list(t.walk())
try:
    ingest(s, file("f", uid=12345))
except Exception as e:
    print(type(e).__name__, e, e.hint)
for name in list(s.walk()):
    s.remove(name)
assert os.listdir(paths.tmp) == os.listdir(paths.layers) == []
"""


def test_in_a_user_namespace(tmp_path: Any) -> None:
    """A user namespace with one id, as of a user without subordinate ids: the directory form, and what it cannot do."""
    repository = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", ROOTLESS, str(tmp_path)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": repository}
        )
    finally:
        clean(str(tmp_path))
    if "unshare failed" in done.stderr:
        pytest.skip("no user namespaces here")
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("directory: file-backed erofs: EPERM")
    assert last == (
        "Denied layer has files of 12345:0, which this user may not make "
        "give the user more subordinate ids in /etc/subuid and /etc/subgid"
    )


def test_name_of_an_unknown_form(paths: Paths) -> None:
    from scow.errors import Invalid

    with pytest.raises(Invalid, match="no such form of layers: 'zip'"):
        Layers(paths, "zip").writer()


def test_ingest_while_mounted_elsewhere(tmp_path: Any) -> None:
    """A mount point directory left by a killed process is used again."""
    with store(tmp_path, "erofs") as s:
        diff_id = ingest(s, file("a"))
        os.mkdir(s._paths.layer_mount(diff_id))
        assert os.listdir(s.layers.lower(diff_id)) == ["a"]
