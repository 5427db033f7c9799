"""A connection to a container: its output as it comes, its input, its end."""

from __future__ import annotations

from scow.errors import NotFound, Unavailable
from scow.runtime import recovery
from scow.runtime.client import Client, connect, parse_exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.runtime.client import Exit

STREAMS = {b"o": 1, b"e": 2}
ENDED = 0
"""What ``receive`` gives as the stream when the container has ended."""


class Session:
    """What ``start``, ``attach`` and ``wait`` hand out. One thread at a time."""

    def __init__(self, run: str, client: Client) -> None:
        self._run = run
        self.client = self._client = client
        self.exit_code = 0
        self.oom_killed = False

    @property
    def warnings(self) -> list[str]:
        """Sentences of the supervisor for the user."""
        return self._client.warnings

    def fileno(self) -> int:
        """For poll; ask ``waiting`` first."""
        return self._client.fileno()

    @property
    def waiting(self) -> bool:
        """Whether ``receive`` has something without reading the connection."""
        return bool(self._client.pending)

    def receive(self) -> tuple[int, bytes]:
        """The next output as (1 or 2, data), or (ENDED, b"") when the container has ended; news of other kinds are kept.

        When the supervisor is gone without a word, the state it left says how the container ended.
        """
        while True:
            message = self._client.pending.pop(0) if self._client.pending else self._client.channel.receive()[0]
            kind = message[:1]
            if kind in STREAMS:
                return STREAMS[kind], message[1:]
            if kind == b"X":
                self._ended(parse_exit(message))
                return ENDED, b""
            if kind == b"w":
                self._client.warnings.append(message[1:].decode())
            if not message:
                found = recovery.state(self._run)
                if found is not None:
                    self.exit_code, self.oom_killed = found["exit_code"] or 0, found["oom_killed"]
                return ENDED, b""

    def _ended(self, found: Exit) -> None:
        self.exit_code, self.oom_killed = found.code, found.oom_killed

    def feed(self, data: bytes) -> bool:
        """Bytes for its stdin; False if it has gone."""
        try:
            self._client.feed(data)
        except Unavailable:
            return False
        return True

    def end_input(self) -> bool:
        """Its stdin has ended."""
        try:
            self._client.end_input()
        except Unavailable:
            return False
        return True

    def resize(self, rows: int, columns: int) -> None:
        """The size of its terminal."""
        try:
            self._client.resize(rows, columns)
        except Unavailable:
            pass

    def signal(self, number: int) -> None:
        """A signal for its first process; nothing happens if that has ended."""
        self._client.channel.send(b"K%d" % number)  # the answer is among what receive() passes over

    def attach(self, streams: str) -> None:
        """From now on get output ("o", "e") and feed input ("i")."""
        self._client.attach(streams)

    def ask_exit(self) -> None:
        """Be told when it ends."""
        self._client.send(b"W")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it ends, passing over output; False if ``timeout`` seconds were not enough."""
        import select
        import time

        until = None if timeout is None else time.monotonic() + timeout
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        while True:
            left = None if until is None else max(0.0, until - time.monotonic()) * 1000
            if not self.waiting and not poll.poll(left):
                return False
            if self.receive()[0] == ENDED:
                return True

    def removed(self) -> None:
        """The container that we claimed has been removed."""
        self._client.removed()

    def close(self) -> None:
        """Let go; the container goes on."""
        self._client.close()


def connected(run: str) -> Session | None:
    """A session with the supervisor of the container whose state is in ``run``; None if there is none any more."""
    try:
        return Session(run, connect(run))
    except (NotFound, Unavailable):
        return None
