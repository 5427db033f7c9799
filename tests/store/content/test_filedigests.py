"""File digests: unchanged files are not read again, and nothing that could have changed is taken for unchanged."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from scow.store import filedigests
from scow.store import paths as tree
from scow.store.filedigests import FileDigests, file_digests
from scow.store.paths import Paths

D = b"d" * 32


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "digests")


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets files made just now count as old, so that tests need not wait."""
    monkeypatch.setattr(filedigests, "TICK", -(10**12))
    monkeypatch.setattr(filedigests, "_COARSE_TICK", -(10**12))


def make(tmp_path: Path, name: str, text: str = "x") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.usefixtures("settled")
class TestLookup:
    def test_round_trip(self, tmp_path: Path, cache: str) -> None:
        files = [make(tmp_path, f"f{i}").lstat() for i in range(3)]
        first = FileDigests(cache)
        assert first.lookup(files) == [None, None, None]
        assert first.learn([(s, bytes([i]) * 32) for i, s in enumerate(files[:2])], time.time_ns()) == 2
        first.save()
        assert FileDigests(cache).lookup(files) == [b"\0" * 32, b"\1" * 32, None]
        assert os.stat(cache).st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("change", ["content", "size", "mtime set back", "replaced", "attributes"])
    def test_any_change_is_seen(self, tmp_path: Path, cache: str, change: str) -> None:
        path = make(tmp_path, "f")
        before = path.lstat()
        digests = FileDigests(cache)
        digests.learn([(before, D)], time.time_ns())
        digests.save()
        time.sleep(0.02)
        if change == "content":
            path.write_text("y")
        elif change == "size":
            path.write_text("xx")
        elif change == "mtime set back":
            path.write_text("y")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        elif change == "replaced":
            other = make(tmp_path, "g", "y")
            os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
            other.rename(path)
        else:
            path.chmod(0o600)
        assert FileDigests(cache).lookup([path.lstat()]) == [None]

    def test_what_was_not_looked_up_is_forgotten(self, tmp_path: Path, cache: str) -> None:
        one, two = (make(tmp_path, n).lstat() for n in "ab")
        digests = FileDigests(cache)
        digests.learn([(one, D), (two, D)], time.time_ns())
        digests.save()
        digests = FileDigests(cache)
        digests.lookup([one])
        digests.save()
        assert FileDigests(cache).lookup([one, two]) == [D, None]

    def test_saving_without_a_change_writes_nothing(self, tmp_path: Path, cache: str) -> None:
        one = make(tmp_path, "a").lstat()
        digests = FileDigests(cache)
        digests.learn([(one, D)], time.time_ns())
        digests.save()
        before = os.stat(cache)
        digests = FileDigests(cache)
        digests.lookup([one])
        digests.save()
        assert os.stat(cache).st_ino == before.st_ino

    @pytest.mark.parametrize(
        "damage",
        [
            lambda raw: raw[:-1],
            lambda raw: raw + b"x",
            lambda raw: b"",
            lambda raw: b"scow file digests 9\n" + raw[20:],
        ],
        ids=["cut", "longer", "empty", "other form"],
    )
    def test_a_damaged_file_is_no_memory(self, tmp_path: Path, cache: str, damage: object) -> None:
        one = make(tmp_path, "a").lstat()
        digests = FileDigests(cache)
        digests.learn([(one, D)], time.time_ns())
        digests.save()
        Path(cache).write_bytes(damage(Path(cache).read_bytes()))  # type: ignore[operator]
        assert FileDigests(cache).lookup([one]) == [None]

    def test_a_directory_that_cannot_be_written_costs_only_time(self, tmp_path: Path) -> None:
        digests = FileDigests(str(tmp_path / "nowhere" / "file"))
        digests.learn([(make(tmp_path, "a").lstat(), D)], time.time_ns())
        digests.save()


class TestRacy:
    def test_a_file_changed_within_the_tick_is_not_trusted(self, tmp_path: Path, cache: str) -> None:
        digests = FileDigests(cache)
        read_from = time.time_ns()
        assert digests.learn([(make(tmp_path, "a").lstat(), D)], read_from) == 0
        time.sleep(0.12)
        assert digests.learn([((tmp_path / "a").lstat(), D)], time.time_ns()) == 1

    def test_a_file_from_the_future_is_not_trusted(self, tmp_path: Path, cache: str) -> None:
        path = make(tmp_path, "a")
        os.utime(path, (time.time() + 3600,) * 2)
        time.sleep(0.12)
        assert FileDigests(cache).learn([(path.lstat(), D)], time.time_ns()) == 0

    def test_whole_seconds_of_mtime_alone_are_no_coarse_clock(self, tmp_path: Path, cache: str) -> None:
        path = make(tmp_path, "a")
        os.utime(path, (1_000_000_000,) * 2)
        time.sleep(0.12)
        assert FileDigests(cache).learn([(path.lstat(), D)], time.time_ns()) == 1

    def test_the_race_itself(self, tmp_path: Path, cache: str) -> None:
        """Same size, rewritten as fast as possible: a digest must never be given for other bytes."""
        import hashlib

        path = tmp_path / "f"
        wrong = 0
        digests = FileDigests(cache)
        for i in range(300):
            path.write_text(f"{i:04}")
            read_from = time.time_ns()
            status = path.lstat()
            digests.learn([(status, hashlib.sha256(path.read_bytes()).digest())], read_from)
            digests.save()
            path.write_text(f"{i:04}"[::-1])
            (found,) = FileDigests(cache).lookup([path.lstat()])
            wrong += found is not None and found != hashlib.sha256(path.read_bytes()).digest()
        assert wrong == 0


def test_contexts_have_files_of_their_own(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path / "root"), str(tmp_path / "run"))
    tree.create(paths)
    names = {paths.file_digests(c) for c in ("/a", "/b", "/a/b", "/a%2fb", "/" + "x" * 4000, "/" + "x" * 4001)}
    assert len(names) == 6
    for name in names:
        assert os.path.dirname(name) == f"{paths.root}/cache/digests"
    file_digests(paths, "/a").save()
