"""cgroup v1: one directory in each controller's hierarchy (Documentation/admin-guide/cgroup-v1).

Measured here for nine controllers: mkdir 0.5 ms, a process that joins by itself 0.25 ms, rmdir 0.2 ms. Moving
*another* process costs 0.4 to 9 ms, since it waits for every CPU once (cgroup_threadgroup_rwsem): let the container's
init join.
"""

from __future__ import annotations

import errno
import os
import time

from scow.errors import Unsupported
from scow.kernel import cgroup_files as files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.kernel.cgroup_limits import DeviceRule, Limits

BASIC = ("devices", "freezer", "memory", "cpuacct", "pids")
"""Controllers every container gets: device rules, pause, and what ``stats`` shows."""


_FREEZE_SECONDS = 10.0


class V1:
    """A cgroup at ``path`` in the hierarchies ``mounts`` (controller to mount point)."""

    def __init__(self, path: str, mounts: dict[str, str]) -> None:
        self.path = path.strip("/")
        self.mounts = mounts

    def directory(self, controller: str) -> str:
        """Where this group lies in a controller's hierarchy; Unsupported if the host has no such controller."""
        if controller not in self.mounts:
            raise Unsupported(f"cgroup controller {controller} is not available on this host")
        return f"{self.mounts[controller]}/{self.path}"

    def directories(self) -> dict[str, str]:
        """Where this group exists; controllers mounted together share one directory."""
        found = {c: f"{mount}/{self.path}" for c, mount in self.mounts.items()}
        return {c: d for c, d in found.items() if os.path.isdir(d)}

    def create(self, limits: Limits) -> None:
        """Make the directories for the basic controllers and those that ``limits`` need, and set the limits."""
        for controller in BASIC:
            if controller in self.mounts:
                os.makedirs(self.directory(controller), 0o755, exist_ok=True)
        self.set(limits)

    def _need(self, controller: str) -> str:
        """The directory in a hierarchy, made now if need be; processes already in the group are taken along."""
        directory = self.directory(controller)
        if os.path.isdir(directory):
            return directory
        pids = self.pids()
        os.makedirs(directory, 0o755)
        if controller == "cpuset":
            _inherit_cpuset(self.mounts["cpuset"], self.path)
        for pid in pids:
            files.write(directory, "cgroup.procs", pid)
        return directory

    def join(self) -> None:
        """Move the calling thread, which must be its process's only one, into the group."""
        for directory in dict.fromkeys(self.directories().values()):
            # `tasks` and 0: the kernel then skips the lock that stops all CPUs.
            files.write(directory, "tasks", 0)

    def add(self, pid: int) -> None:
        """Move a process into the group."""
        for directory in dict.fromkeys(self.directories().values()):
            files.write(directory, "cgroup.procs", pid)

    def set(self, limits: Limits) -> None:
        """Apply limits; fields that are None stay as they are."""
        if limits.unified:
            raise Unsupported("linux.resources: unified needs cgroup v2")
        _set_memory(self, limits)
        _set_cpu(self, limits)
        if limits.pids is not None:
            files.write(self._need("pids"), "pids.max", limits.pids if limits.pids > 0 else "max")
        for rule in limits.devices:
            files.write(self._need("devices"), "devices.allow" if rule.allow else "devices.deny", device_line(rule))
        if limits.blkio_weight:
            directory = self._need("blkio")
            bfq = os.path.exists(f"{directory}/blkio.bfq.weight")
            files.write(directory, "blkio.bfq.weight" if bfq else "blkio.weight", limits.blkio_weight)
        for t in limits.throttles:
            name = f"blkio.throttle.{'read' if t.what[0] == 'r' else 'write'}_{t.what[1:]}_device"
            files.write(self._need("blkio"), name, f"{t.major}:{t.minor} {t.rate}")

    def pids(self) -> list[int]:
        """The processes inside, those of inner groups too."""
        for directory in self.directories().values():
            return files.processes(directory)
        return []

    def freeze(self, on: bool) -> None:
        """Stop all processes, or let them go on; returns when they have stopped."""
        directory = self._need("freezer")
        if not on:
            files.write(directory, "freezer.state", "THAWED")
            return
        end = time.monotonic() + _FREEZE_SECONDS
        # A process that forks meanwhile slips through, and one in uninterruptible sleep holds it up: try again.
        while files.read(directory, "freezer.state") != "FROZEN":
            if time.monotonic() > end:
                files.write(directory, "freezer.state", "THAWED")
                raise TimeoutError(errno.ETIMEDOUT, "processes do not freeze", directory)
            files.write(directory, "freezer.state", "FROZEN")
            time.sleep(0.0005)

    def kill(self) -> None:
        """SIGKILL everything inside, and wait until it is gone."""
        where = self.directories()
        if not where:
            return
        # Frozen processes cannot fork away; a signal reaches them when they thaw.
        if "freezer" in where and files.signal_all(where["freezer"]):
            try:
                self.freeze(True)
            except TimeoutError:
                pass
            files.signal_all(where["freezer"])
            self.freeze(False)
        files.kill_until_empty(next(iter(where.values())))

    def stats(self) -> files.Stats:
        """What has been used so far."""
        return _stats(self.directories())

    def remove(self) -> None:
        """Remove the group; it must be empty of processes (``kill``)."""
        for directory in self.directories().values():
            files.remove(directory)


def device_line(rule: DeviceRule) -> str:
    """A device rule as devices.allow and devices.deny take it."""
    if rule.kind == "a" and rule.major < 0 and rule.minor < 0 and set(rule.access) == set("rwm"):
        return "a"
    number = [str(n) if n >= 0 else "*" for n in (rule.major, rule.minor)]
    return f"{rule.kind} {number[0]}:{number[1]} {rule.access}"


def _inherit_cpuset(mount: str, path: str) -> None:
    """A new cpuset is empty and refuses processes until it gets its parent's CPUs and memory nodes."""
    parent = mount
    for part in path.split("/"):
        here = f"{parent}/{part}"
        for name in ("cpuset.cpus", "cpuset.mems"):
            if not files.read(here, name):
                files.write(here, name, files.read(parent, name))
        parent = here


def _set_memory(group: V1, limits: Limits) -> None:
    pairs = [("memory.limit_in_bytes", limits.memory), ("memory.memsw.limit_in_bytes", limits.swap)]
    if any(v is not None for _, v in pairs):
        directory = group._need("memory")
        if limits.swap is not None and not os.path.exists(f"{directory}/memory.memsw.limit_in_bytes"):
            raise Unsupported("swap limit: this kernel does not account swap", "boot with swapaccount=1")
        now = files.number(directory, "memory.memsw.limit_in_bytes", -1)
        # memory may never exceed memory plus swap, not even between the two writes.
        if limits.memory is not None and now >= 0 and not 0 <= limits.memory <= now:
            pairs.reverse()
        for name, v in pairs:
            if v is not None:
                files.write(directory, name, v if v > 0 else -1)
    for name, setting in (
        ("memory.soft_limit_in_bytes", limits.reservation),
        ("memory.swappiness", limits.swappiness),
        ("memory.oom_control", 1 if limits.oom_kill_disable else None),
    ):
        if setting is not None:
            files.write(group._need("memory"), name, setting)


def _set_cpu(group: V1, limits: Limits) -> None:
    for name, setting in (
        ("cpu.shares", limits.shares),
        ("cpu.cfs_period_us", limits.period),
        ("cpu.cfs_quota_us", limits.quota),
        ("cpu.cfs_burst_us", limits.burst),
    ):
        if setting:
            files.write(group._need("cpu"), name, setting)
    for name, text in (("cpuset.cpus", limits.cpus), ("cpuset.mems", limits.mems)):
        if text:
            files.write(group._need("cpuset"), name, text)


def _stats(where: dict[str, str]) -> files.Stats:
    number, table, read = files.number, files.table, files.read
    usage: dict[str, int] = {}
    if d := where.get("cpuacct"):
        split = table(read(d, "cpuacct.stat"))  # in ticks of 10 ms
        usage.update(cpu=number(d, "cpuacct.usage"))
        usage.update(cpu_user=split.get("user", 0) * 10**7, cpu_system=split.get("system", 0) * 10**7)
    if d := where.get("cpu"):
        cpu = table(read(d, "cpu.stat"))
        usage.update(periods=cpu["nr_periods"], throttled_periods=cpu["nr_throttled"], throttled=cpu["throttled_time"])
    if d := where.get("memory"):
        usage.update(memory=number(d, "memory.usage_in_bytes"), memory_limit=number(d, "memory.limit_in_bytes", -1))
        usage.update(memory_peak=number(d, "memory.max_usage_in_bytes", -1))
        usage.update(inactive_file=table(read(d, "memory.stat")).get("total_inactive_file", 0))
        usage.update(oom_kills=table(read(d, "memory.oom_control")).get("oom_kill", 0))
    if d := where.get("pids"):
        usage.update(pids=number(d, "pids.current"), pids_limit=number(d, "pids.max", -1))
    if d := where.get("blkio"):
        lines = [line.split() for line in read(d, "blkio.throttle.io_service_bytes_recursive").splitlines()]
        for field, word in (("read_bytes", "Read"), ("write_bytes", "Write")):
            usage[field] = sum(int(w[2]) for w in lines if len(w) == 3 and w[1] == word)
    return files.Stats(**usage)
