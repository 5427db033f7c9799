"""One store for all of these tests; containers are removed after each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import Scow, remove_containers

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(shared_store: Scow) -> Iterator[Say]:
    """``say("ps", "-a")`` is the exit code and what was printed on both streams."""
    if os.geteuid() != 0:
        pytest.skip("containers are made as root here")

    def call(*words: str, stdin: str | None = None, cwd: str | None = None) -> tuple[int, str, str]:
        done = shared_store(*words, code=None, stdin=stdin, cwd=cwd)
        lines = [x for x in done.stderr.splitlines(True) if not x.startswith("WARNING: ")]
        return done.returncode, done.stdout, "".join(lines)

    yield call
    remove_containers(shared_store)
