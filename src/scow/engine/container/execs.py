"""``exec``: one more process in a running container, its streams ours or nobody's."""

from __future__ import annotations

import errno
import os
import select
import time

from scow.engine.container import states
from scow.errors import Conflict, NotFound
from scow.runtime import light
from scow.runtime.client import connect, exec_process, parse_exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.engine.requests import ExecRequest
    from scow.runtime.client import Client
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store

ENDED = 0
CHUNK = 1 << 16
DRAIN_SECONDS = 2.0
"""How long output of processes that outlive the exec is waited for, as in moby."""


def start(store: Store, record: ContainerRecord, request: ExecRequest, size: tuple[int, int] = (0, 0)) -> Running:
    """Start the process. Conflict if the container does not run; Error with docker's exit code if it cannot start."""
    state = states.read(store.paths, record.id)
    if state.status in ("paused", "restarting"):
        verb = (
            "unpause the container before exec" if state.status == "paused" else "wait until the container is running"
        )
        raise Conflict(f"Container {request.container} is {state.status}, {verb}")
    if not state.running:
        raise Conflict(f"container {record.id} is not running")
    process = process_of(store, record, request)
    try:
        client = connect(store.paths.container_run(record.id))
    except NotFound:
        raise Conflict(f"container {record.id} is not running") from None
    pipes = Pipes(stdin=request.stdin and not request.tty, output=not (request.detach or request.tty))
    try:
        options: dict[str, Any] = {"size": size} if request.tty else {}
        _, master = client.exec(process, pipes.theirs, privileged=request.privileged, **options)
    except BaseException:
        client.close()
        pipes.close()
        raise
    finally:
        pipes.handed_over()
    return Running(client, pipes, master)


def process_of(store: Store, record: ContainerRecord, request: ExecRequest) -> dict[str, Any]:
    """The OCI process: the container's own, as it was started, with what the request says."""
    with open(f"{store.paths.container(record.id)}/{states.SPEC}", "rb") as f:
        spec = light.loads(f.read())
    process = exec_process(
        spec,
        list(request.command),
        env=list(request.env),
        cwd=request.workdir,
        user=request.user or None,
        terminal=request.tty,
    )
    if request.privileged:
        from scow.kernel.capabilities import NAMES

        process["capabilities"] = {kind: list(NAMES) for kind in ("bounding", "effective", "permitted")}
    return process


class Pipes:
    """The process's ends of its streams (``theirs``) and ours; /dev/null where there is nobody."""

    def __init__(self, *, stdin: bool, output: bool) -> None:
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self.stdin = self.stdout = self.stderr = -1
        theirs = [self._null] * 3
        if stdin:
            theirs[0], self.stdin = os.pipe()
            os.set_blocking(self.stdin, False)
        if output:
            self.stdout, theirs[1] = os.pipe()
            self.stderr, theirs[2] = os.pipe()
        self.theirs = (theirs[0], theirs[1], theirs[2])

    def handed_over(self) -> None:
        """Close the process's ends here."""
        for fd in {*self.theirs, self._null}:
            os.close(fd)

    def close(self) -> None:
        """Close ours."""
        for fd in (self.stdin, self.stdout, self.stderr):
            if fd >= 0:
                os.close(fd)


class Running:
    """An exec under way. It ends when its process has, and its output with it."""

    def __init__(self, client: Client, pipes: Pipes, master: int) -> None:
        self._client = client
        self._outputs = {pipes.stdout: 1, pipes.stderr: 2} if pipes.stdout >= 0 else {}
        self._stdin = pipes.stdin
        self._master = master
        if master >= 0:
            self._outputs = {master: 1}
            self._stdin = master
            os.set_blocking(master, False)
        self._input: list[bytes] = []
        self._ending = False
        self._until = 0.0
        self.exit_code = 0

    @property
    def waiting(self) -> bool:
        """Whether ``receive`` has something without waiting for a descriptor."""
        return bool(self._client.pending) or bool(self._until and (not self._outputs or time.monotonic() > self._until))

    def readable(self) -> tuple[int, ...]:
        """What to poll before ``receive``."""
        return (*self._outputs, *(() if self._until else (self._client.fileno(),)))

    def receive(self, fd: int = -1) -> tuple[int, bytes] | None:
        """Output as (1 or 2, data), (ENDED, b"") at the end, None if ``fd`` had nothing for the caller."""
        if fd in self._outputs:
            data = _read(fd)
            if data is None:
                return None
            if data:
                return self._outputs[fd], data
            self._end_output(fd)
        elif not self._until:
            self._news()
        if self._until and (not self._outputs or time.monotonic() > self._until):
            return ENDED, b""
        return None

    def _end_output(self, fd: int) -> None:
        del self._outputs[fd]
        if fd == self._master:
            self._master = self._stdin = -1
        os.close(fd)

    def _news(self) -> None:
        message = self._client.pending.pop(0) if self._client.pending else self._client.channel.receive()[0]
        if message[:1] == b"X":
            self.exit_code = parse_exit(message).code
        elif not message:
            self.exit_code = 137  # the supervisor was killed, and all of the container with it
        else:
            return
        self._until = time.monotonic() + DRAIN_SECONDS

    def feed(self, data: bytes) -> None:
        """Bytes for its stdin, passed on as fast as it reads them: while ``backlog`` is not -1, give it no more."""
        if self._stdin >= 0:
            self._input.append(data)
            self.flush()

    def end_input(self) -> None:
        """Its stdin has ended; a terminal has no end."""
        self._ending = self._master < 0
        self.flush()

    def backlog(self) -> int:
        """The descriptor to poll for writing while input waits, -1 if none does."""
        return self._stdin if self._input else -1

    def flush(self) -> None:
        """Write waiting input as far as it goes."""
        try:
            while self._input and self._stdin >= 0:
                written = os.write(self._stdin, self._input[0])
                self._input[0] = self._input[0][written:]
                if not self._input[0]:
                    del self._input[0]
        except BlockingIOError:
            return
        except OSError:  # nobody reads it any more
            self._input.clear()
            self._ending = self._master < 0
        if self._ending and not self._input and self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1

    def resize(self, rows: int, columns: int) -> None:
        """The size of its terminal."""
        if self._master >= 0:
            import fcntl
            import struct
            import termios

            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def signal(self, number: int) -> None:
        """Docker's exec passes no signals on."""

    def wait(self) -> int:
        """Wait until it ends, passing over output; its exit code."""
        while True:
            poll = select.poll()
            for fd in self.readable():
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll(50 if self._until else None) or [(-1, 0)]:
                if self.receive(fd) == (ENDED, b""):
                    return self.exit_code

    def close(self) -> None:
        """Let go; the process goes on."""
        self._client.close()


def _read(fd: int) -> bytes | None:
    """What ``fd`` has; b"" at its end (a terminal's is EIO), None if it has nothing now."""
    try:
        return os.read(fd, CHUNK)
    except BlockingIOError:
        return None
    except OSError as e:
        if e.errno == errno.EIO:
            return b""
        raise
