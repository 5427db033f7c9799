"""The clients of a supervisor: those at supervisor.sock, and the one that had it made."""

from __future__ import annotations

import os

from scow.errors import Error
from scow.runtime import light, statefile
from scow.runtime.channel import Channel
from scow.runtime.connection import Connection
from scow.runtime.loop import GONE, READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket  # noqa: N812
    from typing import Any, Protocol

    from scow.runtime.loop import Loop

    class Host(Protocol):
        """Whom the clients talk to."""

        def obey(self, client: Connection, verb: bytes, rest: bytes, fds: list[int]) -> None:
            """One request."""

        def left(self, client: Connection) -> None:
            """A client has gone."""

        def relieved(self) -> None:
            """A slow client has read something."""


class Door:
    """All connections, and the socket new ones come through."""

    def __init__(self, loop: Loop, host: Host) -> None:
        self.loop = loop
        self.host = host
        self.clients: list[Connection] = []
        self.socket: Socket | None = None
        self.path = ""

    def open(self, directory: str) -> None:
        """Listen at ``directory``/supervisor.sock, for its owner only.

        By way of a descriptor of the directory: the path of a socket may have 107 bytes, and run directories are
        longer.
        """
        import _socket

        door = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        path = f"/proc/self/fd/{folder}/supervisor.sock"
        statefile.forget(path)
        before = os.umask(0o177)
        door.bind(path)
        os.umask(before)
        os.close(folder)
        door.listen(64)
        self.socket, self.path = door, os.path.join(directory, "supervisor.sock")
        self.loop.watch(door.fileno(), self._accept)

    def close(self) -> None:
        """Let nobody in any more; who is in stays."""
        if self.socket is not None:
            self.loop.forget(self.socket.fileno())
            self.socket.close()
            statefile.forget(self.path)

    def _accept(self, _events: int) -> None:
        fd, _ = self.socket._accept()  # type: ignore[union-attr]
        self.add(Connection(Channel(fd)))

    def add(self, client: Connection) -> None:
        """Serve one more client."""
        self.clients.append(client)
        self.loop.watch(client.fileno(), lambda events: self._serve(client, events))

    def _serve(self, client: Connection, events: int) -> None:
        """A client reads again, asks for something, or has gone."""
        if events & WRITE:
            client.flush()
            self.host.relieved()
        if events & (READ | GONE):
            try:
                message, fds = client.channel.receive()
            except BlockingIOError:
                return
            if not message:
                self._drop(client)
                return
            try:
                self.host.obey(client, message[:1], message[1:], fds)
            except (Error, OSError, ValueError, LookupError, TypeError) as e:  # one client's nonsense is not our end
                client.send(b"-" + light.dumps({"message": f"{e}", "exit_code": 125}).encode())
        self.press()

    def listen_to_all(self) -> None:
        """The container reads again: so do we."""
        for client in self.clients:
            client.deaf = False
        self.press()

    def _drop(self, client: Connection) -> None:
        self.loop.forget(client.fileno())
        self.clients.remove(client)
        client.close()
        self.host.left(client)

    def tell(self, message: bytes, *, control_only: bool = False) -> None:
        """Say something to those who want to know how the container fares."""
        for client in self.clients:
            if client.control or (not control_only and (client.attached or client.waits)):
                client.send(message)
        self.press()

    def press(self) -> None:
        """Watch for what each client is expected to do: ask for something, or read on."""
        for client in self.clients:
            self.loop.change(client.fileno(), (0 if client.deaf else READ) | (WRITE if client.queue else 0))

    def full(self) -> bool:
        """Whether somebody has so much to read that the container has to wait."""
        return any(c.full() for c in self.clients)

    def busy(self) -> bool:
        """Whether somebody has something to read yet, or a promise to keep."""
        return any(c.queue or c.claims for c in self.clients)


def failed(**found: Any) -> bytes:
    """A message that something did not work."""
    return b"-" + light.dumps(found).encode()
