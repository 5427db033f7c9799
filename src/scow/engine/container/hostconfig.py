"""Docker's ``HostConfig`` of a container: what was asked of the host, in the field names of the Engine API v1.51.

A record keeps only the fields that differ from ``DEFAULTS``; ``shown`` puts them together again in docker's order.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.engine.requests import ContainerRequest, MountRequest, PortRequest

SHM_SIZE = 64 << 20

# In docker's order. ABSENT marks the fields that docker leaves out when they are empty.
ABSENT = object()
DEFAULTS: tuple[tuple[str, Any], ...] = (
    ("Binds", None), ("ContainerIDFile", ""), ("LogConfig", {"Type": "json-file", "Config": {}}),
    ("NetworkMode", "bridge"), ("PortBindings", {}), ("RestartPolicy", {"Name": "no", "MaximumRetryCount": 0}),
    ("AutoRemove", False), ("VolumeDriver", ""), ("VolumesFrom", None), ("ConsoleSize", [0, 0]),
    ("Annotations", ABSENT), ("CapAdd", None), ("CapDrop", None), ("CgroupnsMode", "private"), ("Dns", []),
    ("DnsOptions", []), ("DnsSearch", []), ("ExtraHosts", None), ("GroupAdd", None), ("IpcMode", "private"),
    ("Cgroup", ""), ("Links", None), ("OomScoreAdj", 0), ("PidMode", ""), ("Privileged", False),
    ("PublishAllPorts", False), ("ReadonlyRootfs", False), ("SecurityOpt", None), ("Tmpfs", ABSENT), ("UTSMode", ""),
    ("UsernsMode", ""), ("ShmSize", SHM_SIZE), ("Sysctls", ABSENT), ("Runtime", "scow"), ("Isolation", ""),
    ("CpuShares", 0), ("Memory", 0), ("NanoCpus", 0), ("CgroupParent", ""), ("BlkioWeight", 0),
    ("BlkioWeightDevice", []), ("BlkioDeviceReadBps", []), ("BlkioDeviceWriteBps", []), ("BlkioDeviceReadIOps", []),
    ("BlkioDeviceWriteIOps", []), ("CpuPeriod", 0), ("CpuQuota", 0), ("CpuRealtimePeriod", 0),
    ("CpuRealtimeRuntime", 0), ("CpusetCpus", ""), ("CpusetMems", ""), ("Devices", []), ("DeviceCgroupRules", None),
    ("DeviceRequests", None), ("MemoryReservation", 0), ("MemorySwap", 0), ("MemorySwappiness", None),
    ("OomKillDisable", False), ("PidsLimit", None), ("Ulimits", []), ("CpuCount", 0), ("CpuPercent", 0),
    ("IOMaximumIOps", 0), ("IOMaximumBandwidth", 0), ("Mounts", ABSENT), ("MaskedPaths", ABSENT),
    ("ReadonlyPaths", ABSENT), ("Init", ABSENT),
)  # fmt: skip


def host_config_of(request: ContainerRequest) -> dict[str, Any]:
    """The fields of the request that differ from the defaults."""
    found = {**_mounts(request.mounts), **_limits(request), **_security(request), **_networking(request)}
    found.update(
        LogConfig={"Type": request.log_driver, "Config": dict(request.log_options)},
        RestartPolicy={"Name": request.restart.name, "MaximumRetryCount": request.restart.retries},
        AutoRemove=request.remove,
        VolumesFrom=list(request.volumes_from) or None,
        Annotations=dict(request.annotations) or ABSENT,
        Init=request.init or ABSENT,
    )
    defaults = dict(DEFAULTS)
    return {name: given for name, given in found.items() if given is not ABSENT and given != defaults[name]}


def shown(kept: dict[str, Any]) -> dict[str, Any]:
    """All of ``HostConfig`` from what a record keeps."""
    found = {name: kept.get(name, default) for name, default in DEFAULTS}
    for name, default in _paths(kept).items():
        found[name] = default
    return {name: given for name, given in found.items() if given is not ABSENT}


def of(kept: dict[str, Any], name: str) -> Any:
    """One field, or its default; None for one that docker would leave out."""
    if name in kept:
        return kept[name]
    default = next(d for n, d in DEFAULTS if n == name)
    return None if default is ABSENT else default


def _paths(kept: dict[str, Any]) -> dict[str, list[str] | None]:
    from scow.runtime.spec import MASKED, READ_ONLY

    if kept.get("Privileged"):
        return {"MaskedPaths": None, "ReadonlyPaths": None}
    if "systempaths=unconfined" in (kept.get("SecurityOpt") or ()):
        return {"MaskedPaths": [], "ReadonlyPaths": []}
    return {"MaskedPaths": list(MASKED), "ReadonlyPaths": list(READ_ONLY)}


def _mounts(mounts: tuple[MountRequest, ...]) -> dict[str, Any]:
    binds = [_bind(m) for m in mounts if is_bind_text(m)]
    longs = [_long(m) for m in mounts if not is_bind_text(m) and not (m.kind == "volume" and not m.source)]
    tmpfs = {m.target: ",".join(m.options) for m in mounts if is_tmpfs_text(m)}
    return {
        "Binds": binds or None,
        "Mounts": [m for m in longs if m["Target"] not in tmpfs] or ABSENT,
        "Tmpfs": tmpfs or ABSENT,
    }


def is_bind_text(m: MountRequest) -> bool:
    """Whether a mount is one that ``-v`` with a source makes; docker keeps its text in ``Binds``."""
    return (m.kind == "bind" and m.create) or (m.kind == "volume" and bool(m.source))


def is_tmpfs_text(m: MountRequest) -> bool:
    """Whether a mount is one that ``--tmpfs`` makes."""
    return m.kind == "tmpfs" and not m.size and m.mode is None


def modes_of(m: MountRequest) -> str:
    """The third part of a ``-v``."""
    return ",".join(w for w in ("ro" if m.read_only else "", m.propagation, "nocopy" if m.no_copy else "") if w)


def _bind(m: MountRequest) -> str:
    modes = modes_of(m)
    return f"{m.source}:{m.target}" + (f":{modes}" if modes else "")


def _long(m: MountRequest) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": m.kind}
    if m.source:
        found["Source"] = m.source
    found["Target"] = m.target
    if m.read_only:
        found["ReadOnly"] = True
    if m.kind == "bind" and (m.propagation or not m.recursive):
        options: dict[str, Any] = {"Propagation": m.propagation} if m.propagation else {}
        found["BindOptions"] = {**options, **({} if m.recursive else {"NonRecursive": True})}
    if m.kind == "tmpfs" and (m.size or m.mode is not None):
        size = {"SizeBytes": m.size} if m.size else {}
        found["TmpfsOptions"] = {**size, **({} if m.mode is None else {"Mode": m.mode})}
    return found


def _limits(request: ContainerRequest) -> dict[str, Any]:
    r = request.resources
    swap = r.memory_swap if r.memory_swap is not None else 2 * r.memory if r.memory else 0
    return {
        "Memory": r.memory or 0,
        "MemorySwap": swap,
        "MemoryReservation": r.memory_reservation or 0,
        "CpuShares": r.cpu_shares or 0,
        "CpuPeriod": r.cpu_period or 0,
        "CpuQuota": r.cpu_quota or 0,
        "NanoCpus": round((r.cpus or 0) * 10**9),
        "CpusetCpus": r.cpuset_cpus,
        "CpusetMems": r.cpuset_mems,
        "PidsLimit": r.pids if r.pids is None or r.pids > 0 else None,
        "OomScoreAdj": r.oom_score_adj or 0,
        "ShmSize": r.shm_size or SHM_SIZE,
        "Ulimits": [{"Name": u.name, "Hard": u.hard, "Soft": u.soft} for u in r.ulimits],
    }


def _capabilities(names: tuple[str, ...]) -> list[str] | None:
    words = [n.upper() for n in names]
    return [n if n == "ALL" or n.startswith("CAP_") else f"CAP_{n}" for n in words] or None


def _security(request: ContainerRequest) -> dict[str, Any]:
    s, spaces = request.security, request.namespaces
    devices = [{"PathOnHost": d.source, "PathInContainer": d.target, "CgroupPermissions": d.access} for d in s.devices]
    return {
        "Privileged": s.privileged,
        "CapAdd": _capabilities(s.cap_add),
        "CapDrop": _capabilities(s.cap_drop),
        "SecurityOpt": list(s.options) or None,
        "ReadonlyRootfs": s.read_only,
        "Devices": devices,
        "Sysctls": dict(s.sysctls) or ABSENT,
        "GroupAdd": list(s.groups) or None,
        "PidMode": spaces.pid,
        "IpcMode": spaces.ipc or "private",
        "UTSMode": spaces.uts,
        "CgroupnsMode": spaces.cgroup or "private",
    }


def _networking(request: ContainerRequest) -> dict[str, Any]:
    net = request.networking
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in net.ports:
        bindings.setdefault(f"{port.container_port}/{port.protocol}", []).append(_binding(port))
    return {
        "NetworkMode": request.namespaces.network,
        "PortBindings": bindings,
        "PublishAllPorts": net.publish_all,
        "Dns": list(net.dns),
        "DnsOptions": list(net.dns_options),
        "DnsSearch": list(net.dns_search),
        "ExtraHosts": [f"{name}:{address}" for name, address in net.hosts] or None,
    }


def _binding(port: PortRequest) -> dict[str, str]:
    return {"HostIp": port.host_ip, "HostPort": str(port.host_port) if port.host_port else ""}
