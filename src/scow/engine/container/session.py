"""A connection to a container: its output as it comes, its input, its end."""

from __future__ import annotations

import select
import time

from scow.errors import NotFound, Unavailable
from scow.runtime import recovery
from scow.runtime.client import Client, connect, parse_exit

STREAMS = {b"o": 1, b"e": 2}
ENDED = 0
"""What ``receive`` gives as the stream when the container has ended."""
_PIECE = 1 << 16


class Session:
    """What ``start`` and ``attach`` hand out. One thread at a time."""

    def __init__(self, run: str, client: Client) -> None:
        self._run = run
        self.client = client
        self._input: list[bytes] = []
        self.exit_code = 0
        self.oom_killed = False

    @property
    def warnings(self) -> list[str]:
        """Sentences of the supervisor for the user."""
        return self.client.warnings

    @property
    def waiting(self) -> bool:
        """Whether ``receive`` has something without waiting for a descriptor."""
        return bool(self.client.pending)

    def readable(self) -> tuple[int, ...]:
        """What to poll before ``receive``."""
        return (self.client.fileno(),)

    def receive(self, fd: int = -1) -> tuple[int, bytes] | None:
        """The next output as (1 or 2, data), (ENDED, b"") when the container has ended, None for news of other kinds.

        When the supervisor is gone without a word, the state it left says how the container ended.
        """
        del fd
        try:
            message = self.client.pending.pop(0) if self.client.pending else self.client.channel.receive()[0]
        except BlockingIOError:
            return None
        kind = message[:1]
        if kind in STREAMS:
            return STREAMS[kind], message[1:]
        if kind == b"X":
            found = parse_exit(message)
            self.exit_code, self.oom_killed = found.code, found.oom_killed
            return ENDED, b""
        if kind == b"w":
            self.client.warnings.append(message[1:].decode())
        if not message:
            state = recovery.state(self._run)
            if state is not None:
                self.exit_code, self.oom_killed = state["exit_code"] or 0, state["oom_killed"]
            return ENDED, b""
        return None

    def feed(self, data: bytes) -> None:
        """Bytes for its stdin, passed on as fast as it reads them: while ``backlog`` is not -1, give it no more."""
        self._input += [b"I" + data[i : i + _PIECE] for i in range(0, len(data), _PIECE)]
        self.flush()

    def end_input(self) -> None:
        """Its stdin has ended."""
        self._input.append(b"C")
        self.flush()

    def backlog(self) -> int:
        """The descriptor to poll for writing while input waits to be sent, -1 if none does."""
        return self.client.fileno() if self._input else -1

    def flush(self) -> None:
        """Send waiting input as far as it goes."""
        self.client.channel.socket.setblocking(False)
        try:
            while self._input:
                if not self.client.channel.send(self._input[0]):
                    self._input.clear()  # it has gone; what it wrote before can still be read
                    return
                del self._input[0]
        except BlockingIOError:
            pass
        finally:
            self.client.channel.socket.setblocking(True)

    def resize(self, rows: int, columns: int) -> None:
        """The size of its terminal."""
        self.client.channel.send(b"R%d %d" % (rows, columns))

    def signal(self, number: int) -> None:
        """A signal for its first process; nothing happens if that has ended."""
        self.client.channel.send(b"k%d" % number)

    def attach(self, streams: str) -> None:
        """From now on get output ("o", "e") and feed input ("i")."""
        self.client.attach(streams)

    def ask_exit(self) -> None:
        """Be told when it ends."""
        self.client.send(b"W")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it ends, passing over output; False if ``timeout`` seconds were not enough."""
        until = None if timeout is None else time.monotonic() + timeout
        poll = select.poll()
        poll.register(self.client.fileno(), select.POLLIN)
        while True:
            left = None if until is None else max(0.0, until - time.monotonic()) * 1000
            if not self.waiting and not poll.poll(left):
                return False
            if self.receive() == (ENDED, b""):
                return True

    def removed(self) -> None:
        """The container that we claimed has been removed."""
        self.client.removed()

    def close(self) -> None:
        """Let go; the container goes on."""
        self.client.close()


def connected(run: str) -> Session | None:
    """A session with the supervisor of the container whose state is in ``run``; None if there is none any more."""
    try:
        return Session(run, connect(run))
    except (NotFound, Unavailable):
        return None
