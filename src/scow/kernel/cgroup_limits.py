"""Resource limits of a cgroup as a value, read from the ``linux.resources`` of an OCI runtime spec."""

from __future__ import annotations

from scow.errors import Invalid, Unsupported
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@value
class DeviceRule:
    """Allow or deny devices: ``kind`` "a", "b" or "c"; -1 for any number; ``access`` out of "rwm"."""

    allow: bool
    kind: str = "a"
    major: int = -1
    minor: int = -1
    access: str = "rwm"


@value
class Throttle:
    """A rate for one block device: ``what`` is rbps, wbps (bytes/s), riops or wiops (requests/s)."""

    major: int
    minor: int
    what: str
    rate: int


@value
class Limits:
    """What a cgroup is held to; None leaves the kernel's value. Bytes, microseconds; -1 is unlimited.

    ``swap`` is memory and swap together, as in docker and cgroup v1. ``unified`` are (file, text) pairs of cgroup v2.
    """

    memory: int | None = None
    reservation: int | None = None
    swap: int | None = None
    swappiness: int | None = None
    oom_kill_disable: bool = False
    shares: int | None = None
    quota: int | None = None
    period: int | None = None
    burst: int | None = None
    cpus: str = ""
    mems: str = ""
    pids: int | None = None
    blkio_weight: int | None = None
    throttles: tuple[Throttle, ...] = ()
    devices: tuple[DeviceRule, ...] = ()
    unified: tuple[tuple[str, str], ...] = ()


_THROTTLES = {
    "throttleReadBpsDevice": "rbps",
    "throttleWriteBpsDevice": "wbps",
    "throttleReadIOPSDevice": "riops",
    "throttleWriteIOPSDevice": "wiops",
}


def from_oci(resources: dict[str, Any]) -> Limits:
    """The limits of an OCI ``linux.resources``; Unsupported names what is asked for and cannot be given."""
    memory, cpu = resources.get("memory") or {}, resources.get("cpu") or {}
    block = resources.get("blockIO") or {}
    for part, key in (
        (memory, "kernel"), (memory, "kernelTCP"), (cpu, "realtimeRuntime"), (cpu, "realtimePeriod"),
        (cpu, "idle"), (block, "leafWeight"), (block, "weightDevice"), (resources, "hugepageLimits"),
        (resources, "network"), (resources, "rdma"),
    ):  # fmt: skip
        if part.get(key):
            raise Unsupported(f"linux.resources: {key}")
    return Limits(
        memory=memory.get("limit"),
        reservation=memory.get("reservation"),
        swap=memory.get("swap"),
        swappiness=memory.get("swappiness"),
        oom_kill_disable=bool(memory.get("disableOOMKiller")),
        shares=cpu.get("shares"),
        quota=cpu.get("quota"),
        period=cpu.get("period"),
        burst=cpu.get("burst"),
        cpus=cpu.get("cpus") or "",
        mems=cpu.get("mems") or "",
        pids=(resources.get("pids") or {}).get("limit"),
        blkio_weight=block.get("weight"),
        throttles=tuple(
            Throttle(t["major"], t["minor"], what, t["rate"])
            for key, what in _THROTTLES.items()
            for t in block.get(key) or ()
        ),
        devices=tuple(_device(d) for d in resources.get("devices") or ()),
        unified=tuple((resources.get("unified") or {}).items()),
    )


def _device(rule: dict[str, Any]) -> DeviceRule:
    kind, access = rule.get("type") or "a", rule.get("access") or "rwm"
    if kind not in ("a", "b", "c") or not set(access) <= set("rwm"):
        raise Invalid(f"linux.resources: wrong device rule {rule!r}")
    major, minor = rule.get("major"), rule.get("minor")
    return DeviceRule(
        bool(rule.get("allow")), kind, -1 if major is None else major, -1 if minor is None else minor, access
    )
