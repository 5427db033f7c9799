"""Facts about this machine for ``info``: kernel, distribution, cgroups, memory, and what it lacks."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CAP_SYS_RESOURCE = 24


def _os_release() -> str:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8") as f:
                for line in f:
                    name, _, text = line.strip().partition("=")
                    if name == "PRETTY_NAME":
                        return text.strip("\"'")
        except OSError:
            continue
    return "Linux"


def _memory() -> int:
    with open("/proc/meminfo", encoding="ascii") as f:
        for line in f:
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
    return 0


def _effective_capabilities() -> int:
    with open("/proc/self/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0


def _forwarding() -> bool:
    try:
        with open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as f:
            return f.read().strip() == "1"
    except OSError:
        return False


def _warnings() -> list[str]:
    found = []
    if os.geteuid() != 0:
        found.append("WARNING: scow runs containers as root only for now")
    elif not _effective_capabilities() >> CAP_SYS_RESOURCE & 1:
        found.append("WARNING: no CAP_SYS_RESOURCE: limits cannot be raised above this process's hard limits")
    if not os.path.exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes") and os.path.isdir(
        "/sys/fs/cgroup/memory"
    ):
        found.append("WARNING: No swap limit support")
    return found


def host_facts(root: str) -> dict[str, Any]:
    """Docker's fields of ``info`` that are about the machine; ``root`` is where the store lies."""
    from scow import __version__
    from scow.kernel import cgroup
    from scow.store.paths import probe

    uname = os.uname()
    hierarchy = cgroup.detect()
    version = "1" if hierarchy.v1 else "2" if hierarchy.v2 else ""
    system = probe(root)
    return {
        "BackingFilesystem": system.type,
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs" if version else "none",
        "CgroupVersion": version,
        "KernelVersion": uname.release,
        "OperatingSystem": _os_release(),
        "OSType": "linux",
        "Architecture": uname.machine,
        "NCPU": len(os.sched_getaffinity(0)),
        "MemTotal": _memory(),
        "Name": uname.nodename,
        "IPv4Forwarding": _forwarding(),
        "ServerVersion": __version__,
        "DefaultRuntime": "scow",
        "Runtimes": {"scow": {}},
        "Isolation": "root" if os.geteuid() == 0 else "none",
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "Warnings": _warnings(),
    }
