"""Builds that are interrupted or killed: their processes die, and the next command finds a store that is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest
from tests.cli.build.conftest import processes, rest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SLOW = "FROM busybox\nRUN echo started; sleep 321 & sleep 322\n"
MANY = 4000


def namespaces() -> set[str]:
    """Network namespaces with a process or a mount, and interfaces of this one."""
    links = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout)
    return {link["ifname"] for link in links if link["ifname"].startswith("veth")}


def cgroups() -> set[str]:
    found = set()
    for top, folders, _ in os.walk("/sys/fs/cgroup"):
        found |= {os.path.join(top, f) for f in folders if "scow" in f}
    return found


def started(build, text: str, files=None, *flags: str):
    place = build.context({"Dockerfile": text, **(files or {})})
    return build.scow.spawn("build", "--progress", "plain", *flags, place)


def read_until(process, word: bytes) -> bytes:
    seen = b""
    while word not in seen:
        piece = os.read(process.stderr.fileno(), 65536)
        assert piece, seen.decode()
        seen += piece
    return seen


def settled(fresh, before, eventually) -> None:
    """Nobody is left, and one more command brings the store back to what it was."""
    eventually(lambda: not processes(fresh.scow.root))
    fresh.scow("build", "-q", fresh.context({"Dockerfile": "FROM busybox\nRUN echo after > /f\n"}))
    fresh.scow("image", "prune", "-f")
    assert fresh.scow("system", "check").stdout.strip() in ("", "no faults found")
    left = rest(fresh.scow.root)
    assert not left["tmp"] and not left["snapshots"] and not left["leases"], left
    assert namespaces() <= before[0] and cgroups() <= before[1]


def state() -> tuple[set[str], set[str]]:
    return namespaces(), cgroups()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_in_a_run(fresh, eventually, number):
    before = state()
    process = started(fresh, SLOW)
    read_until(process, b"] RUN echo started")
    read_until(process, b" started")
    process.send_signal(number)
    began = time.monotonic()
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert process.returncode == 128 + number and b"Traceback" not in said
    assert not processes(fresh.scow.root)
    settled(fresh, before, eventually)


def test_killed_in_a_run(fresh, eventually):
    before = state()
    process = started(fresh, SLOW)
    read_until(process, b" started")
    process.kill()
    process.communicate()
    eventually(lambda: not processes(fresh.scow.root))
    settled(fresh, before, eventually)


def test_killed_while_it_copies(fresh, eventually):
    before = state()
    files = {f"d/{n // 100}/{n}": f"{n}" * 2000 for n in range(MANY)}
    process = started(fresh, "FROM busybox\nCOPY d /d\nRUN sleep 100\n", files)
    read_until(process, b"] COPY d /d")
    time.sleep(0.15)
    process.kill()
    process.communicate()
    settled(fresh, before, eventually)


@pytest.mark.parametrize("wait", [0.01, 0.04, 0.08, 0.12, 0.2, 0.3])
def test_killed_at_any_moment(fresh, eventually, wait):
    before = state()
    text = "FROM busybox\nRUN echo a > /a\nRUN --mount=type=tmpfs,target=/t echo b > /b\nRUN echo c > /c\n"
    process = started(fresh, text)
    time.sleep(wait)
    process.kill()
    process.communicate()
    settled(fresh, before, eventually)


def test_what_was_finished_stays_in_the_cache(fresh):
    text = "FROM busybox\nRUN echo kept > /kept\nRUN echo started; sleep 300\n"
    process = started(fresh, text)
    read_until(process, b" started")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert "RUN echo kept > /kept\n#5 CACHED" in fresh(text.replace("sleep 300", "true")).stderr


def test_two_builds_of_the_same_at_once(fresh):
    text = "FROM busybox\nRUN echo once >> /count; sleep 0.3\nRUN cat /count > /n\n"
    both = [started(fresh, text, None, "-t", f"twin{n}") for n in range(2)]
    said = [p.communicate(timeout=60)[1].decode() for p in both]
    assert [p.returncode for p in both] == [0, 0], said
    ids = {fresh.scow("image", "inspect", "-f", "{{.RootFS}}", f"twin{n}").stdout for n in range(2)}
    assert len(ids) == 1 and sum(t.count("CACHED") for t in said) >= 3
