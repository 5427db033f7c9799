"""``cp`` in all its forms gives what docker 28.5 gives (cp_cases.py, cp_outcomes.json)."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import SCOW, Scow, needs_root

HERE = os.path.dirname(os.path.abspath(__file__))
pytestmark = needs_root


def load_cases() -> Any:
    spec = importlib.util.spec_from_file_location("cp_cases", os.path.join(HERE, "cp_cases.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = load_cases()
with open(os.path.join(HERE, "cp_outcomes.json"), encoding="utf-8") as _f:
    OUTCOMES = json.load(_f)


@pytest.fixture
def folder(tmp_path: os.PathLike[str]) -> Iterator[str]:
    path = os.path.join(tmp_path, "host")
    os.mkdir(path)
    yield path


def test_every_case_has_an_outcome() -> None:
    assert set(cases.CASES) == set(OUTCOMES)


@pytest.mark.parametrize("name", sorted(cases.CASES))
def test_case(shared_store: Scow, folder: str, name: str) -> None:
    def run(*argv: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "SCOW_ROOT": shared_store.root}
        given: dict[str, Any] = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run([SCOW, *argv], cwd=folder, capture_output=True, check=False, env=environment, **given)

    got = json.loads(json.dumps(cases.play(run, folder, name, "busybox")))
    for part, expected in OUTCOMES[name].items():
        assert got[part] == expected
