"""Locks and leases: held by processes, gone with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scow.errors import Invalid, Unavailable
from scow.store import leases, locks
from scow.store import paths as tree
from scow.store.leases import Leases
from scow.store.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path / "root"), str(tmp_path / "run"))
    tree.create(made)
    return made


def in_child(code: str, *args: str) -> subprocess.Popen[bytes]:
    """A process that has run ``code`` (which may use args) and now sleeps."""
    whole = f"import sys, time\n{code}\nprint('ready', flush=True)\ntime.sleep(60)\n"
    child = subprocess.Popen([sys.executable, "-c", whole, *args], stdout=subprocess.PIPE)
    assert child.stdout
    assert child.stdout.readline() == b"ready\n"
    return child


def kill(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.stdout
    child.stdout.close()


class TestLocks:
    def test_exclusive_and_shared(self, tmp_path: Path) -> None:
        path = str(tmp_path / "lock")
        with locks.shared(path), locks.shared(path, timeout=0):
            assert locks.attempt(path) is None
            with pytest.raises(Unavailable, match="locked by another process"):
                locks.exclusive(path, timeout=0)
        with locks.exclusive(path):
            assert locks.is_held(path)
            with pytest.raises(Unavailable):
                locks.shared(path, timeout=0.05)
        assert not locks.is_held(path)
        assert not locks.is_held(path + "-none")
        assert not os.path.exists(path + "-none")

    def test_a_waiter_gets_it_in_time(self, tmp_path: Path) -> None:
        path = str(tmp_path / "lock")
        lock = locks.exclusive(path)
        threading.Timer(0.1, lock.release).start()
        began = time.monotonic()
        with locks.exclusive(path, timeout=5):
            assert 0.05 < time.monotonic() - began < 4

    def test_a_killed_owner_holds_nothing(self, tmp_path: Path) -> None:
        path = str(tmp_path / "lock")
        child = in_child("from scow.store import locks; held = locks.exclusive(sys.argv[1])", path)
        assert locks.attempt(path) is None
        kill(child)
        with locks.exclusive(path, timeout=5):
            pass

    def test_a_program_that_is_started_does_not_inherit_it(self, tmp_path: Path) -> None:
        path = str(tmp_path / "lock")
        lock = locks.exclusive(path)
        with subprocess.Popen(["sleep", "30"], close_fds=False) as child:
            lock.release()
            assert not locks.is_held(path)
            child.kill()

    def test_whoever_waits_for_a_discarded_file_locks_the_new_one(self, tmp_path: Path) -> None:
        path = str(tmp_path / "lock")
        first = locks.exclusive(path)
        got: list[locks.Lock] = []
        waiter = threading.Thread(target=lambda: got.append(locks.exclusive(path)))
        waiter.start()
        time.sleep(0.05)
        first.discard()
        waiter.join(5)
        assert locks.attempt(path) is None
        got[0].release()
        assert os.path.exists(path)

    def test_threads_exclude_each_other(self, tmp_path: Path) -> None:
        path, inside, most = str(tmp_path / "lock"), 0, 0

        def work() -> None:
            nonlocal inside, most
            for _ in range(30):
                with locks.exclusive(path) as lock:
                    inside += 1
                    most = max(most, inside)
                    inside -= 1
                    if inside == 0:
                        lock.discard()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert most == 1

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OSError, match="symbolic links"):
            locks.exclusive(str(tmp_path / "lock"))
        assert not (tmp_path / "elsewhere").exists()


class TestLeases:
    def test_live_while_held(self, paths: Paths) -> None:
        store = Leases(paths)
        before = time.time_ns()
        with store.acquire("pull busybox") as lease:
            lease.add("blob sha256:1", "layer sha256:2")
            lease.add("blob sha256:1")
            (live,) = store.live()
            assert (live.pid, live.reason) == (os.getpid(), "pull busybox")
            assert live.resources == {"blob sha256:1", "layer sha256:2"}
            assert before - 10**9 < live.since <= time.time_ns()
        assert store.live() == []
        assert os.listdir(paths.leases) == []

    def test_gone_with_its_process(self, paths: Paths) -> None:
        code = (
            "from scow.store.leases import Leases\nfrom scow.store.paths import Paths\n"
            "lease = Leases(Paths(sys.argv[1], sys.argv[2])).acquire('build')\nlease.add('snapshot k')\n"
        )
        child = in_child(code, paths.root, paths.run)
        assert [live.pid for live in Leases(paths).live()] == [child.pid]
        kill(child)
        assert Leases(paths).live() == []
        assert os.listdir(paths.leases) == []

    def test_oldest_first(self, paths: Paths) -> None:
        store = Leases(paths)
        with store.acquire("one"):
            time.sleep(0.02)
            with store.acquire("two"):
                assert [live.reason for live in store.live()] == ["one", "two"]

    @pytest.mark.parametrize("resource", ["", "blob", "blob ", "blob x\nlayer y"])
    def test_what_is_no_resource(self, paths: Paths, resource: str) -> None:
        with Leases(paths).acquire("x") as lease, pytest.raises(Invalid):
            lease.add(resource)

    def test_taking_and_extending_wait_for_collection(self, paths: Paths) -> None:
        store = Leases(paths)
        lease = store.acquire("x")
        gc = locks.exclusive(paths.gc_lock)
        done: list[str] = []

        def extend() -> None:
            lease.add(leases.snapshot("k"))
            done.append("extended")

        def take() -> None:
            store.acquire("y").release()
            done.append("taken")

        threads = [threading.Thread(target=extend), threading.Thread(target=take)]
        for t in threads:
            t.start()
        time.sleep(0.1)
        assert done == []
        gc.release()
        for t in threads:
            t.join(5)
        assert sorted(done) == ["extended", "taken"]
        lease.release()

    def test_a_lease_file_without_a_head_still_counts(self, paths: Paths) -> None:
        with locks.exclusive(f"{paths.leases}/fresh"):
            (live,) = Leases(paths).live()
            assert live.resources == frozenset()
            assert live.since > 0
