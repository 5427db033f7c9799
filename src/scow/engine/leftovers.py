"""What killed processes left outside the store's files: containers without a supervisor, groups, mounts, addresses.

The engine's part of ``system check``; the store's own is ``scow.store.check``. Only what belongs to this store is
touched: a container by its id, a build step by its snapshot, a mount by its place. What no store explains is the
default store's to find: bridges of stores deleted by hand, and control groups that have been empty for a while.
"""

from __future__ import annotations

import os
import time
from functools import partial

from scow.runtime import recovery, statefile
from scow.store import containers as container_rows
from scow.store import locks
from scow.store import volumes as volume_rows
from scow.store.faults import Fault
from scow.store.leases import Leases
from scow.store.paths import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from scow.runtime.net.network import NetworkConfig
    from scow.store.containers import ContainerRecord
    from scow.store.faults import Finding
    from scow.store.store import Store

PARENT = "scow"
"""The control group that all others are in, on every hierarchy."""
EMPTY_SECONDS = 60
"""How long a control group that is nobody's may be empty: between its making and its first process are milliseconds."""


def finders(store: Store) -> tuple[Callable[[], Iterable[Finding]], ...]:
    """The checks in order: the dead are buried first, and what then remains of them is found by the others."""
    checks = (containers, strangers, groups, mounts, addresses, ports, bridges, volumes)
    return tuple([partial(check, store) for check in checks])


def containers(store: Store) -> Iterator[Finding]:
    """Containers whose supervisor was killed, and ended ones that ``--rm`` should have taken away."""
    for record in container_rows.list_all(store.state):
        where = f"{record.name} ({record.id[:12]})"
        run = store.paths.container_run(record.id)
        if _is_damaged(run):
            yield (
                Fault("state of container is damaged", where, "end the container and forget its state"),
                partial(_end, run, sound=False),
            )
        elif _is_orphan(run):
            yield Fault("container's supervisor was killed", where, "note its end"), partial(_bury, store, record)
        elif _outlived_itself(store, record):
            yield (
                Fault("container should have been removed when it ended", where, "remove it"),
                partial(_remove, store, record),
            )


def _is_damaged(run: str) -> bool:
    from scow.errors import Corrupt

    try:
        statefile.read(run)
    except Corrupt:
        return True
    return False


def _is_orphan(run: str) -> bool:
    """Whether a state claims life that nobody vouches for."""
    found = statefile.read(run)
    return found is not None and found["status"] in statefile.LIVE and not statefile.owner(run)


def _bury(store: Store, record: ContainerRecord) -> None:
    recovery.state(store.paths.container_run(record.id))
    if record.config["HostConfig"].get("AutoRemove"):
        _remove(store, record)


def _outlived_itself(store: Store, record: ContainerRecord) -> bool:
    """Whether a ``--rm`` container has run, has ended, and nobody is about to remove it."""
    if not record.config["HostConfig"].get("AutoRemove"):
        return False
    run = store.paths.container_run(record.id)
    found = statefile.read(run)
    if found is None or found["status"] in statefile.LIVE or statefile.owner(run):
        return False
    # Its supervisor has left the removal to the command that waited for it: give that a moment.
    return _age(f"{run}/state.json") > 2 and not locks.is_held(store.paths.lock("container", record.id))


def _remove(store: Store, record: ContainerRecord) -> None:
    from scow.engine.container.remove import remove

    remove(store, record, force=True, volumes=True)


def strangers(store: Store) -> Iterator[Finding]:
    """Run directories of containers that the store does not know (any more)."""
    known = {record.id for record in container_rows.list_all(store.state)}
    folder = f"{store.paths.run}/containers"
    for name in sorted(os.listdir(folder)):
        path = f"{folder}/{name}"
        if name in known or locks.is_held(store.paths.lock("container", name)):
            continue
        if pid := statefile.owner(path):
            what, remedy = (
                f"process {pid} supervises a container that is not in the store",
                "kill it, and the container",
            )
        else:
            what, remedy = "state belongs to no container", "remove it"
        yield Fault(what, path, remedy), partial(_end, path, sound=not _is_damaged(path))


def _end(run: str, *, sound: bool = True) -> None:
    """Kill a supervisor, which its container does not survive, and remove what they leave. What a damaged state does
    not tell, the checks that follow find.
    """
    import signal

    from scow.store.gc import remove_tree

    if pid := statefile.owner(run):
        os.kill(pid, signal.SIGKILL)
        while statefile.owner(run) == pid:
            time.sleep(0.005)
    if sound:
        recovery.state(run)
    remove_tree(run)


def groups(store: Store) -> Iterator[Finding]:
    """Control groups of containers and build steps that are no more."""
    from scow.kernel import cgroup

    hierarchy = cgroup.detect()
    tops = {f"{mount}/{PARENT}" for _, mount in hierarchy.v1} or {f"{hierarchy.v2}/{PARENT}"}
    names = sorted({name for top in tops for name in _directories(top)})
    mine, since = {record.id for record in container_rows.list_all(store.state)}, _oldest_lease(store)
    for name in names:
        group = cgroup.open_group(f"/{PARENT}/{name}", hierarchy)
        where = next((f"{top}/{name}" for top in sorted(tops) if os.path.isdir(f"{top}/{name}")), "")
        if not where:
            continue  # its container has ended just now
        if name in mine:
            dead = not statefile.owner(store.paths.container_run(name))
        elif os.path.isdir(store.paths.snapshot(name)):
            dead = not group.pids() and _changed(where) < since
        else:
            dead = _speaks_for_host(store.paths) and not group.pids() and _age(where) > EMPTY_SECONDS
        if dead:
            yield Fault("control group belongs to nothing that runs", where, "remove it"), partial(_remove_group, group)


def _speaks_for_host(paths: Paths) -> bool:
    """Whether it is this store's to find what no store explains: the default one's."""
    from scow.runtime.net.network import DEFAULT_RUN

    return os.path.realpath(paths.run) == DEFAULT_RUN


def _directories(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [e.name for e in entries if e.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _remove_group(group: object) -> None:
    group.kill()  # type: ignore[attr-defined]
    group.remove()  # type: ignore[attr-defined]


def mounts(store: Store) -> Iterator[Finding]:
    """Mounts where only scow mounts, of layers that are gone and of work nobody does."""
    from scow.kernel.mount import MNT_DETACH, umount

    for point in dead_mounts(store.paths):
        yield Fault("something is mounted that nobody uses", point, "unmount it"), partial(umount, point, MNT_DETACH)


def dead_mounts(paths: Paths) -> list[str]:
    """Mount points in scow's own directories of this store that nothing stands for, innermost first."""
    from scow.kernel import mountinfo

    paths = Paths(os.path.realpath(paths.root), os.path.realpath(paths.run))
    run, found = paths.run, []
    for mount in reversed(mountinfo.mounts()):
        folder, _, below = mount.point.removeprefix(f"{run}/layers/").partition("/")
        if mount.point.startswith(f"{run}/layers/"):
            if below or not os.path.exists(f"{paths.layers}/{folder}/meta.json"):
                found.append(mount.point)
            continue
        for top in (f"{paths.tmp}/", f"{paths.snapshots}/", f"{paths.containers}/", f"{run}/containers/"):
            if mount.point.startswith(top) and not locks.is_held(top + mount.point[len(top) :].partition("/")[0]):
                found.append(mount.point)
    return found


def addresses(store: Store) -> Iterator[Finding]:
    """Addresses given to containers and build steps that are no more."""
    from scow.runtime.net import addresses as files

    for network in networks(store.paths):
        folder = files.directory(store.paths.run, network)
        for address in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if not has_user(store.paths, files.owner(folder, address)):
                fault = Fault("address is held for nobody", f"{folder}/{address}", "give it back")
                yield fault, partial(_give_back, store.paths, network, address)


def networks(paths: Paths) -> list[NetworkConfig]:
    """The networks of a run directory; damaged files are passed over."""
    from scow.errors import Error
    from scow.runtime.net import network

    folder, found = f"{paths.run}/net", []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.endswith(".json"):
            try:
                found.append(network.load(folder, name.removesuffix(".json")))
            except Error:
                continue
    return found


def has_user(paths: Paths, name: str) -> bool:
    """Whether who was given an address can still be using it: a container by its id, or a build (``buildnet``)."""
    if not name:
        return False
    if name.startswith("build-"):
        from scow.engine.buildnet import is_alive

        return is_alive(name)
    return bool(statefile.owner(paths.container_run(name)))


def _give_back(paths: Paths, network: NetworkConfig, address: str) -> None:
    """Remove an address's file, unless it has been given to somebody since."""
    from scow.runtime.net import addresses as files
    from scow.runtime.net.network import lock

    folder = files.directory(paths.run, network)
    with lock(paths.run):
        if not has_user(paths, files.owner(folder, address)):
            os.unlink(f"{folder}/{address}")


def ports(store: Store) -> Iterator[Finding]:
    """Published ports of containers that do not run."""
    from scow.runtime.net import firewall, network

    mine = {record.id: record.name for record in container_rows.list_all(store.state)}
    if not any(n.driver == "bridge" for n in networks(store.paths)):
        return
    with network.lock(store.paths.run):
        dead = [c for c in firewall.published() if c in mine and not statefile.owner(store.paths.container_run(c))]
    for container in dead:
        where = f"{mine[container]} ({container[:12]})"
        yield (
            Fault("port is published for a container that does not run", where, "remove the rules"),
            partial(_unpublish, store.paths, container),
        )


def _unpublish(paths: Paths, container: str) -> None:
    from scow.runtime.net import firewall, network

    with network.lock(paths.run):
        firewall.unpublish(container)


def bridges(store: Store) -> Iterator[Finding]:
    """Bridges of stores that were deleted by hand."""
    from scow.runtime.net import bridge

    if not _speaks_for_host(store.paths):
        return
    for interface, run in bridge.orphans():
        fault = Fault(f"bridge of {run}, which is gone", interface, "remove it with its rules")
        yield fault, partial(_remove_bridge, store.paths, interface)


def _remove_bridge(paths: Paths, interface: str) -> None:
    from scow.runtime.net import bridge, network

    with network.lock(paths.run):
        bridge.remove(network.NetworkConfig(interface, interface=interface))


def volumes(store: Store) -> Iterator[Finding]:
    """Volumes without a row. Never deleted here: they may be all that is left of somebody's data."""
    known = {record.name for record in volume_rows.list_all(store.state)}
    for name in sorted(_directories(f"{store.paths.root}/volumes")):
        path = f"{store.paths.root}/volumes/{name}"
        if name in known or locks.is_held(store.paths.lock("volume", name)):
            continue
        yield Fault("volume is not in the database", path, "enter it again"), partial(_adopt, store, name)


def _adopt(store: Store, name: str) -> None:
    from scow.engine.container.volumes import ensure

    ensure(store, name, anonymous=len(name) == 64)


def _oldest_lease(store: Store) -> int:
    """What changed since then (ns) may belong to work under way."""
    return min([lease.since for lease in Leases(store.paths).live()], default=1 << 63)


def _changed(path: str) -> int:
    """When ``path`` changed (ns); for a thing that is gone, now."""
    try:
        return os.stat(path, follow_symlinks=False).st_ctime_ns
    except FileNotFoundError:
        return time.time_ns()


def _age(path: str) -> float:
    """Seconds since ``path`` changed."""
    return (time.time_ns() - _changed(path)) / 1e9
