"""The runtime's spec of a container, from docker's ``Config`` and ``HostConfig`` as its record keeps them. Pure but for
what it must ask of the machine: device nodes, and a static init for ``--init``.
"""

from __future__ import annotations

from scow.engine.container import hostconfig
from scow.engine.container.config import process_env
from scow.errors import Conflict, Invalid
from scow.runtime.spec import PATH, default_spec, has_namespace
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from scow.store.containers import ContainerRecord

    Spec = dict[str, Any]

FILES = (("/etc/resolv.conf", "resolv.conf"), ("/etc/hostname", "hostname"), ("/etc/hosts", "hosts"))
"""What every container finds in /etc, and the file of its directory that is bound there."""


@value
class Place:
    """What a spec needs besides the record: where its files for /etc lie, and the paths of namespaces it joins.

    ``hostname`` is that of the container whose network it shares; "" where it has its own.
    """

    directory: str
    joins: dict[str, str]
    hostname: str = ""


def args_of(config: Mapping[str, Any]) -> list[str]:
    """Entrypoint and command: what is executed."""
    return [*(config["Entrypoint"] or ()), *(config["Cmd"] or ())]


def spec_of(record: ContainerRecord, place: Place) -> Spec:
    """The OCI runtime-spec document of a container."""
    config, host = record.config["Config"], record.config["HostConfig"]
    spec = default_spec()  # ours alone: what follows may change it in place
    process = spec["process"]
    env = process_env(config, PATH)
    process.update(args=args_of(config), env=[f"{k}={v}" for k, v in env.items()], cwd=config["WorkingDir"] or "/")
    if config["Tty"]:
        process["terminal"] = True
    if config["User"]:
        process["user"]["username"] = config["User"]
    if groups := host.get("GroupAdd"):
        process["user"]["groupNames"] = groups
    spec = _namespaces(spec, host, place)
    hostname = config["Hostname"] or place.hostname
    if has_namespace(spec, "uts") and hostname:
        spec["hostname"] = hostname
        if config["Domainname"]:
            spec["domainname"] = config["Domainname"]
    spec = _privileges(spec, host)
    spec = _limits(spec, host)
    if host.get("Annotations"):
        spec["annotations"].update(host["Annotations"])
    if host.get("ReadonlyRootfs"):
        spec["root"]["readonly"] = True
    spec["mounts"] = _mounts(spec["mounts"], record, place)
    if host.get("Init"):
        from scow.runtime.flags import find_init, init

        spec = init(spec, find_init())
    return spec


def _namespaces(spec: Spec, host: dict[str, Any], place: Place) -> Spec:
    modes = {
        "network": host.get("NetworkMode", "bridge"),
        "pid": host.get("PidMode", ""),
        "ipc": host.get("IpcMode", ""),
        "uts": host.get("UTSMode", ""),
        "cgroup": host.get("CgroupnsMode", ""),
    }
    changes = {
        k: "host" if m == "host" else place.joins[k] for k, m in modes.items() if m == "host" or k in place.joins
    }
    if changes:
        from scow.runtime.flags import namespace

        for kind, mode in changes.items():
            spec = namespace(spec, kind, mode)
    if modes["ipc"] == "none":
        spec["mounts"] = [m for m in spec["mounts"] if m["destination"] != "/dev/shm"]  # noqa: S108
    return spec


_PRIVILEGES = frozenset("Privileged CapAdd CapDrop SecurityOpt Sysctls".split())


def _privileges(spec: Spec, host: dict[str, Any]) -> Spec:
    if not _PRIVILEGES & host.keys():
        return spec
    from scow.runtime import flags as make

    if host.get("Privileged"):
        from scow.runtime.limits import host_devices

        spec = make.privileged(spec, host_devices())
    elif host.get("CapAdd") or host.get("CapDrop"):
        spec = make.capabilities(spec, host.get("CapAdd") or (), host.get("CapDrop") or ())
    if host.get("SecurityOpt"):
        spec = make.security(spec, host["SecurityOpt"])
    if host.get("Sysctls"):
        spec = make.sysctl(spec, host["Sysctls"])
    return spec


# Fields of HostConfig that are limits: a container without any of them does not load the code for them.
_LIMITS = frozenset(
    "Memory MemorySwap MemoryReservation CpuShares CpuPeriod CpuQuota NanoCpus CpusetCpus CpusetMems PidsLimit "
    "OomScoreAdj ShmSize Ulimits Devices".split()
)


def _limits(spec: Spec, host: dict[str, Any]) -> Spec:
    if not _LIMITS & host.keys():
        return spec
    from scow.runtime import flags, limits

    if host.get("ShmSize"):
        spec = flags.shm_size(spec, host["ShmSize"])

    if _given(host, "Memory", "MemorySwap", "MemoryReservation"):
        swap, reservation = host.get("MemorySwap"), host.get("MemoryReservation")
        spec = limits.memory(spec, host.get("Memory"), swap=swap, reservation=reservation)
    if _given(host, "CpuShares", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems"):
        spec = limits.cpu(
            spec,
            shares=host.get("CpuShares"),
            period=host.get("CpuPeriod"),
            quota=host.get("CpuQuota"),
            cpuset=host.get("CpusetCpus"),
            mems=host.get("CpusetMems"),
        )
    if host.get("NanoCpus"):
        spec = limits.cpus(spec, host["NanoCpus"] / 10**9)
    if host.get("PidsLimit"):
        spec = limits.pids(spec, host["PidsLimit"])
    if host.get("OomScoreAdj"):
        spec = limits.oom_score_adj(spec, host["OomScoreAdj"])
    if host.get("Ulimits"):
        spec = limits.ulimits(spec, {u["Name"]: (u["Soft"], u["Hard"]) for u in host["Ulimits"]})
    if not host.get("Privileged"):
        for d in host.get("Devices") or ():
            spec = limits.device(spec, d["PathOnHost"], d["PathInContainer"], d["CgroupPermissions"])
    return spec


def _given(host: dict[str, Any], *names: str) -> bool:
    return any(host.get(n) for n in names)


def own_mounts(record: ContainerRecord, place: Place) -> list[dict[str, Any]]:
    """What is mounted in a container besides what every container has, as the spec's entries, shallow paths first."""
    return _mounts([], record, place)


def _mounts(defaults: list[dict[str, Any]], record: ContainerRecord, place: Place) -> list[dict[str, Any]]:
    """All mounts, shallow paths first (moby's order), so that none hides another that was asked for inside it."""
    host = record.config["HostConfig"]
    own = [*_tmpfs(host), *(_point(m, host) for m in record.config["Mounts"] if m["Type"] != "tmpfs")]
    targets = {m["destination"] for m in own}
    for target, file in FILES:
        if target not in targets:
            options = ["bind", "rprivate", *(["ro"] if host.get("ReadonlyRootfs") else [])]
            own.append(
                {"destination": target, "type": "bind", "source": f"{place.directory}/{file}", "options": options}
            )
    own.sort(key=lambda m: m["destination"].rstrip("/").count("/"))
    if "/dev" in targets:
        defaults = [m for m in defaults if not m["destination"].startswith("/dev/")]
    return [m for m in defaults if m["destination"] not in targets] + own


def _point(m: dict[str, Any], host: dict[str, Any]) -> dict[str, Any]:
    flat = any(
        (long.get("BindOptions") or {}).get("NonRecursive") and long["Target"] == m["Destination"]
        for long in host.get("Mounts") or ()
    )
    options = [
        "bind" if flat else "rbind",
        m.get("Propagation") or "rprivate",
        "rw" if m["RW"] else "ro" if flat else "rro",
    ]
    return {"destination": m["Destination"], "type": "bind", "source": m["Source"], "options": options}


def _tmpfs(host: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for target, text in (host.get("Tmpfs") or {}).items():
        words = [w for w in text.split(",") if w]
        defaults = [w for w in ("noexec", "nosuid", "nodev") if w.removeprefix("no") not in words and w not in words]
        found.append(_tmpfs_mount(target, [*defaults, *words]))
    for long in host.get("Mounts") or ():
        if long["Type"] == "tmpfs":
            options = long.get("TmpfsOptions") or {}
            words = ["noexec", "nosuid", "nodev", *(["ro"] if long.get("ReadOnly") else [])]
            words += [f"mode={options['Mode']:o}"] if "Mode" in options else []
            words += [f"size={options['SizeBytes']}"] if options.get("SizeBytes") else []
            found.append(_tmpfs_mount(long["Target"], words))
    return found


def _tmpfs_mount(target: str, words: list[str]) -> dict[str, Any]:
    return {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": words}


def check(host: dict[str, Any]) -> None:
    """What can be told to be wrong before the container exists. Invalid, Conflict, Unsupported."""
    if hostconfig.of(host, "IpcMode").startswith("container:"):
        raise Conflict(
            f"cannot join IPC of {host['IpcMode'].removeprefix('container:')}: it is not shareable",
            hint="containers can share the host's with --ipc host",
        )
    for d in host.get("Devices") or ():
        if set(d["CgroupPermissions"]) - set("rwm"):
            raise Invalid(f"invalid device mode: {d['CgroupPermissions']}")
    _privileges(default_spec(), {k: v for k, v in host.items() if k in ("CapAdd", "CapDrop", "SecurityOpt")})
