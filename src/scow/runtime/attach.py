"""The terminal's side of a running container: raw mode, detaching, window size and signals passed on.

    with RawTerminal(0):
        ended = attach(client, Streams(0, 1, 2, terminal=True))

``attach`` moves bytes between a supervisor and our own descriptors until the container ends or the user detaches
(ctrl-p ctrl-q). ``follow_exec`` does the same for an exec whose terminal or pipes we hold ourselves.
"""

from __future__ import annotations

import os
import select
import signal
import struct

from scow.errors import Invalid
from scow.runtime.client import Client, Exit, parse_exit
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any

CHUNK = 1 << 15
DETACH_KEYS = b"\x10\x11"
"""ctrl-p ctrl-q."""
# Not passed on: what the kernel sends us for ourselves, what stops us, and what cannot be caught.
_NAMES = "CHLD PIPE URG KILL STOP TSTP TTIN TTOU CONT WINCH SEGV BUS FPE ILL TRAP ABRT SYS PROF VTALRM ALRM"
_OWN = frozenset([getattr(signal, f"SIG{name}") for name in _NAMES.split()])


class Detached(Exception):
    """The user pressed the detach keys; the container goes on."""


@value
class Streams:
    """Our own descriptors; -1 for a stream that is not attached. ``terminal``: the container has one."""

    stdin: int = -1
    stdout: int = -1
    stderr: int = -1
    terminal: bool = False
    detach_keys: bytes = DETACH_KEYS


def parse_detach_keys(text: str) -> bytes:
    """``ctrl-p,ctrl-q`` and the like as bytes; Invalid names what is no key."""
    keys = bytearray()
    for word in text.split(","):
        if len(word) == 1:
            keys += word.encode("latin-1", "replace")
        elif word.startswith("ctrl-") and len(word) == 6 and 0 <= (code := ord(word[5].upper()) - 64) < 32:
            keys.append(code)
        else:
            raise Invalid(f'invalid detach keys: "{text}"', "write keys as in ctrl-p,ctrl-q")
    return bytes(keys)


class RawTerminal:
    """A terminal in raw mode while the block runs; does nothing for a descriptor that is none."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.saved: list[Any] | None = None

    def __enter__(self) -> RawTerminal:
        if self.fd >= 0 and os.isatty(self.fd):
            import termios
            import tty

            self.saved = termios.tcgetattr(self.fd)
            tty.setraw(self.fd, termios.TCSANOW)
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, where: TracebackType | None) -> None:
        if self.saved is not None:
            import termios

            termios.tcsetattr(self.fd, termios.TCSADRAIN, self.saved)


def window_size(fd: int) -> tuple[int, int]:
    """(rows, columns) of a terminal, (0, 0) if ``fd`` is none."""
    import fcntl
    import termios

    try:
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))
    except OSError:
        return 0, 0
    return rows, columns


class Forwarded:
    """Signals passed to ``deliver`` while the block runs, and window changes to ``resize``."""

    def __init__(self, deliver: Callable[[int], None] | None, resize: Callable[[], None] | None) -> None:
        self.deliver = deliver
        self.resize = resize
        self.before: list[tuple[int, Any]] = []

    def __enter__(self) -> Forwarded:
        if self.deliver:
            for number in sorted(signal.valid_signals() - _OWN):
                if number < signal.SIGRTMIN:
                    self._catch(number, self._forward)
        if self.resize:
            self._catch(signal.SIGWINCH, self._resized)
        return self

    def _catch(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        self.before.append((number, signal.signal(number, handler)))

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        assert self.deliver
        self.deliver(number)

    def _resized(self, _number: int, _frame: FrameType | None) -> None:
        assert self.resize
        self.resize()

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, where: TracebackType | None) -> None:
        for number, handler in self.before:
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


class Keys:
    """Looks for the detach keys in what is typed."""

    def __init__(self, keys: bytes) -> None:
        self.keys = keys
        self.held = b""

    def feed(self, data: bytes) -> bytes:
        """What to pass on; a beginning of the keys is held back. Detached when they are complete."""
        if not self.keys:
            return data
        data, self.held = self.held + data, b""
        at = data.find(self.keys)
        if at >= 0:
            raise Detached
        for n in range(min(len(self.keys) - 1, len(data)), 0, -1):
            if data.endswith(self.keys[:n]):
                self.held = data[-n:]
                return data[:-n]
        return data


def attach(client: Client, streams: Streams, *, proxy_signals: bool = True) -> Exit:
    """Move bytes until the container ends; Detached if the user leaves.

    ``client.attach`` was called, and with a terminal the caller has it in raw mode. Signals we get go to the container.
    """
    keys = Keys(streams.detach_keys if streams.terminal else b"")
    out = {b"o": streams.stdout, b"e": streams.stderr}
    for message in client.pending:  # what came while we waited for the start
        if message[:1] in out:
            write_all(out[message[:1]], message[1:])
    ended = [m for m in client.pending if m[:1] == b"X"]
    client.pending.clear()
    if ended:
        return parse_exit(ended[0])
    resize = (lambda: client.resize(*window_size(streams.stdin))) if streams.terminal and streams.stdin >= 0 else None
    deliver = (lambda number: client.send(b"k%d" % number)) if proxy_signals else None
    feed = _Feed(client, streams.stdin, keys)
    with Forwarded(deliver, resize):
        if resize:
            resize()
        while True:
            ready = feed.wait()
            if client.fileno() in ready:
                message, _ = client.expect(b"oeX+cs")
                if message[:1] == b"X":
                    return parse_exit(message)
                if message[:1] in out:
                    write_all(out[message[:1]], message[1:])
            feed.move(ready)


class _Feed:
    """Our stdin on its way to the container. Sending never blocks: while it would, we read nothing, but do print."""

    def __init__(self, client: Client, fd: int, keys: Keys) -> None:
        self.client = client
        self.fd = fd
        self.keys = keys
        self.unsent = b""
        self.ended = fd < 0

    def wait(self) -> dict[int, int]:
        """The descriptors there is something to do with, and what."""
        poll = select.poll()
        poll.register(self.client.fileno(), select.POLLIN | (select.POLLOUT if self.unsent else 0))
        if not self.ended and not self.unsent:
            poll.register(self.fd, select.POLLIN)
        found = dict(poll.poll())
        if found.get(self.client.fileno()) == select.POLLOUT:
            found[-1] = found.pop(self.client.fileno())
        return found

    def move(self, ready: dict[int, int]) -> None:
        """Read what is typed, and send what can be sent."""
        if self.fd in ready and not self.ended and not self.unsent:
            data = _read(self.fd)
            if not data:
                self.ended = True
                self.client.end_input()
            self.unsent = self.keys.feed(data) if data else b""
        if self.unsent and self.client.try_feed(self.unsent):
            self.unsent = b""


def write_all(fd: int, data: bytes) -> None:
    """Write everything, also to a descriptor that somebody else has set non-blocking; nothing for -1.

    A reader that has gone (EPIPE) is not the container's fault: the rest is dropped.
    """
    while data and fd >= 0:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            select.select([], [fd], [])
        except BrokenPipeError:
            return


def exec_streams(*, stdin: bool) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Pipes for an exec without a terminal: (the process's ends, ours); without ``stdin`` it reads /dev/null."""
    theirs_in, ours_in = os.pipe() if stdin else (os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), -1)
    ours_out, theirs_out = os.pipe()
    ours_err, theirs_err = os.pipe()
    return (theirs_in, theirs_out, theirs_err), (ours_in, ours_out, ours_err)


def follow_exec(client: Client, ours: tuple[int, int, int], streams: Streams, master: int = -1) -> Exit:
    """Move bytes between our descriptors and an exec's pipes (``exec_streams``) or terminal until it has ended."""
    feed, sources = ours[0], {ours[1]: streams.stdout, ours[2]: streams.stderr}
    resize = None
    if master >= 0:
        import fcntl
        import termios

        feed, sources = master, {master: streams.stdout}

        def resize() -> None:
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *window_size(streams.stdin), 0, 0))

    keys = Keys(streams.detach_keys if master >= 0 else b"")
    poll = select.poll()
    for fd in (*sources, *([streams.stdin] if streams.stdin >= 0 and feed >= 0 else [])):
        if fd >= 0:
            poll.register(fd, select.POLLIN)
    with Forwarded(None, resize):
        while sources:
            for fd, _ in poll.poll():
                if fd in sources:
                    data = _read(fd)
                    if data:
                        write_all(sources[fd], data)
                    else:
                        poll.unregister(fd)
                        del sources[fd]
                elif data := _read(fd):
                    write_all(feed, keys.feed(data))
                else:
                    poll.unregister(fd)
                    if master < 0:
                        os.close(feed)
    return client.wait_exec()


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, CHUNK)
    except OSError:  # EIO: the terminal's last user has gone
        return b""
