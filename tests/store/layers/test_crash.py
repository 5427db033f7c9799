"""Killed at any instruction: what is there afterwards is valid, and the next process finishes the work.

A child counts its calls that change something, and kills itself with SIGKILL before the n-th of them, for many n.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from tests.store.layers.support import FORMS, NEEDS_ROOT, ROOT, archive, directory, file, link, store, tree

from scow.kernel.mountinfo import mounts
from scow.oci.digest import Digest
from scow.store.layers import staging

pytestmark = pytest.mark.skipif(not ROOT, reason=NEEDS_ROOT)
DATA = archive(
    directory("d", 0o700), file("d/a", b"x" * 3000), link("d/b", "d/a", "hardlink"), file(".wh.z"), link("l", "d")
)

KILLER = """
import os, signal, sys
stop, count = int(sys.argv[4]), 0

def counted(call):
    def wrapped(*args, **kwargs):
        global count
        count += 1
        if count == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return wrapped

NAMES = "write pwrite fsync fdatasync rename mkdir rmdir unlink open ftruncate link symlink mknod chmod chown utime close"
for name in NAMES.split():
    setattr(os, name, counted(getattr(os, name)))
import scow.kernel.files, scow.kernel.mount_calls, scow.kernel.mount_fd
for module, name in ((scow.kernel.mount_fd, "fsmount"), (scow.kernel.mount_fd, "attach"), (scow.kernel.mount_calls, "umount")):
    setattr(module, name, counted(getattr(module, name)))
from scow.store.paths import Paths
from scow.store.snapshots import Snapshotter
path, form, verb = sys.argv[1:4]
s = Snapshotter(Paths(path + "/root", path + "/run"), form)
count = 0
if verb == "ingest":
    with open(path + "/tar", "rb") as f:
        s.ingest(f)
elif verb == "remove":
    s.remove(next(d for d in s.walk() if not isinstance(d, str)))
elif verb == "prepare":
    s.prepare("key", tuple(s.walk()))
elif verb == "commit":
    s.commit("key")
print(count)
"""


def run(path: Any, form: str, verb: str, stop: int) -> int:
    """Let a child do ``verb`` and kill it before its ``stop``-th call; how many calls it made, 0 if it was killed."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(path), form, verb, str(stop)], capture_output=True, text=True, timeout=60
    )
    if done.returncode == -signal.SIGKILL:
        return 0
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def points(total: int) -> list[int]:
    """Every early and late call, and some of the many alike between."""
    return sorted({*range(1, min(total, 25) + 1), *range(max(1, total - 15), total + 1), *range(1, total, 7)})


@pytest.mark.parametrize("form", FORMS)
def test_killed_in_ingest(form: str, tmp_path: Any) -> None:
    (tmp_path / "tar").write_bytes(DATA)
    wanted = Digest.of(DATA)
    with store(tmp_path, form) as s:
        assert run(tmp_path, form, "ingest", 0)  # the first one of a boot probes what the kernel can do
        s.remove(wanted)
        total = run(tmp_path, form, "ingest", 0)
        lower = s.layers.lower(wanted)
        good = tree(lower, marks=True)
        s.remove(wanted)
        for stop in points(total):
            assert run(tmp_path, form, "ingest", stop) == 0, f"call {stop} of {total}"
            found = list(s.walk())
            assert found in ([], [wanted])
            if found:
                assert tree(s.layers.lower(wanted), marks=True) == good
            assert staging.sweep(s._paths) <= 1
            assert os.listdir(s._paths.tmp) == []
            assert s.ingest(io.BytesIO(DATA)).diff_id == wanted
            assert tree(s.layers.lower(wanted), marks=True) == good
            with s.open(wanted) as f:
                assert f.read() == DATA
            s.remove(wanted)


@pytest.mark.parametrize("form", FORMS)
def test_killed_in_remove(form: str, tmp_path: Any) -> None:
    with store(tmp_path, form) as s:
        diff_id = s.ingest(io.BytesIO(DATA)).diff_id
        good = tree(s.layers.lower(diff_id), marks=True)
        total = run(tmp_path, form, "remove", 0)
        for stop in points(total):
            s.ingest(io.BytesIO(DATA))
            s.layers.lower(diff_id)
            assert run(tmp_path, form, "remove", stop) == 0
            if list(s.walk()):
                assert tree(s.layers.lower(diff_id), marks=True) == good
                s.remove(diff_id)
            staging.sweep(s._paths)
            assert os.listdir(s._paths.tmp) == os.listdir(s._paths.layers) == []
            assert not [m for m in mounts() if str(tmp_path) in m.point]


@pytest.mark.parametrize("form", FORMS)
def test_killed_in_prepare_and_commit(form: str, tmp_path: Any) -> None:
    with store(tmp_path, form) as s:
        s.ingest(io.BytesIO(DATA))
        assert run(tmp_path, form, "prepare", 0)  # the first one mounts the layers
        s.remove("key")
        total = run(tmp_path, form, "prepare", 0)
        s.remove("key")
        for stop in points(total):
            assert run(tmp_path, form, "prepare", stop) == 0
            keys = [k for k in s.walk() if isinstance(k, str)]
            assert keys in ([], ["key"])
            for key in keys:
                assert s.mounts(key)
                s.remove(key)
            staging.sweep(s._paths)
            assert os.listdir(s._paths.tmp) == []
        s.prepare("key", tuple(s.walk()))
        with open(f"{s._paths.snapshot('key')}/upper/f", "w") as f:
            f.write("changed")
        total = run(tmp_path, form, "commit", 0)
        layer = s.commit("key")
        for stop in points(total):
            s.remove(layer.diff_id)
            assert run(tmp_path, form, "commit", stop) == 0
            staging.sweep(s._paths)
            assert os.listdir(s._paths.tmp) == []
            assert s.commit("key") == layer


def test_sweep_leaves_live_work_alone(tmp_path: Any) -> None:
    with store(tmp_path, "erofs") as s, s.writer() as writer:
        writer.write(DATA)
        assert staging.sweep(s._paths) == 0
        assert writer.finish().diff_id == Digest.of(DATA)


def test_delete_of_a_deep_and_locked_tree(tmp_path: Any) -> None:
    """Deeper than any path name, with directories nobody may enter; and nothing outside is followed to."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "keep").touch()
    top = tmp_path / "top"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("dddd", 0o700, dir_fd=here)
        os.symlink(victim, "out", dir_fd=here)
        deeper = os.open("dddd", os.O_RDONLY, dir_fd=here)
        os.fchmod(here, 0o000)
        os.close(here)
        here = deeper
    os.close(here)
    staging.delete(str(top))
    assert sorted(os.listdir(tmp_path)) == ["victim"]
    assert os.listdir(victim) == ["keep"]
