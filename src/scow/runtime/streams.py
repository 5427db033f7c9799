"""A container's standard streams inside its supervisor: to the log and to whoever is attached, and back."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from scow.runtime.connection import Connection
    from scow.runtime.jsonlog import Log

CHUNK = 1 << 16
STDIN_FULL = 1 << 20
"""Bytes that may wait for a container which does not read its stdin."""


class Streams:
    """The supervisor's ends: ``outputs`` by descriptor (letter, name), ``stdin`` (-1 when closed), or one terminal."""

    def __init__(self, log: Log | None) -> None:
        self.log = log
        self.outputs: dict[int, tuple[bytes, str]] = {}
        self.stdin = -1
        self.terminal = -1
        self.input: list[bytes] = []
        self.waiting = 0
        self.ending = False

    def pipes(self, *, stdin: bool) -> tuple[int, int, int]:
        """Make pipes; the container's ends, to be closed by the caller once they are handed over."""
        inner = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        if stdin:
            os.close(inner)
            inner, self.stdin = os.pipe()
            os.set_blocking(self.stdin, False)
        ends = []
        for letter, name in ((b"o", "stdout"), (b"e", "stderr")):
            ours, theirs = os.pipe()
            self.outputs[ours] = (letter, name)
            ends.append(theirs)
        return inner, ends[0], ends[1]

    def take_terminal(self, master: int) -> None:
        """The container has a terminal: its master is all three streams."""
        self.terminal = self.stdin = master
        os.set_blocking(master, False)
        self.outputs = {master: (b"o", "stdout")}

    def resize(self, rows: int, columns: int) -> None:
        """Tell the terminal its size; the kernel signals the programs on it."""
        if self.terminal >= 0:
            import fcntl
            import struct
            import termios

            fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, fd: int, clients: Iterable[Connection]) -> bool:
        """Pass on what ``fd`` has; False when it has ended (a terminal ends with EIO)."""
        letter, name = self.outputs[fd]
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            return False
        if self.log is not None:
            self.log.add(name, data)
        for client in clients:
            if letter in client.attached:
                client.send(letter + data)
        return True

    def end(self, fd: int) -> None:
        """Close an output that has ended."""
        del self.outputs[fd]
        if fd == self.terminal:
            self.terminal = self.stdin = -1
        os.close(fd)

    def feed(self, data: bytes) -> None:
        """Bytes for stdin."""
        if self.stdin >= 0 and not self.ending:
            self.input.append(data)
            self.waiting += len(data)
            self.write()

    def full(self) -> bool:
        """Whether so much waits for stdin that clients should wait too."""
        return self.waiting > STDIN_FULL

    def end_input(self) -> None:
        """Close stdin once what is waiting is written; a terminal has no end, its program reads ^D as data."""
        self.ending = self.terminal < 0
        self.write()

    def write(self) -> None:
        """Write what waits for stdin, as far as it goes."""
        while self.input and self.stdin >= 0:
            try:
                written = os.write(self.stdin, self.input[0])
            except BlockingIOError:
                return
            except OSError:  # nobody reads it any more
                self.input.clear()
                self.waiting = 0
                self.ending = self.terminal < 0
                break
            self.waiting -= written
            if written == len(self.input[0]):
                del self.input[0]
            else:
                self.input[0] = self.input[0][written:]
        if self.ending and not self.input and self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def close(self) -> None:
        """Let go of everything, and of the log."""
        for fd in list(self.outputs):
            self.end(fd)
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1
        if self.log is not None:
            self.log.finish()
