"""Killed at any moment: what is left is a container that can be seen, started and removed, or nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest
from tests.cli.containers.conftest import SCOW, Scow, environment

NONE = ("--network", "none")


def test_the_supervisor_is_killed(scow: Scow, scow_root: str) -> None:
    full = scow("run", "-d", "--name", "aa", *NONE, "busybox", "sleep", "100").stdout.strip()
    with open(f"{scow_root}/run/containers/{full}/state.json") as f:
        state = json.load(f)
    os.kill(state["supervisor"], signal.SIGKILL)
    until = time.monotonic() + 5
    while os.path.exists(f"/proc/{state['pid']}"):
        assert time.monotonic() < until, "the container dies with its supervisor"
        time.sleep(0.02)
    assert "Exited (137)" in scow("ps", "-a").stdout
    assert scow("start", "aa").stdout == "aa\n"
    assert scow("ps", "-q").stdout.strip() == full[:12]
    scow("rm", "-f", "aa")
    assert os.listdir(f"{scow_root}/run/containers") == []


@pytest.mark.parametrize("delay", [0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.13])
def test_a_create_is_killed(scow: Scow, scow_root: str, delay: float) -> None:
    argv = [SCOW, "create", "--name", "half", "-v", "/x", *NONE, "busybox", "echo", "whole"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=environment(scow_root)) as child:
        time.sleep(delay)
        child.kill()
    names = scow("ps", "-a", "--format", "{{.Names}}").stdout.split()
    assert set(os.listdir(f"{scow_root}/snapshots")) | set(os.listdir(f"{scow_root}/containers")) <= set(
        scow("ps", "-aq", "--no-trunc").stdout.split()
    ), "nothing without a record"
    if names:
        assert scow("start", "-a", "half").stdout == "whole\n", "start makes it whole"
        assert scow("rm", "-v", "half").returncode == 0
    assert os.listdir(f"{scow_root}/snapshots") == os.listdir(f"{scow_root}/containers") == []


@pytest.mark.parametrize("delay", [0.02, 0.03, 0.04, 0.05, 0.06, 0.08])
def test_a_removal_is_killed(scow: Scow, scow_root: str, delay: float) -> None:
    scow("run", "--name", "half", *NONE, "busybox", "echo", "whole")
    with subprocess.Popen([SCOW, "rm", "half"], stdout=subprocess.DEVNULL, env=environment(scow_root)) as child:
        time.sleep(delay)
        child.kill()
    if scow("ps", "-aq").stdout:
        assert scow("rm", "half").returncode == 0
    for place in ("containers", "snapshots", "run/containers"):
        assert os.listdir(f"{scow_root}/{place}") == [], place


def test_two_starts_at_once(scow: Scow, scow_root: str) -> None:
    scow("create", "--name", "aa", *NONE, "busybox", "sleep", "100")
    children = [subprocess.Popen([SCOW, "start", "aa"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=environment(scow_root)) for _ in range(4)]  # fmt: skip
    for child in children:
        child.wait(30)
    assert len(scow("top", "aa").stdout.splitlines()) == 2, "one process, whoever was first"


def test_two_removals_at_once(scow: Scow, scow_root: str) -> None:
    scow("run", "-d", "--name", "aa", *NONE, "busybox", "sleep", "100")
    children = [subprocess.Popen([SCOW, "rm", "-f", "aa"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 env=environment(scow_root)) for _ in range(3)]  # fmt: skip
    for child in children:
        _, err = child.communicate(timeout=30)
        assert b"Traceback" not in err
        assert child.returncode == 0, err
    assert scow("ps", "-aq").stdout == ""
