"""What a container is doing, in docker's words, from what its supervisor wrote down."""

from __future__ import annotations

import os

from scow.runtime import recovery
from scow.runtime.statefile import NEVER
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.store.paths import Paths

REBOOTED = 255
"""Exit code of a container that ran when the machine went down, as docker's."""
STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
ACTIVE = frozenset(("running", "paused", "restarting", "starting"))
SPEC = "config.json"
"""Written into the container's directory at every start: where it is without a state, the machine has rebooted."""


@value
class State:
    """One container's state. ``status`` is one of STATES, or "starting" between the first sign of life and running."""

    status: str = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: str = NEVER
    finished_at: str = NEVER
    oom_killed: bool = False
    restarts: int = 0
    cgroup: str = ""
    endpoints: tuple[Any, ...] = ()

    @property
    def active(self) -> bool:
        """Whether it has a process, or will have one without anybody asking."""
        return self.status in ACTIVE

    @property
    def running(self) -> bool:
        """Docker's ``State.Running``."""
        return self.status in ("running", "paused", "restarting")


def read(paths: Paths, container: str) -> State:
    """The state of a container; one whose supervisor was killed is set right first (it ended with it: 137)."""
    found = recovery.state(paths.container_run(container))
    if found is None:
        ran = os.path.exists(f"{paths.container(container)}/{SPEC}")
        return State("exited", exit_code=REBOOTED) if ran else State()
    status = str(found["status"])
    if status == "exited" and found["error"] and found["started_at"] == NEVER:
        status = "created"  # docker's word for what could not be started
    elif status in ("creating", "created"):
        status = "starting"
    return State(
        status=status,
        pid=found["pid"],
        exit_code=found["exit_code"] or 0,
        error=found["error"],
        started_at=found["started_at"],
        finished_at=found["finished_at"],
        oom_killed=found["oom_killed"],
        restarts=found["restarts"],
        cgroup=found["cgroup"],
        endpoints=tuple(found["endpoints"]),
    )
