"""Control groups on the real hierarchies of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from scow.errors import Invalid, Unsupported
from scow.kernel import cgroup, cgroup_devices, cgroup_v1, cgroup_v2
from scow.kernel.cgroup import DeviceRule, Limits, Throttle

HOST = cgroup.detect()
v1_only = pytest.mark.skipif(
    os.getuid() != 0 or not HOST.v1 or not os.access(dict(HOST.v1).get("pids", "/nowhere"), os.W_OK),
    reason="needs root and writable cgroup v1 hierarchies",
)
v2_only = pytest.mark.skipif(
    os.getuid() != 0 or not HOST.v2 or not os.access(HOST.v2, os.W_OK), reason="needs root and a writable cgroup2"
)
PATH = f"/scow-test-{os.getpid()}/box"


@pytest.fixture
def path() -> Iterator[str]:
    yield PATH
    for host in (HOST, cgroup.Hierarchy("v2", (), HOST.v2)):
        if host.v1 or host.v2:
            group = cgroup.open_group(os.path.dirname(PATH), host)
            group.kill()
            group.remove()


def sleeper(group: cgroup.Cgroup) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], preexec_fn=group.join)


V1_LINE = "30 25 0:26 / {} rw - cgroup cgroup rw,{}\n"


def test_detection(tmp_path: object) -> None:
    path = f"{tmp_path}/mountinfo"

    def detected(text: str) -> cgroup.Hierarchy:
        with open(path, "w") as f:
            f.write(text)
        return cgroup.detect(path)

    v2 = "31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    both = detected(V1_LINE.format("/c/cpu,cpuacct", "cpu,cpuacct") + V1_LINE.format("/c/s", "name=systemd") + v2)
    assert both == cgroup.Hierarchy(
        "hybrid", (("cpu", "/c/cpu,cpuacct"), ("cpuacct", "/c/cpu,cpuacct")), "/sys/fs/cgroup/unified"
    )
    assert detected(v2).kind == "v2"
    assert detected(V1_LINE.format("/c/s", "name=systemd") + v2).kind == "v2"
    assert detected("").kind == "none"


@v1_only
def test_v1_limits_reach_the_kernel(path: str) -> None:
    limits = Limits(
        memory=64 << 20, swap=96 << 20, reservation=32 << 20, shares=512, quota=50000, period=100000, cpus="0", pids=20,
        devices=(DeviceRule(False), DeviceRule(True, "c", 1, 3, "rw")), throttles=(Throttle(7, 0, "rbps", 1 << 20),),
    )  # fmt: skip
    group = cgroup.create_group(path, limits, HOST)
    mounts = dict(HOST.v1)

    def read(controller: str, name: str) -> str:
        with open(f"{mounts[controller]}{path}/{name}") as f:
            return f.read().strip()

    assert read("memory", "memory.limit_in_bytes") == str(64 << 20)
    assert read("memory", "memory.memsw.limit_in_bytes") == str(96 << 20)
    assert read("cpu", "cpu.cfs_quota_us") == "50000" and read("cpu", "cpu.shares") == "512"
    assert read("cpuset", "cpuset.cpus") == "0" and read("cpuset", "cpuset.mems") == "0"
    assert read("pids", "pids.max") == "20"
    assert read("devices", "devices.list") == "c 1:3 rw"
    assert read("blkio", "blkio.throttle.read_bps_device") == f"7:0 {1 << 20}"
    assert group.stats().memory_limit == 64 << 20 and group.stats().pids_limit == 20
    group.set(Limits(memory=256 << 20, swap=-1))  # raises both, in the order the kernel allows
    group.set(Limits(memory=32 << 20, swap=32 << 20))
    assert read("memory", "memory.memsw.limit_in_bytes") == str(32 << 20)


@v1_only
def test_v1_makes_only_what_is_needed_and_follows_later(path: str) -> None:
    group = cgroup.create_group(path, Limits(), HOST)
    assert isinstance(group, cgroup_v1.V1)
    assert set(group.directories()) == set(cgroup_v1.BASIC)
    child = sleeper(group)
    group.set(Limits(quota=20000))
    with open(f"/proc/{child.pid}/cgroup") as f:
        assert f"cpu:{path}\n" in f.read()
    group.kill()
    assert child.wait(5) == -signal.SIGKILL


@v1_only
def test_v1_device_rules_hold(path: str, tmp_path: object) -> None:
    group = cgroup.create_group(path, Limits(devices=(DeviceRule(False), DeviceRule(True, "c", 1, 3))), HOST)
    code = f"""
import os
open("/dev/null").close()
try:
    os.mknod({str(tmp_path)!r} + "/x", 0o60600, os.makedev(7, 0))
except PermissionError:
    print("refused")
"""
    out = subprocess.run(
        [sys.executable, "-c", code], preexec_fn=group.join, capture_output=True, text=True, timeout=30
    )
    assert out.stdout == "refused\n", out


@v1_only
def test_v1_memory_limit_kills_and_is_counted(path: str) -> None:
    group = cgroup.create_group(path, Limits(memory=16 << 20, swap=16 << 20), HOST)
    hog = [sys.executable, "-S", "-c", "x = bytearray(64 << 20)"]
    assert subprocess.run(hog, preexec_fn=group.join, timeout=30).returncode == -signal.SIGKILL
    assert group.stats().oom_kills >= 1


@v1_only
def test_v1_pids_limit(path: str) -> None:
    group = cgroup.create_group(path, Limits(pids=3), HOST)
    done = subprocess.run(
        ["sh", "-c", "for i in 1 2 3 4 5 6; do sleep 60 >/dev/null 2>&1 & done"],
        preexec_fn=group.join,
        capture_output=True,
        timeout=30,
    )
    assert done.returncode != 0 and b"fork" in done.stderr
    assert 0 < len(group.pids()) <= 3
    group.kill()
    assert group.pids() == []


def kinds() -> list[object]:
    return [pytest.param("v1", marks=v1_only), pytest.param("v2", marks=v2_only)]


def host(kind: str) -> cgroup.Hierarchy:
    return HOST if kind == "v1" else cgroup.Hierarchy("v2", (), HOST.v2)


@pytest.mark.parametrize("kind", kinds())
def test_freeze_kill_and_remove_with_inner_groups(path: str, kind: str) -> None:
    group = cgroup.create_group(path, Limits(), host(kind))
    child, added = sleeper(group), subprocess.Popen(["sleep", "60"])
    group.add(added.pid)
    inner = cgroup.create_group(path + "/inner/most", Limits(), host(kind))
    deep = sleeper(inner)
    assert group.pids() == sorted(p.pid for p in (child, added, deep))
    group.freeze(True)
    child.terminate()
    time.sleep(0.05)
    # v1 holds even a signal that kills back until the thaw, v2 lets it through.
    assert child.poll() == (None if kind == "v1" else -signal.SIGTERM)
    group.freeze(False)
    assert child.wait(5) == -signal.SIGTERM
    group.freeze(True)
    with pytest.raises(OSError, match="rmdir"):
        group.remove()
    group.kill()  # also when frozen
    assert (added.wait(5), deep.wait(5)) == (-signal.SIGKILL, -signal.SIGKILL)
    group.remove()
    assert group.pids() == [] and not os.path.exists((HOST.v2 or "/nowhere") + path)
    group.remove()  # again is fine


@pytest.mark.parametrize("kind", kinds())
def test_usage_is_counted(path: str, kind: str) -> None:
    group = cgroup.create_group(path, Limits(), host(kind))
    subprocess.run([sys.executable, "-S", "-c", "for i in range(300000): pass"], preexec_fn=group.join, timeout=30)
    assert 10**6 < group.stats().cpu < 20 * 10**9


@v2_only
def test_v2_says_what_is_not_delegated(path: str) -> None:
    if "memory" in dict(HOST.v1):
        with pytest.raises(Unsupported, match=r"memory\.max"):
            cgroup.create_group(path, Limits(memory=1 << 20), host("v2"))
        assert not os.path.exists(HOST.v2 + path)


@v2_only
def test_v2_device_filter(path: str) -> None:
    group = cgroup.create_group(path, Limits(devices=(DeviceRule(False), DeviceRule(True, "c", 1, 3, "r"))), host("v2"))

    def tried(device: str, mode: str) -> bool:
        code = f"open({device!r}, {mode!r}).close()"
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], preexec_fn=group.join, capture_output=True, timeout=30
        )
        return done.returncode == 0

    def got() -> list[bool]:
        return [tried("/dev/null", "rb"), tried("/dev/null", "wb"), tried("/dev/zero", "rb")]

    assert got() == [True, False, False]
    group.set(Limits(devices=(DeviceRule(True), DeviceRule(False, "c", 1, 3, "w"))))  # replaces the old program
    assert got() == [True, False, True]


def test_v2_device_program_is_small() -> None:
    assert len(cgroup_devices.program([DeviceRule(False)])) == 8 * 8


def test_v2_values_are_runcs() -> None:
    got = dict(cgroup_v2.settings(Limits(memory=100, swap=150, shares=1024, quota=5, pids=-1, blkio_weight=1000)))
    assert got == {
        "memory.max": "100", "memory.swap.max": "50", "cpu.weight": "39", "cpu.max": "5 100000", "pids.max": "max", "io.weight": "10000",
    }  # fmt: skip
    assert dict(cgroup_v2.settings(Limits(shares=2, period=50000, swap=-1))) == {
        "cpu.weight": "1",
        "cpu.max": "max 50000",
        "memory.swap.max": "max",
    }
    with pytest.raises(Unsupported, match="swappiness"):
        cgroup_v2.settings(Limits(swappiness=0))


def test_limits_from_oci() -> None:
    resources = {
        "memory": {"limit": 1, "swap": 2, "disableOOMKiller": True},
        "cpu": {"shares": 3, "cpus": "0-1"},
        "pids": {"limit": 4},
        "devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 0}],
        "blockIO": {"throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 9}]},
    }
    got = cgroup.from_oci(resources)
    assert (got.memory, got.swap, got.oom_kill_disable, got.shares, got.cpus, got.pids) == (1, 2, True, 3, "0-1", 4)
    assert got.devices == (DeviceRule(False, "a", -1, -1, "rwm"), DeviceRule(True, "c", 1, 0, "rwm"))
    assert got.throttles == (Throttle(8, 0, "wiops", 9),)
    with pytest.raises(Unsupported, match="hugepageLimits"):
        cgroup.from_oci({"hugepageLimits": [{"pageSize": "2MB", "limit": 1}]})
    with pytest.raises(Invalid):
        cgroup.from_oci({"devices": [{"allow": True, "type": "x"}]})


def test_absent_group_refuses_by_name() -> None:
    none = cgroup.Hierarchy("none")
    group = cgroup.create_group("/x", Limits(devices=(DeviceRule(False),)), none)
    group.kill()
    with pytest.raises(Unsupported, match="pause"):
        group.freeze(True)
    with pytest.raises(Unsupported, match="resource limits"):
        cgroup.create_group("/x", Limits(pids=5), none)
