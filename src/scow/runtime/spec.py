"""Docker's defaults as an OCI runtime-spec document (config.json).

A spec is a plain ``dict`` of JSON. What the flags of ``run`` make of it is in ``scow.runtime.flags`` and ``.limits``.

Two names are ours, in places the specification leaves open ("unknown properties must be ignored"):

- ``process.user.username`` is docker's ``--user`` text and ``process.user.groupNames`` its ``--group-add`` list. They
  are resolved in the container's own ``/etc/passwd`` and ``/etc/group`` when it starts, and then win over ``uid`` and
  ``gid``.
- the annotation ``io.scow.seccomp`` = ``default`` says that ``linux.seccomp`` follows the capabilities;
  ``io.scow.init`` = ``builtin`` asks for the reaper of ``scow.runtime.reaper``.
"""

from __future__ import annotations

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Spec = dict[str, Any]

SECCOMP = "io.scow.seccomp"
INIT = "io.scow.init"
INIT_PATH = "/sbin/docker-init"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CAPABILITIES = (
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID CAP_SETUID CAP_SETFCAP "
    "CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE"
).split()
"""What docker leaves to a container's root."""

MASKED = (
    "/proc/asound /proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list "
    "/proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap"
).split()
READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split()
NAMESPACES = ("mount", "network", "uts", "pid", "ipc", "cgroup")

SYSCTL = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
"""Docker's own, in a network namespace of the container."""
IPC_SYSCTLS = frozenset(
    "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni "
    "kernel.shm_rmid_forced".split()
)


def _mount(destination: str, kind: str, source: str, options: str) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": options.split(",")}


def _mounts() -> list[dict[str, Any]]:
    return [
        _mount("/proc", "proc", "proc", "nosuid,noexec,nodev"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
        _mount("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
        _mount("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,noexec,nodev"),
        _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
        _mount("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=67108864"),  # noqa: S108
    ]


def default_spec() -> Spec:
    """What ``docker run`` gives runc, without a command, and with a cgroup namespace of its own."""
    return with_default_seccomp(
        {
            "ociVersion": "1.2.1",
            "process": {
                "user": {"uid": 0, "gid": 0, "additionalGids": [0]},
                "args": [],
                "env": [f"PATH={PATH}"],
                "cwd": "/",
                "capabilities": {kind: list(CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
                "oomScoreAdj": 0,
            },
            "root": {"path": "rootfs"},
            "mounts": _mounts(),
            "annotations": {SECCOMP: "default"},
            "linux": {
                "sysctl": dict(SYSCTL),
                "resources": {"devices": [{"allow": False, "access": "rwm"}]},
                "namespaces": [{"type": kind} for kind in NAMESPACES],
                "maskedPaths": list(MASKED),
                "readonlyPaths": list(READ_ONLY),
            },
        }
    )


def changed(spec: Spec, change: Callable[[Spec], None]) -> Spec:
    """A copy of ``spec`` that ``change`` has worked on."""
    new: Spec = _copy(spec)
    change(new)
    return new


def _copy(old: Any) -> Any:
    """Deep, but for the seccomp profile: that is large, and replaced as a whole."""
    if isinstance(old, dict):
        return {k: v if k == "seccomp" else _copy(v) for k, v in old.items()}
    return [_copy(v) for v in old] if isinstance(old, list) else old


def with_default_seccomp(spec: Spec) -> Spec:
    """Docker's system call filter for the capabilities the spec has."""
    from scow.runtime.seccomp_default import profile

    new = dict(spec)
    new["linux"] = {
        **spec["linux"],
        "seccomp": profile(spec["process"]["capabilities"]["bounding"], _machine()),
    }
    return new


def _machine() -> str:
    import os

    return os.uname().machine


def check_sysctl(spec: Spec, key: str) -> None:
    """Invalid if ``key`` would change the host."""
    if key in IPC_SYSCTLS or key.startswith("fs.mqueue."):
        if not has_namespace(spec, "ipc"):
            raise Invalid(f'sysctl "{key}" is not allowed in the host ipc namespace')
    elif key.startswith("net."):
        if not has_namespace(spec, "network"):
            raise Invalid(f'sysctl "{key}" not allowed in host network namespace')
    elif key not in ("kernel.hostname", "kernel.domainname") or not has_namespace(spec, "uts"):
        raise Invalid(f"sysctl '{key}' is not allowed", "only settings that belong to a namespace can be changed")


def has_namespace(spec: Spec, kind: str) -> bool:
    """Whether the container has a namespace of this kind that is not the host's (its own, or another container's)."""
    return any(n["type"] == kind for n in spec["linux"]["namespaces"])
