"""The end of a container, seen from its supervisor: the last output, why it died, what it leaves behind."""

from __future__ import annotations

import os
import select
import time

from scow.runtime import workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from scow.runtime.connection import Connection
    from scow.runtime.streams import Streams

    Groups = list[list[str]]  # (name of the hierarchy, directory) pairs

DRAIN_SECONDS = 2.0
"""How long output may come from processes that outlive the init (only without a pid namespace of their own)."""


def drain(streams: Streams, clients: Iterable[Connection]) -> None:
    """Read the outputs to their ends, and let go of them."""
    until = time.monotonic() + DRAIN_SECONDS
    while streams.outputs and (left := until - time.monotonic()) > 0:
        poll = select.poll()
        for fd in streams.outputs:
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(left * 1000):
            if not streams.read(fd, clients):
                streams.end(fd)
    streams.close()


def was_oom_killed(groups: Groups) -> bool:
    """Whether the kernel killed a process of the container for want of memory."""
    for name, directory in groups:
        if name not in ("", "memory"):
            continue
        path = f"{directory}/{'memory.oom_control' if name else 'memory.events'}"
        try:
            with open(path, encoding="ascii") as f:
                counts = dict([line.split() for line in f])
        except (OSError, ValueError):
            continue
        return counts.get("oom_kill", "0") != "0"
    return False


def clean(groups: Groups, state: dict[str, Any]) -> None:
    """Remove the cgroup and give back the addresses: by a child, if more than a few rmdirs is needed."""
    left = any(join["network"]["driver"] == "bridge" for join in state["networks"])
    for _, directory in groups:
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            pass
        except OSError:  # a straggler, or a group made inside
            left = True
    if left:
        pid, channel = workers.fork(lambda _channel: workers.clean(state))
        channel.close()
        os.waitpid(pid, 0)
