"""Build steps: many at once from many threads, killed, and gone with the process that asked for them."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from scow.errors import Unavailable
from scow.runtime import flags, light
from scow.runtime.bundle import to_json
from scow.runtime.program import StartError
from scow.runtime.zygote import Zygote


@pytest.fixture
def zygote(box: Any) -> Iterator[Zygote]:
    with Zygote() as made:
        yield made


@pytest.fixture
def null() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDWR)
    yield fd
    os.close(fd)


def output(zygote: Zygote, bundle: Any, null: int) -> tuple[int, str]:
    r, w = os.pipe()
    running = zygote.start(bundle, null, w, w)
    os.close(w)
    found = b""
    while data := os.read(r, 1 << 16):
        found += data
    os.close(r)
    return running.wait(), found.decode()


def host_network(s: dict[str, Any]) -> dict[str, Any]:
    return flags.namespace(s, "network", "host")


def test_a_step(box: Any, zygote: Zygote, null: int) -> None:
    code, out = output(
        zygote, box.bundle("sh", "-c", "id -u; echo $$; echo err >&2; exit 4", change=host_network), null
    )
    assert (code, out) == (4, "0\n1\nerr\n")
    code, out = output(zygote, box.bundle("sh", "-c", "ls /proc/self/fd"), null)
    assert out.split() == ["0", "1", "2", "3"]


def test_what_a_step_writes_stays(box: Any, zygote: Zygote, null: int) -> None:
    bundle = box.bundle("sh", "-c", "echo made > /etc/made")
    assert zygote.run(bundle, null, null, null) == 0
    upper = next(o for o in bundle.rootfs[0].options if o.startswith("upperdir=")).partition("=")[2]
    with open(f"{upper}/etc/made") as f:
        assert f.read() == "made\n"


def test_failures(box: Any, zygote: Zygote, null: int) -> None:
    with pytest.raises(StartError, match="executable file not found") as e:
        zygote.run(box.bundle("nope"), null, null, null)
    assert e.value.exit_code == 127
    with pytest.raises(StartError, match="bind source path does not exist"):
        bundle = box.bundle("true", change=lambda s: flags.mount(s, "/x", "bind", "/no/such", ["rbind"]))
        zygote.run(bundle, null, null, null)
    with pytest.raises(StartError, match="hooks"):
        zygote.run(box.bundle("true", change=lambda s: {**s, "hooks": {"poststop": [{}]}}), null, null, null)
    assert zygote.run(box.bundle("true"), null, null, null) == 0


def test_many_threads(box: Any, zygote: Zygote, null: int) -> None:
    bundles = [box.bundle("sh", "-c", f"sleep 0.2; exit {i}", change=host_network) for i in range(12)]
    codes: dict[int, int] = {}

    def one(i: int) -> None:
        codes[i] = zygote.run(bundles[i], null, null, null)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(12)]
    begun = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert codes == {i: i for i in range(12)}
    assert time.monotonic() - begun < 12 * 0.2, "they ran side by side"


def test_kill_takes_the_whole_step(box: Any, zygote: Zygote, null: int) -> None:
    r, w = os.pipe()
    bundle = box.bundle("sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000 & echo up; wait")
    running = zygote.start(bundle, null, w, w)
    os.close(w)
    assert os.read(r, 10) == b"up\n"
    running.kill()
    assert running.wait() == 137
    assert os.read(r, 10) == b"", "nobody holds the pipe any more"
    os.close(r)
    deadline = time.monotonic() + 5
    while os.path.exists(f"/sys/fs/cgroup/pids/scow/{bundle.id}"):  # after the status was sent
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_oom_is_told(box: Any, zygote: Zygote, null: int) -> None:
    from scow.runtime import limits

    running = zygote.start(
        box.bundle("tail", "/dev/zero", change=lambda s: limits.memory(s, 16 << 20)), null, null, null
    )
    assert running.wait() == 137 and running.oom_killed


def test_close_ends_everything(box: Any, null: int) -> None:
    zygote = Zygote()
    running = zygote.start(box.bundle("sleep", "1000"), null, null, null)
    zygote.close()
    assert running.wait() == 137
    with pytest.raises(Unavailable):
        zygote.run(box.bundle("true"), null, null, null)


def test_killed_zygote_takes_its_steps_along(box: Any, null: int) -> None:
    zygote = Zygote()
    r, w = os.pipe()
    bundle = box.bundle("sh", "-c", "echo up; sleep 1000")
    running = zygote.start(bundle, null, w, w)
    os.close(w)
    assert os.read(r, 10) == b"up\n"
    os.kill(zygote.pid, signal.SIGKILL)
    with pytest.raises(Unavailable):
        running.wait()
    assert os.read(r, 10) == b""
    assert not os.path.exists(f"/sys/fs/cgroup/pids/scow/{bundle.id}")
    os.close(r)
    zygote.close()


CLIENT = """
import os, sys, time
from scow.runtime.zygote import Zygote
from scow.runtime import bundle, light
z = Zygote()
n = os.open("/dev/null", os.O_RDWR)
b = bundle.from_json(light.loads(sys.stdin.read()))
running = z.start(b, n, 1, n)
print(z.pid, flush=True)
time.sleep(100)
"""


def test_it_dies_with_the_build(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "echo up; sleep 1000")
    with subprocess.Popen([sys.executable, "-c", CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as build:
        assert build.stdin and build.stdout
        build.stdin.write(light.dumps(to_json(bundle)).encode())
        build.stdin.close()
        words = [build.stdout.readline().strip(), build.stdout.readline().strip()]
        assert b"up" in words
        pid = int(next(w for w in words if w != b"up"))
        build.kill()
        assert build.stdout.read() == b"", "the step's end of the pipe is closed too"
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{pid}/exe"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_step_costs_little(box: Any, zygote: Zygote, null: int) -> None:
    # Not a benchmark: a guard against losing an order of magnitude.
    bundles = [box.bundle("true", change=host_network) for _ in range(12)]
    times = []
    for bundle in bundles:
        begun = time.perf_counter()
        assert zygote.run(bundle, null, null, null) == 0
        times.append(time.perf_counter() - begun)
    assert statistics.median(times) < 0.1
