"""The progress of pull and push: docker's lines when piped, its list of layers with bars on a terminal."""

from __future__ import annotations

import os
import time

from scow.cli.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from scow.engine.transfers import Status

CLEAR = "\x1b[2K\r"


def make_transfer(stream: TextIO, *, quiet: bool = False) -> Transfer:
    """The display for ``stream``; close it at the end."""
    if quiet:
        return Transfer(None)
    return Bars(stream) if stream.isatty() else Transfer(stream)


class Transfer:
    """Prints every message as a line, and no progress; nothing at all without a stream."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream

    def __call__(self, status: Status) -> None:
        """Take a message."""
        if self.stream is not None and not status.total:
            self.stream.write(status.line + "\n")
            self.stream.flush()

    def close(self) -> None:
        """Nothing more comes."""


class Bars(Transfer):
    """One line a layer, rewritten in place; messages about the whole go below, and what follows starts a new list."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.out = stream
        self.lines: dict[str, str] = {}
        self.began: dict[str, tuple[float, int]] = {}

    def __call__(self, status: Status) -> None:
        """Take a message."""
        if not status.id:
            self.lines.clear()
            self.began.clear()
            self._print(status.text + "\n")
            return
        text = self._bar(status) if status.total else status.text
        new = status.id not in self.lines
        self.lines[status.id] = f"{status.id}: {text}"
        if new:
            self._print(self._cut(self.lines[status.id]) + "\n")
            return
        up = len(self.lines) - list(self.lines).index(status.id)
        if up >= self._size()[1]:
            return  # it has left the screen
        self._print(f"\x1b[{up}A{CLEAR}{self._cut(self.lines[status.id])}\x1b[{up}B\r")

    def _bar(self, status: Status) -> str:
        """``Downloading [=====>    ]  12MB/40MB  8.1MB/s``."""
        now = time.monotonic()
        began, first = self.began.setdefault(status.id, (now, status.current))
        rate = f"  {human_size((status.current - first) / (now - began))}/s" if now - began > 1 else ""
        width = min(max(self._size()[0] - 60, 10), 50)
        filled = min(status.current * width // status.total, width)
        arrow = "=" * filled + (">" if filled < width else "")
        sizes = f"{human_size(status.current, 4)}/{human_size(status.total, 4)}"
        return f"{status.text} [{arrow.ljust(width)}]  {sizes}{rate}"

    def _cut(self, text: str) -> str:
        return text[: self._size()[0] - 1]

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self.out.fileno())
        except OSError:
            return 80, 25
        return max(size.columns or 80, 20), max(size.lines or 25, 4)

    def _print(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()
