"""create, start, stop, kill, restart, wait, pause, rename, rm, prune, top: in docker's words and with its exit codes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.containers.conftest import Scow

NONE = ("--network", "none")
SLEEP = (*NONE, "busybox", "sleep", "100")
TRAP = (*NONE, "busybox", "sh", "-c", "trap 'exit 3' TERM; trap 'exit 4' USR1; while :; do sleep 0.05; done")


def state(scow: Scow, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(scow("inspect", name).stdout)[0]["State"]
    return found


def test_create_then_start_attached(scow: Scow) -> None:
    made = scow("create", "--name", "cc", *NONE, "busybox", "sh", "-c", "echo hi; exit 6")
    assert (made.returncode, len(made.stdout)) == (0, 65)
    assert state(scow, "cc")["Status"] == "created"
    done = scow("start", "-a", "cc")
    assert (done.returncode, done.stdout) == (6, "hi\n")
    assert state(scow, "cc")["ExitCode"] == 6
    assert scow("start", "cc").stdout == "cc\n"
    assert scow("wait", "cc").stdout == "6\n"
    assert scow("logs", "cc").stdout == "hi\nhi\n"


def test_start_feeds_input(scow: Scow) -> None:
    scow("create", "-i", "--name", "cc", *NONE, "busybox", "cat")
    assert scow("start", "-a", "-i", "cc", input="abc").stdout == "abc"


def test_stop_uses_the_stop_signal_then_kills(scow: Scow) -> None:
    scow("run", "-d", "--name", "aa", *TRAP)
    scow("run", "-d", "--name", "bb", "--stop-signal", "USR1", *TRAP)
    scow("run", "-d", "--name", "cc", *SLEEP)
    time.sleep(0.2)
    assert scow("stop", "aa", "bb").stdout == "aa\nbb\n"
    begun = time.monotonic()
    scow("stop", "-t", "1", "cc")
    assert 0.9 < time.monotonic() - begun < 8
    assert [state(scow, n)["ExitCode"] for n in ("aa", "bb", "cc")] == [3, 4, 137]
    assert scow("stop", "aa").stdout == "aa\n", "stopping what has stopped is no error"


def test_kill(scow: Scow) -> None:
    scow("run", "-d", "--name", "aa", *TRAP)
    time.sleep(0.2)
    assert scow("kill", "-s", "SIGUSR1", "aa").stdout == "aa\n"
    assert scow("wait", "aa").stdout == "4\n"
    done = scow("kill", "aa")
    full = scow("ps", "-aq", "--no-trunc").stdout.strip()
    assert (done.returncode, done.stderr) == (1, f"Error: cannot kill container: aa: container {full} is not running\n")
    assert "invalid signal: FOO" in scow("kill", "-s", "FOO", "aa").stderr
    assert "No such container: nope" in scow("kill", "nope").stderr


def test_restart_is_a_new_process(scow: Scow) -> None:
    scow("run", "-d", "--name", "aa", *SLEEP)
    before = state(scow, "aa")
    assert scow("restart", "-t", "0", "aa").stdout == "aa\n"
    after = state(scow, "aa")
    assert after["Running"] is True
    assert after["Pid"] != before["Pid"]


def test_pause_and_unpause(scow: Scow) -> None:
    full = scow("run", "-d", "--name", "aa", *SLEEP).stdout.strip()
    assert scow("unpause", "aa").stderr == f"Error: Container {full} is not paused\n"
    assert scow("pause", "aa").stdout == "aa\n"
    assert "(Paused)" in scow("ps").stdout
    assert state(scow, "aa")["Paused"] is True
    assert scow("pause", "aa").stderr == f"Error: Container {full} is already paused\n"
    assert "is paused, unpause the container before exec" in scow("exec", "aa", "true").stderr
    assert "cannot start a paused container" in scow("start", "aa").stderr
    assert scow("unpause", "aa").stdout == "aa\n"
    assert state(scow, "aa")["Status"] == "running"


def test_stop_of_a_paused_container(scow: Scow) -> None:
    scow("run", "-d", "--name", "aa", *TRAP)
    time.sleep(0.2)
    scow("pause", "aa")
    scow("stop", "-t", "5", "aa")
    assert state(scow, "aa")["ExitCode"] == 3


def test_rm(scow: Scow) -> None:
    scow("run", "-d", "--name", "aa", *SLEEP)
    done = scow("rm", "aa", "nope")
    assert done.returncode == 1
    assert done.stderr == (
        'Error: cannot remove container "aa": container is running: '
        "stop the container before removing or force remove\nError: No such container: nope\n"
    )
    done = scow("rm", "-f", "aa", "nope")
    assert (done.returncode, done.stdout) == (0, "aa\n")
    assert scow("ps", "-aq").stdout == ""


def test_rm_v_removes_anonymous_volumes_only(scow: Scow, scow_root: str) -> None:
    import os

    scow("create", "--name", "aa", "-v", "/anon", "-v", "named9:/named", *NONE, "busybox", "true")
    mounts = json.loads(scow("inspect", "aa").stdout)[0]["Mounts"]
    names = {m["Destination"]: m["Name"] for m in mounts}
    assert names["/named"] == "named9"
    scow("rm", "-v", "aa")
    left = os.listdir(f"{scow_root}/volumes")
    assert names["/anon"] not in left
    assert "named9" in left


def test_rename(scow: Scow) -> None:
    scow("create", "--name", "aa", *NONE, "busybox", "true")
    scow("create", "--name", "bb", *NONE, "busybox", "true")
    assert scow("rename", "aa", "cc").returncode == 0
    assert scow("ps", "-a", "--format", "{{.Names}}").stdout == "bb\ncc\n"
    assert "Renaming a container with the same name as its current name" in scow("rename", "cc", "cc").stderr
    assert 'Error when allocating new name: Conflict. The container name "/bb"' in scow("rename", "cc", "bb").stderr
    assert "Invalid container name (a/b)" in scow("rename", "cc", "a/b").stderr


@pytest.mark.parametrize(
    "verb", ["start", "stop", "kill", "restart", "wait", "rm", "pause", "unpause", "logs", "attach"]
)
def test_what_is_not_there(scow: Scow, verb: str) -> None:
    done = scow(verb, "nope")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No such container: nope\n") or "cannot kill" in done.stderr
    assert ("Error: failed to start containers: nope" in done.stderr) == (verb == "start")


def test_prune(scow: Scow) -> None:
    scow("run", "-d", "--name", "on", *SLEEP)
    off = scow("create", "-l", "keep", *NONE, "busybox", "true").stdout
    gone = scow("create", *NONE, "busybox", "true").stdout
    done = scow("container", "prune", "-f", "--filter", "label!=keep")
    assert done.stdout.startswith(f"Deleted Containers:\n{gone}\nTotal reclaimed space: ")
    assert off in scow("container", "prune", "-f").stdout
    assert scow("ps", "-a", "--format", "{{.Names}}").stdout == "on\n"
    assert scow("container", "prune", "-f").stdout == "Total reclaimed space: 0B\n"


def test_top(scow: Scow) -> None:
    full = scow("run", "-d", "--name", "aa", *SLEEP).stdout.strip()
    lines = scow("top", "aa").stdout.splitlines()
    assert lines[0].split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert lines[0].startswith("UID                 PID                 PPID")
    assert lines[1].endswith("sleep 100")
    assert scow("top", "aa", "-o", "pid,comm").stdout.split()[1::2] == ["COMMAND", "sleep"]
    scow("kill", "aa")
    assert scow("top", "aa").stderr == f"Error: container {full} is not running\n"


def test_restart_policy(scow: Scow) -> None:
    argv = ("--restart", "on-failure:2", "-v", "/tries", *NONE)
    scow("run", "-d", "--name", "aa", *argv, "busybox", "sh", "-c", "echo x; exit 9")
    until = time.monotonic() + 10
    while (found := state(scow, "aa"))["Status"] != "exited" and time.monotonic() < until:
        time.sleep(0.05)
    assert found["ExitCode"] == 9
    assert json.loads(scow("inspect", "aa").stdout)[0]["RestartCount"] == 2
    assert scow("logs", "aa").stdout == "x\nx\nx\n"


def test_stop_ends_restarts(scow: Scow) -> None:
    scow("run", "-d", "--name", "aa", "--restart", "always", *TRAP)
    time.sleep(0.2)
    scow("stop", "aa")
    assert state(scow, "aa")["Status"] == "exited"
