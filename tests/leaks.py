"""What a session of tests must not leave on the host: mounts, bridges, control groups and processes of its stores."""

from __future__ import annotations

import glob
import os
import time
from dataclasses import dataclass

PATIENCE = 5.0
"""Seconds that the kernel may take to remove what is already given up (a namespace's links, say)."""


@dataclass(frozen=True)
class Host:
    """What may leak, as it is now."""

    mounts: frozenset[str]
    bridges: frozenset[str]
    groups: frozenset[str]

    @classmethod
    def now(cls, base: str) -> Host:
        """Mount points below ``base``, scow's bridges and scow's control groups."""
        with open("/proc/self/mountinfo") as f:
            points = [line.split()[4] for line in f]
        return cls(
            frozenset(p for p in points if p.startswith(base + "/")),
            frozenset(n for n in os.listdir("/sys/class/net") if n.startswith("scow-") or n == "scow0"),
            frozenset(glob.glob("/sys/fs/cgroup/*/scow/*/") + glob.glob("/sys/fs/cgroup/scow/*/")),
        )

    def since(self, before: Host) -> list[str]:
        """What has come since ``before``, one line each."""
        kinds = ("mounts", "bridges", "groups")
        return [f"{kind[:-1]} {name}" for kind in kinds for name in sorted(getattr(self, kind) - getattr(before, kind))]


def others_at_work() -> bool:
    """Whether another session of tests runs on this host: what is new may be its own then."""
    lineage, pid = set(), os.getpid()
    while pid > 1:
        lineage.add(pid)
        with open(f"/proc/{pid}/stat", "rb") as f:
            pid = int(f.read().rpartition(b")")[2].split()[1])
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in lineage:
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if any(w.endswith((b"/pytest", b"/python", b"/scow")) or w == b"pytest" for w in words[:2]) and (
            b"pytest" in b" ".join(words[:3])
        ):
            return True
    return False


def left(before: Host, base: str) -> list[str]:
    """What the session has left, once the kernel has had time to clean up. Only mounts, while others are at work."""
    until = time.monotonic() + PATIENCE
    while True:
        found = Host.now(base).since(before)
        if found and others_at_work():
            found = [line for line in found if line.startswith("mount ")]
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.1)
