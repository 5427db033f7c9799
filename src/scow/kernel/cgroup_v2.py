"""cgroup v2: one directory, controllers switched on from the top (Documentation/admin-guide/cgroup-v2)."""

from __future__ import annotations

import os
import time

from scow.errors import Unsupported
from scow.kernel import cgroup_files as files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.kernel.cgroup_limits import Limits

_CONTROLLERS = ("cpu", "memory", "pids", "cpuset", "io")
_FREEZE_SECONDS = 10.0


class V2:
    """A cgroup at ``path`` below the mount point ``mount``."""

    def __init__(self, path: str, mount: str) -> None:
        self.mount = mount
        self.directory = f"{mount}/{path.strip('/')}"

    def create(self, limits: Limits) -> None:
        """Make the directory, switch on the controllers there are, and set the limits."""
        os.makedirs(self.directory, 0o755, exist_ok=True)
        parent = self.mount
        for part in os.path.relpath(self.directory, self.mount).split("/"):
            _enable(parent)
            parent = f"{parent}/{part}"
        self.set(limits)

    def join(self) -> None:
        """Move the calling process into the group."""
        files.write(self.directory, "cgroup.procs", 0)

    def add(self, pid: int) -> None:
        """Move a process into the group."""
        files.write(self.directory, "cgroup.procs", pid)

    def set(self, limits: Limits) -> None:
        """Apply limits; fields that are None stay as they are."""
        for name, text in (*settings(limits), *limits.unified):
            if "/" in name or not os.path.exists(f"{self.directory}/{name}"):
                hint = "its controller is not delegated to this group; see cgroup.controllers"
                raise Unsupported(f"cgroup file {name} in {self.directory}", hint)
            files.write(self.directory, name, text)
        if limits.devices:
            from scow.kernel import cgroup_devices

            fd = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                cgroup_devices.attach(fd, limits.devices)
            finally:
                os.close(fd)

    def pids(self) -> list[int]:
        """The processes inside, those of inner groups too."""
        return files.processes(self.directory)

    def freeze(self, on: bool) -> None:
        """Stop all processes, or let them go on; returns when they have stopped."""
        files.write(self.directory, "cgroup.freeze", int(on))
        end = time.monotonic() + _FREEZE_SECONDS
        while on and not files.table(files.read(self.directory, "cgroup.events")).get("frozen"):
            if time.monotonic() > end:
                files.write(self.directory, "cgroup.freeze", 0)
                raise TimeoutError(f"{self.directory}: processes do not freeze")
            time.sleep(0.001)

    def kill(self) -> None:
        """SIGKILL everything inside, and wait until it is gone."""
        if os.path.exists(f"{self.directory}/cgroup.kill"):  # Linux 5.14
            files.write(self.directory, "cgroup.kill", 1)
        else:
            files.signal_all(self.directory)
        files.kill_until_empty(self.directory)

    def stats(self) -> files.Stats:
        """What has been used so far."""
        d, number, table, read = self.directory, files.number, files.table, files.read
        cpu = {k: v * (1000 if k.endswith("_usec") else 1) for k, v in table(read(d, "cpu.stat")).items()}
        io = [w.split("=") for line in read(d, "io.stat").splitlines() for w in line.split()[1:]]
        return files.Stats(
            cpu=cpu.get("usage_usec", 0),
            cpu_user=cpu.get("user_usec", 0),
            cpu_system=cpu.get("system_usec", 0),
            periods=cpu.get("nr_periods", 0),
            throttled_periods=cpu.get("nr_throttled", 0),
            throttled=cpu.get("throttled_usec", 0),
            memory=number(d, "memory.current"),
            memory_limit=number(d, "memory.max", -1),
            memory_peak=number(d, "memory.peak", -1),
            inactive_file=table(read(d, "memory.stat")).get("inactive_file", 0),
            oom_kills=table(read(d, "memory.events")).get("oom_kill", 0),
            pids=number(d, "pids.current"),
            pids_limit=number(d, "pids.max", -1),
            read_bytes=sum(int(w[1]) for w in io if w[0] == "rbytes"),
            write_bytes=sum(int(w[1]) for w in io if w[0] == "wbytes"),
        )

    def remove(self) -> None:
        """Remove the group; it must be empty of processes (``kill``)."""
        files.remove(self.directory)


def _enable(directory: str) -> None:
    """Hand the controllers of ``directory`` down to its children; what is refused is missed when a limit needs it."""
    have = files.read(directory, "cgroup.controllers").split()
    down = files.read(directory, "cgroup.subtree_control").split()
    for controller in _CONTROLLERS:
        if controller in have and controller not in down:
            try:
                files.write(directory, "cgroup.subtree_control", "+" + controller)
            except OSError:  # EBUSY: processes of its own; EACCES: not delegated to us
                continue


def _word(n: int) -> str:
    return str(n) if n > 0 else "max"


def settings(limits: Limits) -> list[tuple[str, str]]:
    """The (file, text) pairs for limits, with v1's notions turned into v2's as runc does."""
    if limits.oom_kill_disable:
        raise Unsupported("disabling the OOM killer: cgroup v2 has no such switch")
    if limits.swappiness is not None:
        raise Unsupported("memory swappiness: cgroup v2 has no such switch")
    found: list[tuple[str, str]] = []
    if limits.memory is not None:
        found.append(("memory.max", _word(limits.memory)))
    if limits.reservation is not None:
        found.append(("memory.low", _word(limits.reservation) if limits.reservation else "0"))
    if limits.swap is not None:
        only = limits.swap - max(limits.memory or 0, 0) if limits.swap > 0 else -1
        found.append(("memory.swap.max", str(only) if only >= 0 else "max"))
    if limits.shares:
        found.append(("cpu.weight", str(1 + (min(max(limits.shares, 2), 262144) - 2) * 9999 // 262142)))
    if limits.quota or limits.period:
        found.append(("cpu.max", f"{_word(limits.quota or 0)} {limits.period or 100000}"))
    if limits.burst:
        found.append(("cpu.max.burst", str(limits.burst)))
    if limits.pids is not None:
        found.append(("pids.max", _word(limits.pids)))
    if limits.blkio_weight:
        found.append(("io.weight", str(1 + (limits.blkio_weight - 10) * 9999 // 990)))
    found += [("io.max", f"{t.major}:{t.minor} {t.what}={_word(t.rate)}") for t in limits.throttles]
    return found + [(f"cpuset.{n}", v) for n, v in (("cpus", limits.cpus), ("mems", limits.mems)) if v]
