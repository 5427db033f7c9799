"""The caller's terminal: raw mode, its size, and the keys that detach from a container."""

from __future__ import annotations

import os
import sys

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

DETACH_KEYS = "ctrl-p,ctrl-q"


def is_terminal(fd: int) -> bool:
    """Whether a descriptor is a terminal; a closed one is none."""
    try:
        return os.isatty(fd)
    except OSError:
        return False


def missing(*, wanted: bool) -> bool:
    """Whether a terminal is wanted on standard input and there is none; the caller is told then."""
    if not wanted or is_terminal(0):
        return False
    sys.stderr.write("the input device is not a TTY\n")
    return True


def size(fd: int = 1) -> tuple[int, int]:
    """(rows, columns) of a terminal; (0, 0) where there is none."""
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        return 0, 0
    return rows, columns


class Raw:
    """Raw mode on ``fd`` while the block lasts, if it is a terminal."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._before: list[object] | None = None

    def __enter__(self) -> Raw:
        if is_terminal(self.fd):
            import termios

            self._before = list(termios.tcgetattr(self.fd))
            self._set(_raw(termios.tcgetattr(self.fd)))
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        if self._before is not None:
            self._set(self._before)
            self._before = None

    def _set(self, mode: list[object]) -> None:
        import termios

        termios.tcsetattr(self.fd, termios.TCSANOW, mode)  # type: ignore[arg-type]


def _raw(mode: list[object]) -> list[object]:
    """cfmakeraw(3), but output is left as it is: the container's own terminal has made its line ends."""
    import termios as t

    iflag, oflag, cflag, lflag, ispeed, ospeed, cc = mode
    assert isinstance(iflag, int) and isinstance(oflag, int) and isinstance(cflag, int) and isinstance(lflag, int)
    assert isinstance(cc, list)
    iflag &= ~(t.IGNBRK | t.BRKINT | t.PARMRK | t.ISTRIP | t.INLCR | t.IGNCR | t.ICRNL | t.IXON)
    oflag &= ~t.OPOST
    lflag &= ~(t.ECHO | t.ECHONL | t.ICANON | t.ISIG | t.IEXTEN)
    cflag = cflag & ~(t.CSIZE | t.PARENB) | t.CS8
    cc = list(cc)
    cc[t.VMIN], cc[t.VTIME] = 1, 0
    return [iflag, oflag, cflag, lflag, ispeed, ospeed, cc]


def detach_keys(text: str) -> bytes:
    """The bytes that ``--detach-keys`` names, for example ``ctrl-p,ctrl-q`` or ``a,b``. Invalid for other words."""
    found = bytearray()
    for word in (text or DETACH_KEYS).split(","):
        if len(word) == 1 and word.isascii():
            found += word.encode()
            continue
        key = word.lower().removeprefix("ctrl-")
        if not word.lower().startswith("ctrl-") or len(key) != 1:
            raise Invalid(f"invalid detach keys ({text}): Unknown character: '{word}'")
        if key in "abcdefghijklmnopqrstuvwxyz":
            found.append(ord(key) - ord("a") + 1)
        elif key in "@[\\]^_":
            found.append("@abcdefghijklmnopqrstuvwxyz[\\]^_".index(key))
        else:
            raise Invalid(f"invalid detach keys ({text}): Unknown character: '{word}'")
    return bytes(found)


class Detacher:
    """Finds the detach keys in what is typed. Keys that may be their beginning are held back until that is known."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What goes to the container, and whether the keys have been typed (nothing after them goes)."""
        out = bytearray()
        for byte in data:
            self._held += bytes((byte,))
            if self._held == self._keys:
                return bytes(out), True
            while self._held and not self._keys.startswith(self._held):
                out.append(self._held[0])
                self._held = self._held[1:]
        return bytes(out), False
