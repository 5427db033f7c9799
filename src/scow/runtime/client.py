"""The client's side of a supervisor: attach, wait, signal, pause, exec; words: ``scow.runtime.connection``."""

from __future__ import annotations

import os

from scow.errors import Conflict, Error, NotFound, Unavailable
from scow.runtime import channel, light
from scow.runtime.channel import Channel
from scow.runtime.program import StartError
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@value
class Exit:
    """How a container or an exec ended: 128 + N after signal N."""

    code: int
    oom_killed: bool = False


class Client:
    """A connection to one supervisor. One thread at a time; open another for another."""

    def __init__(self, own: Channel) -> None:
        self.channel = own
        self.pending: list[bytes] = []
        """Output and news that came while something else was waited for."""
        self.warnings: list[str] = []

    def fileno(self) -> int:
        """For poll."""
        return self.channel.fileno()

    def close(self) -> None:
        """Go; the container stays, but for stdin that was to be open "once"."""
        self.channel.close()

    def send(self, message: bytes, fds: tuple[int, ...] = ()) -> None:
        """One request."""
        if not self.channel.send(message, fds):
            raise Unavailable("the container's supervisor is gone")

    def expect(self, kinds: bytes) -> tuple[bytes, list[int]]:
        """The next message of one of ``kinds`` (by first byte); a failure is raised, other news kept for later."""
        for i, kept in enumerate(self.pending):
            if kept[:1] in kinds:
                return self.pending.pop(i), []
        while True:
            message, fds = self.channel.receive()
            if not message:
                raise Unavailable("the container's supervisor is gone")
            if message[:1] == b"-":
                raise failure(light.loads(message[1:]))
            if message[:1] == b"w":
                self.warnings.append(message[1:].decode())
            elif message[:1] in kinds:
                return message, fds
            else:
                self.pending.append(message)

    def attach(self, streams: str) -> None:
        """From now on get output ("o", "e") and may feed stdin ("i")."""
        self.send(b"A" + streams.encode())

    def feed(self, data: bytes) -> None:
        """Bytes for stdin."""
        for i in range(0, len(data), channel.MOST // 2):
            self.send(b"I" + data[i : i + channel.MOST // 2])

    def try_feed(self, data: bytes) -> bool:
        """Bytes for stdin (at most half of ``channel.MOST``), if they can be sent without waiting."""
        try:
            if not self.channel.send(b"I" + data, wait=False):
                raise Unavailable("the container's supervisor is gone")
        except BlockingIOError:
            return False
        return True

    def end_input(self) -> None:
        """Stdin has ended."""
        self.send(b"C")

    def resize(self, rows: int, columns: int) -> None:
        """Size of the terminal."""
        self.send(b"R%d %d" % (rows, columns))

    def kill(self, signal: int) -> None:
        """Signal the container's first process; Conflict if there is none."""
        self.send(b"K%d" % signal)
        self.expect(b"+")

    def stop_restarts(self) -> None:
        """The container is being stopped on purpose: it is not started again."""
        self.send(b"T")

    def pause(self) -> None:
        """Freeze all processes; returns when they have stopped."""
        self.send(b"P")
        self.expect(b"+")

    def unpause(self) -> None:
        """Let them go on."""
        self.send(b"U")
        self.expect(b"+")

    def claim_removal(self) -> None:
        """We remove the container when it ends; if we die before ``removed``, its ``on_exit`` command does."""
        self.send(b"D")

    def removed(self) -> None:
        """We have."""
        self.channel.send(b"d")

    def exec(self, process: dict[str, Any], streams: tuple[int, int, int], **options: Any) -> tuple[int, int]:
        """Start ``process`` (an OCI process; ``exec_process`` makes one) with three descriptors as its streams.

        (pid, terminal's master or -1) once it runs; then ``wait_exec``. This connection is the exec's from now on;
        closing it leaves the process alone. Options: ``size`` (rows, columns), ``privileged`` (no seccomp).
        """
        fd = channel.memory_file(light.dumps({"process": process, **options}).encode())
        try:
            self.send(b"E", (fd, *streams))
        finally:
            os.close(fd)
        master = -1
        while True:
            try:
                message, fds = self.expect(b"ts")
            except Unavailable:
                raise Conflict("container is not running", "it ended while the exec was on its way") from None
            if message[:1] == b"s":
                return int(message[1:]), master
            master = fds[0]

    def wait_exec(self) -> Exit:
        """How the exec ends."""
        return parse_exit(self.expect(b"X")[0])

    def wait(self) -> Exit:
        """How the container ends."""
        self.channel.send(b"W")  # it may have ended already, and said so
        return parse_exit(self.expect(b"X")[0])


def exec_process(
    spec: dict[str, Any],
    args: list[str],
    *,
    env: list[str] | None = None,
    cwd: str = "",
    user: str | None = None,
    terminal: bool = False,
) -> dict[str, Any]:
    """The container's own process with another command, as docker's exec starts it; ``env`` is added to it."""
    process = {**spec["process"], "args": list(args), "terminal": terminal}
    process["env"] = [*process.get("env", []), *(["TERM=xterm"] if terminal else []), *(env or [])]
    if cwd:
        process["cwd"] = cwd
    if user is not None:
        process["user"] = {"username": user}
    return process


def parse_exit(message: bytes) -> Exit:
    """An ``X`` message."""
    code, _, rest = message[1:].decode().partition(" ")
    return Exit(int(code), rest == "oom")


def failure(found: dict[str, Any]) -> Error:
    """A failure reported by another process as the error it was."""
    text = found.get("message", "unknown failure")
    if found.get("conflict"):
        error: Error = Conflict(text, found.get("hint"))
    else:
        error = StartError(text)
        error.hint = found.get("hint")
    error.exit_code = found.get("exit_code", 125)
    return error


def connect(state: str) -> Client:
    """A client of the supervisor of the container whose state directory is ``state``; NotFound if none is running."""
    import _socket

    own = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        folder = os.open(state, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        own.close()
        raise NotFound(f"container {os.path.basename(state)} is not running") from None
    try:
        own.connect(f"/proc/self/fd/{folder}/supervisor.sock")
    except (FileNotFoundError, ConnectionRefusedError):
        own.close()
        raise NotFound(f"container {os.path.basename(state)} is not running") from None
    finally:
        os.close(folder)
    return Client(Channel(own.detach()))


def wait(state: str) -> Exit:
    """How the container with state directory ``state`` ends, or has ended; NotFound if it has not run since boot."""
    from scow.runtime import recovery

    while True:
        try:
            client = connect(state)
        except NotFound:
            found = recovery.state(state)
            if found is None:
                raise
            if found["status"] == "exited":
                return Exit(found["exit_code"] or 0, found["oom_killed"])
            continue  # it is just ending
        try:
            return client.wait()
        except Unavailable:
            continue  # it ended between the two
        finally:
            client.close()
