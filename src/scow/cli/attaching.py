"""Streams between the caller and a container or exec: output, input, signals, window size, until a side ends."""

from __future__ import annotations

import errno
import os
import select

from scow.cli import terminal
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Peer(Protocol):
        """A container's side: a session or an exec of ``scow.engine``."""

        @property
        def waiting(self) -> bool: ...  # noqa: D102
        def readable(self) -> tuple[int, ...]: ...  # noqa: D102
        def receive(self, fd: int = -1) -> tuple[int, bytes] | None: ...  # noqa: D102
        def backlog(self) -> int: ...  # noqa: D102
        def flush(self) -> None: ...  # noqa: D102
        def feed(self, data: bytes) -> None: ...  # noqa: D102
        def end_input(self) -> None: ...  # noqa: D102
        def resize(self, rows: int, columns: int) -> None: ...  # noqa: D102
        def signal(self, number: int) -> None: ...  # noqa: D102


CHUNK = 1 << 16
POLL_MILLISECONDS = 1000
"""An exec whose process has ended is asked again for output until its time is up."""
PROXIED = "HUP INT QUIT TERM USR1 USR2 ALRM VTALRM PROF TSTP"
"""Signals that go to the container; WINCH sets the size of its terminal instead, the others are the caller's own."""


@value
class Wiring:
    """What is joined: ``stdin`` of the caller's, a terminal (``tty``), signals (``proxy``), the keys that detach."""

    stdin: bool = False
    tty: bool = False
    proxy: bool = True
    keys: bytes = b""


class Streams:
    """One attached call. ``run`` returns True when the container has ended, False when the caller detached."""

    def __init__(self, peer: Peer, wiring: Wiring) -> None:
        self._peer = peer
        self._wiring = wiring
        self._detacher = terminal.Detacher(wiring.keys) if wiring.keys and wiring.tty else None
        self._stdin = 0 if wiring.stdin else -1
        self._wake = -1
        self.broken = False

    def run(self) -> bool:
        """Pass everything on until the end."""
        with _Signals(self._wiring) as signals, terminal.Raw(0 if self._wiring.stdin and self._wiring.tty else -1):
            self._wake = signals.fd
            if self._wiring.tty:
                self._peer.resize(*terminal.size())
            while True:
                if (ended := self._step()) is not None:
                    return ended

    def _ready(self) -> list[int]:
        """The descriptors that have something, the container's first; -1 stands for what it has given already."""
        if self._peer.waiting:
            return [-1]
        poll = select.poll()
        sources = self._peer.readable()
        backlog = self._peer.backlog()
        for fd in sources:
            poll.register(fd, select.POLLIN | (select.POLLOUT if fd == backlog else 0))
        if backlog >= 0 and backlog not in sources:
            poll.register(backlog, select.POLLOUT)
        if backlog < 0 and self._stdin >= 0:
            poll.register(self._stdin, select.POLLIN)
        if self._wake >= 0:
            poll.register(self._wake, select.POLLIN)
        found = []
        for fd, events in poll.poll(POLL_MILLISECONDS):
            if fd == backlog and events & ~select.POLLIN:
                self._peer.flush()
            if fd not in sources or events & ~select.POLLOUT:
                found.append(fd)
        return found

    def _step(self) -> bool | None:
        """One round; True when the container has ended, False when the caller wants to go."""
        sources = (-1, *self._peer.readable())
        for fd in self._ready():
            if fd == self._wake:
                self._signals()
            elif fd in sources:
                found = self._peer.receive(fd)
                if found is None:
                    continue
                if not found[0]:
                    return True
                if not self._write(*found):
                    return False
            elif fd == self._stdin and not self._input():
                return False
        return None

    def _write(self, fd: int, data: bytes) -> bool:
        """Write all; False when nobody reads it any more."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                select.select([], [fd], [])
            except OSError as e:
                if e.errno == errno.EPIPE:
                    self.broken = True
                return False
        return True

    def _input(self) -> bool:
        """Pass on what was typed; False for the detach keys."""
        try:
            data = os.read(0, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self._stdin = -1
            self._peer.end_input()
            return True
        detach = False
        if self._detacher:
            data, detach = self._detacher.feed(data)
        if data:
            self._peer.feed(data)
        return not detach

    def _signals(self) -> None:
        import signal

        for number in os.read(self._wake, 64):
            if number == signal.SIGWINCH:
                self._peer.resize(*terminal.size())
            else:
                self._peer.signal(number)


class _Signals:
    """Signals as bytes on a pipe while the block lasts; ``fd`` -1 where none are wanted."""

    def __init__(self, wiring: Wiring) -> None:
        self._names = [*(PROXIED.split() if wiring.proxy else ()), *(["WINCH"] if wiring.tty else [])]
        self._before: dict[int, object] = {}
        self.fd = self._write = -1

    def __enter__(self) -> _Signals:
        if not self._names:
            return self
        import signal

        self.fd, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for name in self._names:
            number = getattr(signal, f"SIG{name}")
            self._before[number] = signal.signal(number, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._names:
            return
        import signal

        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(-1)
        os.close(self.fd)
        os.close(self._write)
