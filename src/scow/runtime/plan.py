"""A bundle and a host give the steps that make the container's root: pure, so that a plan can be read and compared."""

from __future__ import annotations

from scow.errors import Invalid, Unsupported
from scow.kernel.mount import Mount
from scow.runtime.steps.cgroups import CgroupView
from scow.runtime.steps.devices import DEFAULT_DEVICES, Device, DeviceLinks
from scow.runtime.steps.mounts import Bind, Filesystem
from scow.runtime.steps.protect import Mask, ReadOnly
from scow.runtime.steps.rootfs import Directory, MountRoot, Pivot, ReadOnlyRoot
from scow.runtime.steps.settings import Loopback, Names, Sysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from scow.runtime.bundle import Bundle
    from scow.runtime.host import Host
    from scow.runtime.steps.root import Step


def plan(bundle: Bundle, host: Host) -> tuple[Step, ...]:
    """The steps for ``bundle`` on ``host``, in order; Invalid or Unsupported names what the spec asks in vain."""
    spec = bundle.spec
    check(spec)
    return (
        *_root(bundle),
        *_mounts(spec, host),
        *_devices(spec, host),
        *_settings(spec),
        *_protection(spec),
        Directory(spec["process"].get("cwd") or "/"),
        *([ReadOnlyRoot()] if spec.get("root", {}).get("readonly") else []),
        Pivot(),
    )


def check(spec: dict[str, Any]) -> None:
    """Refuse by name what this runtime does not do, and what contradicts itself."""
    linux = spec.get("linux") or {}
    if not isinstance(spec.get("process"), dict) or not isinstance(linux.get("namespaces"), list):
        raise Invalid("spec: process and linux.namespaces are needed")
    if any((spec.get("hooks") or {}).values()):
        raise Unsupported("spec: hooks")
    for name in ("intelRdt", "personality", "mountLabel", "timeOffsets", "rootfsPropagation"):
        if linux.get(name) and (name, linux[name]) != ("rootfsPropagation", "rprivate"):
            raise Unsupported(f"spec: linux.{name}")
    for name in ("apparmorProfile", "selinuxLabel", "scheduler", "ioPriority", "execCPUAffinity"):
        if spec["process"].get(name):
            raise Unsupported(f"spec: process.{name}")
    if (linux.get("seccomp") or {}).get("listenerPath"):
        raise Unsupported("spec: linux.seccomp.listenerPath")
    if not any(n["type"] == "mount" for n in linux["namespaces"]):
        raise Unsupported("spec: a container without a mount namespace")
    if any(n["type"] == "mount" and n.get("path") for n in linux["namespaces"]):
        raise Unsupported("spec: a mount namespace to join")


def _root(bundle: Bundle) -> Iterator[Step]:
    below = [m for m in bundle.rootfs if m.target.strip("/")]
    own = [m for m in bundle.rootfs if not m.target.strip("/")]
    if len(own) != 1:
        raise Invalid(f"bundle {bundle.id}: {len(own)} mounts for the root, not one")
    yield MountRoot(own[0])
    yield from (Bind(m) if m.type == "bind" else Filesystem(m) for m in below)


def _mounts(spec: dict[str, Any], host: Host) -> Iterator[Step]:
    for entry in spec.get("mounts") or []:
        words = tuple(entry.get("options") or ())
        m = Mount(entry.get("type") or "bind", entry.get("source") or "", entry["destination"], words)
        if not m.target.startswith("/"):
            raise Invalid(f'mount destination "{m.target}" not absolute')
        if m.type in ("cgroup", "cgroup2"):
            yield CgroupView(m.target, host.cgroups, host.links, words)
        elif m.type == "bind" or "bind" in words or "rbind" in words:
            kind = () if {"bind", "rbind"} & set(words) else ("rbind",)
            yield Bind(Mount("bind", m.source, m.target, (*kind, *words)))
        else:
            # devpts has one instance per mount since Linux 4.7; the new mount API does not know the word.
            yield Filesystem(
                Mount(m.type, m.source or m.type, m.target, tuple([w for w in words if w != "newinstance"]))
            )


def _devices(spec: dict[str, Any], host: Host) -> Iterator[Step]:
    if any(_is_host_dev(m) for m in spec.get("mounts") or []):
        return  # /dev is the host's: nothing to add to it
    listed = {d["path"] for d in spec["linux"].get("devices") or []}
    for path, major, minor in DEFAULT_DEVICES:
        if path not in listed:
            yield Device(path, "c", major, minor, bind="" if host.mknod else path)
    for d in spec["linux"].get("devices") or []:
        if d["path"] == "/dev/ptmx":
            continue  # a link to the container's own
        ids = d.get("uid") or 0, d.get("gid") or 0
        mode = d["fileMode"] if d.get("fileMode") is not None else 0o666
        bind = "" if host.mknod else d["path"]
        yield Device(d["path"], d["type"], d.get("major", 0), d.get("minor", 0), mode, *ids, bind)
    yield DeviceLinks()


def _is_host_dev(mount: dict[str, Any]) -> bool:
    binds = mount.get("type") == "bind" or {"bind", "rbind"} & set(mount.get("options") or ())
    return bool(binds) and mount["destination"].rstrip("/") == "/dev"


def _settings(spec: dict[str, Any]) -> Iterator[Step]:
    from scow.runtime.spec import check_sysctl, has_namespace

    if spec.get("hostname") or spec.get("domainname"):
        if not has_namespace(spec, "uts"):
            raise Invalid("unable to set hostname without a private UTS namespace")
        yield Names(spec.get("hostname") or "", spec.get("domainname") or "")
    if any(n["type"] == "network" and not n.get("path") for n in spec["linux"]["namespaces"]):
        yield Loopback()
    for key, text in (spec["linux"].get("sysctl") or {}).items():
        check_sysctl(spec, key)
        yield Sysctl(key, str(text))


def _protection(spec: dict[str, Any]) -> Iterator[Step]:
    if spec["linux"].get("readonlyPaths"):
        yield ReadOnly(tuple(spec["linux"]["readonlyPaths"]))
    if spec["linux"].get("maskedPaths"):
        yield Mask(tuple(spec["linux"]["maskedPaths"]))
