"""``exec``."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.containers.conftest import SCOW, Scow, environment


@pytest.fixture
def running(scow: Scow) -> Iterator[str]:
    argv = ("-e", "FROM=image", "-w", "/tmp", "-h", "box", "--network", "none", "busybox", "sleep", "100")
    yield scow("run", "-d", "--name", "box", *argv).stdout.strip()


def test_streams_environment_and_place(scow: Scow, running: str) -> None:
    done = scow("exec", "-e", "A=b", "box", "sh", "-c", "echo $FROM $A $PWD $HOSTNAME; echo err >&2; exit 5")
    assert (done.returncode, done.stdout, done.stderr) == (5, "image b /tmp box\n", "err\n")
    assert scow("exec", "-u", "7:8", "-w", "/etc", "box", "sh", "-c", "id -u; id -g; pwd").stdout.split() == [
        "7",
        "8",
        "/etc",
    ]
    assert scow("exec", "-i", "box", "cat", input="in").stdout == "in"
    assert scow("exec", "box", "cat", input="in").stdout == "", "without -i stdin is empty"


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["box", "nonesuch"], 127, 'exec: "nonesuch": executable file not found in $PATH'),
        (["box", "/etc"], 126, 'exec: "/etc": is a directory: permission denied'),
        (["-w", "/nope", "box", "true"], 127, "no such file or directory"),
        (["-u", "nope", "box", "true"], 1, "unable to find user nope: no matching entries in passwd file"),
        (["box", "sh", "-c", "kill -9 $$"], 137, ""),
        (["nope", "true"], 1, "No such container: nope"),
        (["-d", "box", "nonesuch"], 1, "executable file not found"),
        (["-it", "box", "true"], 1, "the input device is not a TTY"),
    ],
)
def test_exit_codes(scow: Scow, running: str, argv: list[str], code: int, words: str) -> None:
    done = scow("exec", *argv)
    assert done.returncode == code, done
    assert words in done.stderr


def test_not_running(scow: Scow, running: str) -> None:
    scow("kill", "box")
    done = scow("exec", "box", "true")
    assert (done.returncode, done.stderr) == (1, f"Error: container {running} is not running\n")


def test_detached(scow: Scow, running: str) -> None:
    assert scow("exec", "-d", "box", "sh", "-c", "echo done > /tmp/mark").stdout == ""
    until = time.monotonic() + 5
    while scow("exec", "box", "cat", "/tmp/mark").stdout != "done\n":
        assert time.monotonic() < until


def test_large_streams_are_whole(running: str, scow_root: str, tmp_path: Path) -> None:
    data = b"0123456789abcde\n" * (1 << 20)  # 16 MiB, more than any pipe holds
    argv = [SCOW, "exec", "-i", "box", "cat"]
    done = subprocess.run(argv, input=data, capture_output=True, env=environment(scow_root), timeout=60, check=False)
    assert done.returncode == 0
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_output_of_a_child_that_outlives_the_exec(scow: Scow, running: str) -> None:
    begun = time.monotonic()
    done = scow("exec", "box", "sh", "-c", "sleep 50 & echo first")
    assert done.stdout == "first\n"
    assert time.monotonic() - begun < 10


def test_the_container_ends_during_an_exec(scow: Scow, running: str, scow_root: str) -> None:
    argv = [SCOW, "exec", "box", "sh", "-c", "echo ready; sleep 100"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment(scow_root), text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        scow("kill", "box")
        assert child.wait(10) == 137


def test_privileges(scow: Scow, running: str) -> None:
    script = "grep CapEff /proc/self/status"
    plain = scow("exec", "box", "sh", "-c", script).stdout.split()[1]
    full = scow("exec", "--privileged", "box", "sh", "-c", script).stdout.split()[1]
    assert int(plain, 16) == 0xA80425FB
    assert int(full, 16) > int(plain, 16)
