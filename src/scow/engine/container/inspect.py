"""``container inspect``: docker's document (Engine API v1.51, ContainerInspectResponse)."""

from __future__ import annotations

import os

from scow.engine.container import create, hostconfig, launch, listing, mounted, networking, states
from scow.engine.container.spec import args_of
from scow.store.timestamps import format_rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.engine.container.states import State
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store


def inspect(store: Store, record: ContainerRecord, *, size: bool = False) -> dict[str, Any]:
    """All that is known of a container; with ``size`` also what it takes on disk."""
    state = states.read(store.paths, record.id)
    config, host = record.config["Config"], record.config["HostConfig"]
    words = args_of(config)
    directory = store.paths.container(record.id)
    started = os.path.exists(f"{directory}/{states.SPEC}")
    logged = started and hostconfig.of(host, "LogConfig")["Type"] == "json-file"
    found: dict[str, Any] = {
        "Id": record.id,
        "Created": format_rfc3339(record.created),
        "Path": words[0],
        "Args": words[1:],
        "State": state_of(state),
        "Image": record.image,
        "ResolvConfPath": f"{directory}/resolv.conf" if started else "",
        "HostnamePath": f"{directory}/hostname" if started else "",
        "HostsPath": f"{directory}/hosts" if started else "",
        "LogPath": launch.log_path(directory) if logged else "",
        "Name": f"/{record.name}",
        "RestartCount": state.restarts,
        "Driver": "scow",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": hostconfig.shown(host),
        "GraphDriver": {"Data": {"ID": record.id, "UpperDir": create.upper_of(store, record)}, "Name": "scow"},
    }
    if size:
        found["SizeRw"], found["SizeRootFs"] = listing.sizes(store, record)
    found["Mounts"] = mounted.shown(record.config["Mounts"])
    found["Config"] = config
    found["NetworkSettings"] = networking.settings(record, state)
    return found


def state_of(state: State) -> dict[str, Any]:
    """Docker's ``State``."""
    return {
        "Status": "running" if state.status == "starting" else state.status,
        "Running": state.running or state.status == "starting",
        "Paused": state.status == "paused",
        "Restarting": state.status == "restarting",
        "OOMKilled": state.oom_killed,
        "Dead": False,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": state.started_at,
        "FinishedAt": state.finished_at,
    }
