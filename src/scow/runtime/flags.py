"""The flags of ``run`` as functions: each takes a spec and returns a new one; what was passed in does not change.

Memory, CPUs, devices and other limits are in ``scow.runtime.limits``.
"""

from __future__ import annotations

import os

from scow.errors import Invalid, Unsupported
from scow.kernel.capabilities import NAMES
from scow.runtime.spec import (
    CAPABILITIES,
    INIT,
    INIT_PATH,
    NAMESPACES,
    PATH,
    SECCOMP,
    changed,
    check_sysctl,
    has_namespace,
    with_default_seccomp,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    Spec = dict[str, Any]


def capabilities(spec: Spec, add: Iterable[str] = (), drop: Iterable[str] = ()) -> Spec:
    """``--cap-add`` and ``--cap-drop``: names with or without ``CAP_``, or ``ALL``; Invalid names the unknown one.

    As docker does it: with ALL among ``add`` the rest is everything but ``drop``; with ALL among ``drop`` it is ``add``
    alone.
    """
    adds, drops = _cap_names(add, "CapAdd"), _cap_names(drop, "CapDrop")
    if "ALL" in adds:
        kept = [c for c in NAMES if c not in drops]
    elif "ALL" in drops:
        kept = [c for c in adds if c != "ALL"]
    else:
        kept = [c for c in CAPABILITIES if c not in drops]
        kept += [c for c in adds if c not in kept]
    return _set_capabilities(spec, kept)


def _cap_names(words: Iterable[str], flag: str) -> list[str]:
    found: list[str] = []
    for word in words:
        name = word.upper()
        name = name if name == "ALL" or name.startswith("CAP_") else "CAP_" + name
        if name != "ALL" and name not in NAMES:
            raise Invalid(f'invalid {flag}: unknown capability: "{name}"')
        if name not in found:
            found.append(name)
    return found


def _set_capabilities(spec: Spec, names: list[str]) -> Spec:
    new = dict(spec)
    new["process"] = {
        **spec["process"],
        "capabilities": {kind: list(names) for kind in ("bounding", "effective", "permitted")},
    }
    return with_default_seccomp(new) if spec.get("annotations", {}).get(SECCOMP) == "default" else new


def privileged(spec: Spec, devices: Iterable[Mapping[str, Any]] = ()) -> Spec:
    """``--privileged``: all capabilities, no seccomp, nothing masked or read-only, every device of the host.

    ``devices`` are the host's nodes (``scow.runtime.limits.host_devices()``).
    """

    def change(new: Spec) -> None:
        new["annotations"].pop(SECCOMP, None)
        linux = new["linux"]
        linux.pop("seccomp", None)
        linux["maskedPaths"] = linux["readonlyPaths"] = []
        linux["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
        linux["devices"] = [dict(d) for d in devices]
        for mount in new["mounts"]:
            if mount["type"] in ("sysfs", "cgroup"):
                mount["options"] = [o for o in mount["options"] if o != "ro"]

    return _set_capabilities(changed(spec, change), list(NAMES))


def process(
    spec: Spec, args: Iterable[str], env: Mapping[str, str] | None = None, cwd: str = "/", *, terminal: bool = False
) -> Spec:
    """The command: ``args``, the environment (PATH is docker's where ``env`` has none), working directory and ``-t``.

    HOME is not set here: it comes from the container's passwd file when it starts.
    """
    if cwd and not cwd.startswith("/"):
        raise Invalid(f'the working directory "{cwd}" is invalid, it needs to be an absolute path')
    full = {"PATH": PATH, **(env or {})}
    if terminal:
        full.setdefault("TERM", "xterm")

    def change(new: Spec) -> None:
        new["process"].update(args=list(args), env=[f"{k}={v}" for k, v in full.items()], cwd=cwd or "/")
        if terminal:
            new["process"]["terminal"] = True

    return changed(spec, change)


def user(spec: Spec, name: str, groups: Iterable[str] = ()) -> Spec:
    """``--user name|uid[:group|gid]`` and ``--group-add``: resolved inside the container when it starts."""

    def change(new: Spec) -> None:
        new["process"]["user"].update(username=name)
        if groups:
            new["process"]["user"]["groupNames"] = list(groups)

    return changed(spec, change)


def hostname(spec: Spec, name: str, domain: str = "") -> Spec:
    """``--hostname`` and ``--domainname``; Invalid where the container shares the host's (``uts``)."""
    if not has_namespace(spec, "uts"):
        raise Invalid("conflicting options: hostname and the UTS mode")

    def change(new: Spec) -> None:
        new["hostname"] = name
        if domain:
            new["domainname"] = domain

    return changed(spec, change)


def read_only(spec: Spec) -> Spec:
    """``--read-only``: the root file system; volumes and tmpfs stay writable, as with docker."""
    return changed(spec, lambda new: new["root"].update(readonly=True))


def sysctl(spec: Spec, settings: Mapping[str, str]) -> Spec:
    """``--sysctl``: only those of a namespace the container has for itself."""
    for key in settings:
        check_sysctl(spec, key)
    return changed(spec, lambda new: new["linux"]["sysctl"].update(settings))


def namespace(spec: Spec, kind: str, mode: str) -> Spec:
    """One of ``--network --pid --ipc --uts --cgroupns``: ``private``, ``host`` or the path of a namespace to join.

    A container's namespace is ``/proc/PID/ns/KIND`` of its first process.
    """
    if kind not in NAMESPACES or kind == "mount":
        raise Invalid(f"invalid namespace: {kind}")

    def change(new: Spec) -> None:
        linux = new["linux"]
        linux["namespaces"] = [n for n in linux["namespaces"] if n["type"] != kind]
        if mode != "host":
            linux["namespaces"].append({"type": kind} if mode == "private" else {"type": kind, "path": mode})
        if kind == "network" and mode != "private":
            linux["sysctl"] = {k: v for k, v in linux["sysctl"].items() if not k.startswith("net.")}
        if kind == "ipc" and mode == "host":
            _share_ipc(new)

    return changed(spec, change)


def user_namespace(spec: Spec, uids: Iterable[tuple[int, int, int]], gids: Iterable[tuple[int, int, int]]) -> Spec:
    """A user namespace of the container's own: rows of (id inside, id outside, count)."""

    def rows(table: Iterable[tuple[int, int, int]]) -> list[dict[str, int]]:
        return [{"containerID": inside, "hostID": outside, "size": count} for inside, outside, count in table]

    def change(new: Spec) -> None:
        linux = new["linux"]
        linux["namespaces"].append({"type": "user"})
        linux["uidMappings"], linux["gidMappings"] = rows(uids), rows(gids)
        # Its range has to be mapped, and the whole one never is; docker leaves it out there as well.
        linux["sysctl"].pop("net.ipv4.ping_group_range", None)

    return changed(spec, change)


def _share_ipc(new: Spec) -> None:
    for mount in new["mounts"]:
        if mount["destination"] == "/dev/shm":  # noqa: S108
            mount.update(type="bind", source=mount["destination"], options=["rbind", "rprivate"])


def security(spec: Spec, options: Iterable[str]) -> Spec:
    """``--security-opt``: seccomp=unconfined|FILE|builtin, no-new-privileges[=false], label=disable,
    apparmor=unconfined, systempaths=unconfined. Unsupported names what there is no support for.
    """
    for option in options:
        key, _, text = option.replace(":", "=", 1).partition("=") if "=" not in option else option.partition("=")
        spec = changed(spec, _security_change(key, text))
        if key == "seccomp" and text == "builtin":
            spec = with_default_seccomp(spec)
    return spec


def _security_change(key: str, text: str) -> Callable[[Spec], None]:
    if key == "no-new-privileges" and text in ("", "true", "false"):
        return lambda new: new["process"].update(noNewPrivileges=text != "false")
    if key == "seccomp":
        return lambda new: _seccomp(new, text)
    if key == "systempaths" and text == "unconfined":
        return lambda new: new["linux"].update(maskedPaths=[], readonlyPaths=[])
    if (key, text) in (("label", "disable"), ("apparmor", "unconfined")):
        return lambda _: None  # what there is anyway: no label, no profile
    if key in ("label", "apparmor"):
        raise Unsupported(
            f"security option {key}={text}", f"{key} confinement is not implemented; use {key} on the host"
        )
    raise Invalid(f'Invalid --security-opt: "{key}"')


def _seccomp(new: Spec, text: str) -> None:
    new["annotations"].pop(SECCOMP, None)
    new["linux"].pop("seccomp", None)
    if text == "builtin":
        new["annotations"][SECCOMP] = "default"
    elif text != "unconfined":
        from scow.runtime import light

        try:
            with open(text, "rb") as f:
                new["linux"]["seccomp"] = light.loads(f.read(4 << 20))
        except OSError as e:
            problem = (e.strerror or str(e)).lower()
            raise Invalid(f"opening seccomp profile ({text}) failed: open {text}: {problem}") from None


def mount(spec: Spec, destination: str, kind: str, source: str, options: Iterable[str]) -> Spec:
    """One more mount (``-v``, ``--mount``, ``--tmpfs``), in place of what was to be at ``destination``."""
    if not destination.startswith("/"):
        raise Invalid(f"invalid mount path: '{destination}' mount path must be absolute")
    if destination.rstrip("/") == "":
        raise Invalid("invalid specification: destination can't be '/'")
    one = {"destination": destination, "type": kind, "source": source, "options": list(options)}

    def change(new: Spec) -> None:
        new["mounts"] = [m for m in new["mounts"] if m["destination"].rstrip("/") != destination.rstrip("/")] + [one]

    return changed(spec, change)


def tmpfs(spec: Spec, destination: str, options: str = "") -> Spec:
    """``--tmpfs /path[:options]``, with docker's ``noexec,nosuid,nodev`` where the options do not say otherwise."""
    words = [w for w in options.split(",") if w]
    defaults = [w for w in ("noexec", "nosuid", "nodev") if w.removeprefix("no") not in words and w not in words]
    return mount(spec, destination, "tmpfs", "tmpfs", [*defaults, *words])


def shm_size(spec: Spec, size: int) -> Spec:
    """``--shm-size`` in bytes."""
    if size <= 0:
        raise Invalid("SHM size can not be less than 0")

    def change(new: Spec) -> None:
        for m in new["mounts"]:
            if m["destination"] == "/dev/shm" and m["type"] == "tmpfs":  # noqa: S108
                m["options"] = [o for o in m["options"] if not o.startswith("size=")] + [f"size={size}"]

    return changed(spec, change)


def init(spec: Spec, binary: str | None) -> Spec:
    """``--init``: a reaper as the first process: ``binary``, a static tini, docker-init or catatonit of the host.

    With None our own reaper serves: it works everywhere and holds about 3 MiB, a static one 0.1.
    """
    if binary is None:
        return changed(spec, lambda new: new["annotations"].update({INIT: "builtin"}))
    new = mount(spec, INIT_PATH, "bind", binary, ["bind", "ro"])
    return changed(new, lambda n: n["process"].update(args=[INIT_PATH, "--", *n["process"]["args"]]))


def find_init() -> str | None:
    """A reaper on the host fit for ``init``: docker-init, tini-static, catatonit; None if there is none."""
    folders = [*os.environ.get("PATH", PATH).split(":"), "/usr/libexec/docker", "/usr/libexec/podman"]
    for name in ("docker-init", "tini-static", "catatonit"):
        for folder in folders:
            if os.access(os.path.join(folder, name), os.X_OK):
                return os.path.join(folder, name)
    return None
