"""``logs``."""

from __future__ import annotations

import re
import subprocess
import time

from tests.cli.containers.conftest import SCOW, Scow, environment

NONE = ("--network", "none")


def test_streams_are_split(scow: Scow) -> None:
    scow("run", "--name", "aa", *NONE, "busybox", "sh", "-c", "echo out; sleep 0.1; echo err >&2; printf tail")
    done = scow("logs", "aa")
    assert (done.stdout, done.stderr) == ("out\ntail", "err\n")


def test_tail_and_times(scow: Scow) -> None:
    script = "for n in 1 2 3; do echo $n; sleep 0.1; done"
    scow("run", "--name", "aa", *NONE, "busybox", "sh", "-c", script)
    assert scow("logs", "-n", "2", "aa").stdout == "2\n3\n"
    assert scow("logs", "--tail", "0", "aa").stdout == ""
    assert scow("logs", "--tail", "all", "aa").stdout == scow("logs", "--tail", "x", "aa").stdout == "1\n2\n3\n"
    stamped = scow("logs", "-t", "aa").stdout.splitlines()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \d", line) for line in stamped)
    second = stamped[1].split()[0]
    assert scow("logs", "--since", second, "aa").stdout == "2\n3\n"
    assert scow("logs", "--until", second, "aa").stdout == "1\n2\n"
    assert scow("logs", "--since", "1h", "aa").stdout == "1\n2\n3\n"
    assert scow("logs", "--details", "-n", "1", "aa").stdout == " 3\n"


def test_follow_ends_with_the_container(scow: Scow) -> None:
    scow("run", "-d", "--name", "aa", *NONE, "busybox", "sh", "-c", "echo 1; sleep 0.5; echo 2; sleep 0.3; echo 3")
    assert scow("logs", "-f", "aa").stdout == "1\n2\n3\n"
    assert scow("logs", "-f", "-n", "1", "aa").stdout == "3\n"


def test_follow_is_live(scow: Scow, scow_root: str) -> None:
    scow("run", "-d", "--name", "aa", *NONE, "busybox", "sh", "-c", "echo 1; sleep 100")
    argv = [SCOW, "logs", "-f", "aa"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment(scow_root), text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "1\n"
        begun = time.monotonic()
        scow("rm", "-f", "aa")
        assert child.wait(10) == 0
        assert time.monotonic() - begun < 8


def test_rotation(scow: Scow) -> None:
    options = ("--log-opt", "max-size=2k", "--log-opt", "max-file=3")
    script = "i=0; while [ $i -lt 6000 ]; do echo line $i; i=$((i+1)); done"
    scow("run", "--name", "aa", *options, *NONE, "busybox", "sh", "-c", script)
    lines = scow("logs", "aa").stdout.splitlines()
    assert lines[-1] == "line 5999"
    assert 30 < len(lines) < 6000, "the oldest are gone"
    assert scow("logs", "-n", "30", "aa").stdout.splitlines() == [f"line {n}" for n in range(5970, 6000)]


def test_no_log(scow: Scow) -> None:
    scow("run", "--name", "aa", "--log-driver", "none", *NONE, "busybox", "echo", "x")
    done = scow("logs", "aa")
    assert done.returncode == 1
    assert done.stderr == "Error: configured logging driver does not support reading\n"
    scow("create", "--name", "bb", *NONE, "busybox", "true")
    assert (scow("logs", "bb").returncode, scow("logs", "-f", "bb").stdout) == (0, "")
