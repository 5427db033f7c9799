"""Make a container: start its supervisor early, give it the order later.

handle = prestart()              # 1 ms; the interpreter comes up while the caller opens its store
handle.create(order)
handle.attach("oe"); handle.start()
code = handle.wait()
"""

from __future__ import annotations

import os

from scow.errors import Unavailable
from scow.runtime import channel, light
from scow.runtime.channel import Channel
from scow.runtime.client import Client
from scow.runtime.spawn import spawn
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.runtime.bundle import Bundle
    from scow.runtime.networks import Join


@value
class LogFile:
    """Docker's json-file log: rotated when it reaches ``max_size`` bytes (0: never), ``max_files`` kept."""

    path: str
    max_size: int = 0
    max_files: int = 1


@value
class Order:
    """A bundle, and how its supervisor looks after it.

    ``stdin``: "none" (/dev/null), "open" (a pipe that stays open) or "once" (closed when the first client that feeds it
    goes). ``networks`` are joined once its namespace is there. ``restart``: (no | on-failure | always |
    unless-stopped, most restarts or 0). ``on_exit``: a command executed when the container has ended for good.
    """

    bundle: Bundle
    stdin: str = "none"
    size: tuple[int, int] = (0, 0)
    log: LogFile | None = None
    networks: tuple[Join, ...] = ()
    restart: tuple[str, int] = ("no", 0)
    on_exit: tuple[str, ...] = ()


class Handle(Client):
    """A supervisor that was started by us, through the socket it was born with."""

    def __init__(self, own: Channel, pid: int) -> None:
        super().__init__(own)
        self.pid = pid

    def create(self, order: Order) -> None:
        """Give the order. ``created`` or ``start`` tell how it went."""
        from scow.runtime.bundle import to_json
        from scow.runtime.networks import to_json as join_to_json

        log = order.log
        document = {
            "bundle": to_json(order.bundle),
            "stdin": order.stdin,
            "size": order.size,
            "log": {"path": log.path, "max_size": log.max_size, "max_files": log.max_files} if log else None,
            "networks": [join_to_json(j) for j in order.networks],
            "restart": order.restart,
            "on_exit": order.on_exit,
        }
        fd = channel.memory_file(light.dumps(document).encode())
        try:
            if not self.channel.send(b"O", (fd,)):
                raise Unavailable("the container's supervisor is gone")
        finally:
            os.close(fd)

    def created(self) -> None:
        """Wait until the init is ready to be started; what went wrong is raised, with docker's exit code."""
        self.expect(b"c")

    def start(self) -> None:
        """Let the program go, and wait until it runs; what went wrong is raised, with docker's exit code."""
        self.send(b"S")
        self.expect(b"s")

    def cancel(self) -> None:
        """Give up: a supervisor without an order ends, one whose container was not started kills it."""
        self.close()


def prestart(*, networks: bool = True) -> Handle:
    """Start the interpreter of a supervisor. It waits for an order, and ends if none comes before we do.

    ``networks``: load what a bridge takes already; an order may join networks either way.
    """
    ours, theirs = channel.pair()
    try:
        pid = spawn(os.path.join(os.path.dirname(__file__), "supervisor.py"), theirs, ("network",) if networks else ())
    finally:
        os.close(theirs)
    return Handle(Channel(ours), pid)
