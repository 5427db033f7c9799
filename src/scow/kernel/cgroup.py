"""Control groups of either version behind one protocol.

``open_group`` says where a group is, ``create_group`` also makes it. A hybrid host, whose cgroup2 has no controllers,
is a v1 host. A host without cgroups gets a group that takes no limit and refuses, by name, what it cannot do.
"""

from __future__ import annotations

from scow.errors import Unsupported
from scow.kernel.cgroup_files import Stats
from scow.kernel.cgroup_limits import DeviceRule, Limits, Throttle, from_oci
from scow.kernel.cgroup_v1 import V1
from scow.kernel.cgroup_v2 import V2
from scow.kernel.mountinfo import mounts
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Cgroup(Protocol):
        """One control group."""

        def join(self) -> None:
            """Move the calling thread, its process's only one, into the group."""

        def add(self, pid: int) -> None:
            """Move a process into the group."""

        def set(self, limits: Limits) -> None:
            """Apply limits; what is None stays."""

        def pids(self) -> list[int]:
            """The processes inside, inner groups too."""

        def freeze(self, on: bool) -> None:
            """Stop all processes, or let them go on."""

        def kill(self) -> None:
            """SIGKILL everything inside and wait for it."""

        def stats(self) -> Stats:
            """What has been used so far."""

        def remove(self) -> None:
            """Remove the empty group."""


__all__ = [
    "Absent",
    "Cgroup",
    "DeviceRule",
    "Hierarchy",
    "Limits",
    "Stats",
    "Throttle",
    "create_group",
    "detect",
    "from_oci",
    "open_group",
]

_V1_CONTROLLERS = frozenset(
    "cpu cpuacct cpuset memory devices freezer blkio pids net_cls net_prio perf_event hugetlb name=systemd".split()
)


@value
class Hierarchy:
    """What is mounted: ``kind`` is "v1", "v2", "hybrid" or "none"."""

    kind: str
    v1: tuple[tuple[str, str], ...] = ()
    """(controller, mount point) pairs."""
    v2: str = ""
    """Mount point of cgroup2."""


def detect(mountinfo: str = "/proc/self/mountinfo") -> Hierarchy:
    """What this host has, seen from this mount namespace."""
    v1: dict[str, str] = {}
    v2 = ""
    for m in mounts(mountinfo):
        if m.type == "cgroup":
            for word in m.super_options:
                if word in _V1_CONTROLLERS:
                    v1.setdefault(word, m.point)
        elif m.type == "cgroup2" and not v2:
            v2 = m.point
    controllers = tuple((c, p) for c, p in v1.items() if not c.startswith("name="))
    kind = ("hybrid" if v2 else "v1") if controllers else ("v2" if v2 else "none")
    return Hierarchy(kind, controllers, v2)


class Absent:
    """No cgroup at all: processes are not tracked and cannot be limited."""

    def join(self) -> None:
        """Nothing to join."""

    def add(self, pid: int) -> None:
        """Nothing to join."""

    def set(self, limits: Limits) -> None:
        """Unsupported for any limit; device rules are left to the missing privilege to make devices."""
        if any(getattr(limits, name) for name in Limits.__match_args__ if name != "devices"):
            raise Unsupported("resource limits: no cgroup file system is mounted", "mount cgroup2 at /sys/fs/cgroup")

    def pids(self) -> list[int]:
        """Unknown."""
        return []

    def freeze(self, on: bool) -> None:
        """Unsupported."""
        raise Unsupported(f"{'pause' if on else 'unpause'}: no cgroup file system is mounted")

    def kill(self) -> None:
        """The end of the PID namespace does it."""

    def stats(self) -> Stats:
        """Nothing is counted."""
        return Stats()

    def remove(self) -> None:
        """Nothing to remove."""


def open_group(path: str, host: Hierarchy | None = None) -> Cgroup:
    """The group at ``path`` (such as ``/scow/ID``), which need not exist yet."""
    host = detect() if host is None else host
    if host.v1:
        return V1(path, dict(host.v1))
    return V2(path, host.v2) if host.v2 else Absent()


def create_group(path: str, limits: Limits, host: Hierarchy | None = None) -> Cgroup:
    """Make the group at ``path``, limited; what a failure has left is removed."""
    group = open_group(path, host)
    if isinstance(group, Absent):
        group.set(limits)
        return group
    assert isinstance(group, V1 | V2)
    try:
        group.create(limits)
    except BaseException:
        group.remove()
        raise
    return group
