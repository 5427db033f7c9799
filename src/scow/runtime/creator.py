"""Bundle to process: cgroup, namespaces, the init inside them. Used by a supervisor's child and by the zygote."""

from __future__ import annotations

import os

from scow.errors import Error
from scow.kernel import cgroup, namespaces, process
from scow.kernel.cgroup_v1 import V1
from scow.kernel.cgroup_v2 import V2
from scow.runtime import init, privileges
from scow.runtime.host import Host, in_user_namespace
from scow.runtime.limits import IMPLICIT
from scow.runtime.plan import plan
from scow.runtime.steps.console import Console
from scow.runtime.steps.root import Root
from scow.runtime.steps.rootfs import Directory
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.kernel.cgroup import Cgroup, Hierarchy
    from scow.runtime.bundle import Bundle
    from scow.runtime.channel import Channel

ALWAYS_NEW = namespaces.CLONE_NEWNS


@value
class Request:
    """One container to make: its bundle, the channel for its init, its three streams.

    ``sibling``: the init becomes a child of our parent (the supervisor), not ours. ``size`` is the terminal's (rows,
    columns).
    """

    bundle: Bundle
    channel: Channel
    stdio: tuple[int, ...]
    sibling: bool = False
    size: tuple[int, int] = (0, 0)


@value
class Born:
    """A container that is being made by its own init: its pid and pidfd, and where its cgroup is on the host."""

    pid: int
    pidfd: int
    cgroup: str
    groups: tuple[tuple[str, str], ...]


def cgroup_path(bundle: Bundle) -> str:
    """The container's cgroup below each hierarchy: the spec's ``linux.cgroupsPath``, else ``/scow/<id>``."""
    path = str(bundle.spec["linux"].get("cgroupsPath") or f"/scow/{bundle.id}")
    parts = [p for p in path.replace(":", "/").split("/") if p not in ("", ".", "..")]
    return "/" + "/".join(parts)


def preload() -> None:
    """Import what an init imports in passing: it cannot any more (``init.seal``)."""
    import _signal  # type: ignore[import-not-found]
    import _socket
    import resource
    import stat
    import termios

    del _signal, _socket, resource, stat, termios


def create(request: Request, hierarchy: Hierarchy | None = None) -> Born:
    """Make the container's init; it reports on the channel. What a failure here has left is removed."""
    preload()
    bundle = request.bundle
    spec = bundle.spec
    hierarchy = hierarchy or cgroup.detect()
    path = cgroup_path(bundle)
    privileges_filter = privileges.compile_filter(spec["linux"].get("seccomp"))
    group = cgroup.create_group(path, _limits(spec), hierarchy)
    try:
        groups, links = _view(group, hierarchy)
        host = Host(not in_user_namespace(spec), groups, links)
        steps = plan(bundle, host)
        if spec["process"].get("terminal"):
            at = next(i for i, s in enumerate(steps) if isinstance(s, Directory))
            steps = (*steps[:at], Console(*request.size), *steps[at:])
        root = Root()
        for step in steps:
            if prepare := getattr(step, "prepare", None):
                prepare(root)
        mapped = any(n["type"] == "user" for n in spec["linux"]["namespaces"])
        joins = group if isinstance(group, V1) and not mapped else None  # a mapped root may not write to cgroup files
        birth = init.Birth(bundle, steps, root, request.channel, request.stdio, joins, privileges_filter)
        pid, pidfd = _clone(birth, group, sibling=request.sibling)
    except BaseException:
        group.remove()
        raise
    for tree in root.trees.values():
        os.close(tree)
    return Born(pid, pidfd, path, groups)


def _limits(spec: dict[str, Any]) -> cgroup.Limits:
    resources = dict(spec["linux"].get("resources") or {})
    rules = resources.get("devices") or []
    if (rules and not rules[-1].get("allow")) or any(not r.get("allow") for r in rules):
        resources["devices"] = [*rules, *IMPLICIT]
    return cgroup.from_oci(resources)


def _view(group: Cgroup, hierarchy: Hierarchy) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """(name, directory) of the group in each hierarchy, and (alias, name) for controllers mounted together."""
    if isinstance(group, V2):
        return (("", group.directory),), ()
    if not isinstance(group, V1):
        return (), ()
    mounts = dict(hierarchy.v1)
    names: dict[str, str] = {}
    groups, links = [], []
    for controller, directory in group.directories().items():
        name = os.path.basename(mounts[controller])
        if mounts[controller] not in names:
            names[mounts[controller]] = name
            groups.append((name, directory))
        if controller != name:
            links.append((controller, name))
    return tuple(groups), tuple(links)


def _clone(birth: init.Birth, group: Cgroup, *, sibling: bool) -> tuple[int, int]:
    """The init, in its new namespaces; those to be joined are entered first, by us."""
    wanted = birth.bundle.spec["linux"]["namespaces"]
    flags = 0
    for entry in wanted:
        flag = namespaces.FLAGS[entry["type"]]
        if entry.get("path"):
            _join(entry["path"], flag)
        elif entry["type"] != "cgroup":  # made by the init itself, once it is in its group
            flags |= flag
    maps = _pipe() if flags & namespaces.CLONE_NEWUSER else (-1, -1)
    where = os.open(group.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if isinstance(group, V2) else -1
    pid, pidfd = namespaces.clone(flags | (namespaces.CLONE_PARENT if sibling else 0), where)
    if pid == 0:
        if maps[1] >= 0:
            os.close(maps[1])
        init.main(birth, maps[0])
    for fd in (where, maps[0]):
        if fd >= 0:
            os.close(fd)
    if maps[1] >= 0:
        try:
            if isinstance(group, V1):
                group.add(pid)
            namespaces.write_id_maps(pid, *[_rows(birth.bundle.spec, f"{kind}Mappings") for kind in ("uid", "gid")])
            os.write(maps[1], b"m")
        except BaseException:
            namespaces.pidfd_send_signal(pidfd, process.SIGKILL)
            raise
        finally:
            os.close(maps[1])
    return pid, pidfd


def _pipe() -> tuple[int, int]:
    return os.pipe()


def _rows(spec: dict[str, Any], name: str) -> list[tuple[int, int, int]]:
    return [(m["containerID"], m["hostID"], m["size"]) for m in spec["linux"].get(name) or []]


def _join(path: str, flag: int) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Error(f"namespace {path} does not exist", "the container it belongs to has to be running") from None
    try:
        namespaces.setns(fd, flag)
    finally:
        os.close(fd)
