"""The build cache's table: found by key, pruned by age, size and filter, least recently used first."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scow.store import buildcache
from scow.store.buildcache import CacheRecord
from scow.store.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(str(tmp_path / "scow.db"))


def save(state: State, key: str, size: int = 10, kind: str = "exec") -> None:
    buildcache.save(state, CacheRecord(key, kind, f"RUN {key}", {"layers": [key]}, (f"layer {key}",), size))
    time.sleep(0.002)


def keys(state: State) -> list[str]:
    return [r.key for r in buildcache.list_all(state)]


def test_find_and_touch(state: State) -> None:
    save(state, "a")
    save(state, "b")
    found = buildcache.find(state, "a")
    assert found
    assert (found.result, found.holds, found.uses) == ({"layers": ["a"]}, ("layer a",), 0)
    assert buildcache.find(state, "c") is None
    assert keys(state) == ["b", "a"]
    buildcache.touch(state, ["a"])
    assert keys(state) == ["a", "b"]
    again = buildcache.find(state, "a")
    assert again
    assert again.uses == 1
    assert again.used > found.used
    assert buildcache.holds(state) == {"layer a", "layer b"}


def test_prune_by_size_takes_the_least_recently_used(state: State) -> None:
    for key in "abcd":
        save(state, key)
    buildcache.touch(state, ["a"])
    assert [r.key for r in buildcache.prune(state, keep_bytes=25)] == ["b", "c"]
    assert keys(state) == ["a", "d"]
    assert buildcache.prune(state, keep_bytes=25) == []


def test_prune_by_age_and_filter(state: State) -> None:
    save(state, "a")
    save(state, "m", kind="mount")
    middle = time.time_ns()
    save(state, "b")
    assert [r.key for r in buildcache.prune(state, older_than=middle, wanted=lambda r: r.kind == "exec")] == ["a"]
    assert [r.key for r in buildcache.prune(state, older_than=middle)] == ["m"]
    assert [r.key for r in buildcache.prune(state)] == ["b"]
