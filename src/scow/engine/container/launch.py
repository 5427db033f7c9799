"""Starting: a container's supervisor gets its order, and what it makes is handed to whoever asked."""

from __future__ import annotations

import os
import sys

from scow.engine.container import create, states
from scow.engine.container.remove import delete, wait_gone
from scow.engine.container.session import Session
from scow.engine.container.spec import Place, spec_of
from scow.errors import Conflict, Error
from scow.runtime import light
from scow.runtime.bundle import Bundle
from scow.runtime.handle import Handle, LogFile, Order, prestart
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.engine.container.states import State
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store

NAMESPACE_FILES = {"network": "net", "pid": "pid", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup"}


@value
class How:
    """How to start: ``attach`` any of the letters i, o, e; ``size`` of the terminal (rows, columns)."""

    attach: str = ""
    size: tuple[int, int] = (0, 0)


def start(store: Store, record: ContainerRecord, how: How, handle: Handle | None = None) -> Session:
    """Start a container that is not running. Conflict; Error with docker's exit code (125 to 127) if that fails.

    Whoever has the session of a ``--rm`` container removes it (``Containers.removed``) when it ends; its supervisor
    does if the session is closed before.
    """
    from scow.store import containers as rows
    from scow.store import locks

    with locks.exclusive(store.paths.lock("container", record.id)):
        rows.get(store.state, record.id)  # NotFound: it has been removed meanwhile, and would be made again in part
        check_startable(record, states.read(store.paths, record.id))
        wait_gone(store, record.id)
        create.make_ready(store, record)
        handle = handle or prestart(networks=record.config["HostConfig"].get("NetworkMode", "bridge") == "bridge")
        try:
            handle.create(order_of(store, record, how))
            if how.attach:
                handle.attach(how.attach)
            if record.config["HostConfig"].get("AutoRemove"):
                handle.claim_removal()
            handle.start()
        except (Error, OSError):
            if record.config["HostConfig"].get("AutoRemove"):
                delete(store, record, volumes=True)
                handle.removed()
            handle.cancel()
            raise
        except BaseException:
            handle.cancel()
            raise
    return Session(store.paths.container_run(record.id), handle)


def check_startable(record: ContainerRecord, state: State) -> None:
    """Conflict if the container runs, or is paused."""
    if state.status == "paused":
        raise Conflict("cannot start a paused container, try unpause instead")
    if state.active:
        raise Conflict(f"container {record.id} is already running")


def order_of(store: Store, record: ContainerRecord, how: How) -> Order:
    """What the supervisor is told. Writes the files it needs into the container's directory."""
    from scow.engine.container import files, networking

    host, settings = record.config["HostConfig"], record.config["Config"]
    directory, run = store.paths.container(record.id), store.paths.container_run(record.id)
    place = Place(directory, joins(store, host))
    network = host.get("NetworkMode", "bridge")
    networks = networking.joins(store, record)
    if network.startswith("container:"):
        shared = _running(store, network.partition(":")[2], "network")[0]
        place = Place(store.paths.container(shared.id), place.joins, shared.config["Config"]["Hostname"])
    else:
        files.write(directory, record, networks[0].network.gateway if networks else "")
    spec = spec_of(record, place)
    _replace(f"{directory}/{states.SPEC}", light.dumps(spec).encode())
    rootfs = store.layers.mounts(record.id)
    log = host.get("LogConfig") or {"Type": "json-file", "Config": {}}
    policy = host.get("RestartPolicy") or {"Name": "no", "MaximumRetryCount": 0}
    return Order(
        Bundle(record.id, spec, rootfs, directory, run),
        stdin="none" if not settings["OpenStdin"] else "once" if settings["StdinOnce"] else "open",
        size=how.size,
        log=LogFile(log_path(directory), *log_limits(log["Config"])) if log["Type"] == "json-file" else None,
        networks=networks,
        restart=(policy["Name"], policy["MaximumRetryCount"]),
        on_exit=removal_command(store, record.id) if host.get("AutoRemove") else (),
    )


def log_path(directory: str) -> str:
    """The log of the container with this directory."""
    return f"{directory}/log"


def log_limits(options: dict[str, str]) -> tuple[int, int]:
    """``max-size`` in bytes (0: none) and ``max-file`` of the log options."""
    from scow.engine.container.logoptions import limits

    return limits(options) if options else (0, 1)


def joins(store: Store, host: dict[str, Any]) -> dict[str, str]:
    """Paths of the namespaces of other containers that a container joins, by kind."""
    fields = {"network": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode", "uts": "UTSMode"}
    found = {}
    for kind, field in fields.items():
        mode = host.get(field) or ""
        if mode.startswith("container:"):
            state = _running(store, mode.partition(":")[2], kind)[1]
            found[kind] = f"/proc/{state.pid}/ns/{NAMESPACE_FILES[kind]}"
    return found


def _running(store: Store, text: str, kind: str) -> tuple[ContainerRecord, State]:
    from scow.store import containers as rows

    other = rows.get(store.state, text)
    state = states.read(store.paths, other.id)
    if not state.pid:
        raise Conflict(f"cannot join {kind} namespace of a non running container: {other.id}")
    return other, state


def removal_command(store: Store, container: str) -> tuple[str, ...]:
    """What a supervisor executes to remove its container when nobody else has."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "autoremove.py")
    flags = ("-I", "-S", "-X", "utf8", "-X", "frozen_modules=on")
    return (os.path.realpath(sys.executable), *flags, script, store.paths.root, store.paths.run, container)


def _replace(path: str, content: bytes) -> None:
    fd = os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)
    os.rename(f"{path}.tmp", path)
