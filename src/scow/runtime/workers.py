"""What a supervisor has done by a child of its own, so that what it takes to do it never weighs on the supervisor.

A child is forked from a bare interpreter of one thread, imports what it needs, reports on a channel and ends.
"""

from __future__ import annotations

import os
import sys

from scow.runtime import light
from scow.runtime.channel import MOST_FDS, Channel, pair, read_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


def fork(work: Callable[[Channel], None]) -> tuple[int, Channel]:
    """Run ``work`` in a child with one end of a channel: (its pid, the other end)."""
    ours, theirs = pair()
    pid = os.fork()
    if pid == 0:
        child(work, theirs)
    os.close(theirs)
    return pid, Channel(ours)


def child(work: Callable[[Channel], None], fd: int) -> NoReturn:
    """Do ``work`` with the channel on ``fd`` and nothing else open, as a process that was forked for it."""
    code = 1
    try:
        os.dup2(fd, 3, inheritable=False)
        os.closerange(4, 1 << 20)
        work(Channel(3))
        code = 0
    except BaseException as e:
        from scow.runtime.init import CREATE_FAILED, report

        report(Channel(3), e, CREATE_FAILED)
    finally:
        os._exit(code)


def create(channel: Channel) -> None:
    """Make the container: load everything, wait for the order, then act on it.

    In: one message with the order (a memory file) and the three streams. Out: ``p`` the init's pid and cgroup, then
    what the init reports, ``h`` descriptors that keep ports of the host, and ``n`` once the networks are up.
    """
    from scow.kernel import cgroup, namespaces
    from scow.runtime import bundle, creator
    from scow.runtime.privileges import compile_filter
    from scow.runtime.spec import default_spec

    if "network" in sys.argv:
        from scow.runtime.net import attach, firewall, ports  # noqa: F401 - loaded while there is time
    hierarchy = cgroup.detect()
    compile_filter(default_spec()["linux"]["seccomp"])
    message, fds = channel.receive()
    if not message:
        return
    order = light.loads(read_memory(fds[0]))
    wanted = bundle.from_json(order["bundle"])
    size = order.get("size") or (0, 0)
    request = creator.Request(wanted, channel, tuple(fds[1:4]), sibling=True, size=(size[0], size[1]))
    born = creator.create(request, hierarchy)
    report = {"pid": born.pid, "cgroup": born.cgroup, "groups": born.groups}
    if not channel.send(b"p" + light.dumps(report).encode()):
        # Our supervisor was killed, and whoever has found that out may have cleaned up before there was anything.
        clean({"id": wanted.id, "cgroup": born.cgroup})
        return
    try:
        ends, held = connect(wanted.id, born.pid, order["networks"])
    except BaseException:
        namespaces.pidfd_send_signal(born.pidfd, 9)
        raise
    for i in range(0, len(held), MOST_FDS):
        channel.send(b"h", tuple(held[i : i + MOST_FDS]))
    channel.send(b"n" + light.dumps(ends).encode())


def connect(container: str, pid: int, networks: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[int]]:
    """Join the networks of the order, if there are any."""
    if not networks:
        return [], []
    from scow.runtime.networks import connect, from_json

    return connect(container, pid, [from_json(n) for n in networks])


def clean(state: dict[str, Any]) -> None:
    """Remove what a container's end leaves on the host: its cgroup, with whoever is still in it, and its addresses."""
    from scow.kernel import cgroup

    if state.get("cgroup"):
        group = cgroup.open_group(state["cgroup"])
        group.kill()
        group.remove()
    if state.get("networks"):
        from scow.runtime.networks import disconnect, from_json

        disconnect(state["id"], [from_json(n) for n in state["networks"]])


def freeze(state: dict[str, Any], on: bool) -> None:
    """Stop all processes of a container where they are, or let them go on."""
    from scow.kernel import cgroup

    cgroup.open_group(state["cgroup"]).freeze(on)
