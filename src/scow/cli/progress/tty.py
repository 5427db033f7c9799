"""``--progress tty``: the live list of jobs that BuildKit's users know, redrawn in place."""

from __future__ import annotations

import os
import threading

from scow.cli.progress.model import Display, Job, status_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from scow.engine.events import VertexStatus

INTERVAL = 0.1
LOG_LINES = 6
CLEAR_BELOW = "\x1b[J"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
BLUE, RED, YELLOW, FAINT, PLAIN = "\x1b[34m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


class Terminal(Display):
    """Redraws ten times a second from a thread of its own while the build runs."""

    def __init__(self, stream: TextIO, title: str) -> None:
        super().__init__(stream)
        self.title = title
        self.colour = not os.environ.get("NO_COLOR")
        self.drawn = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.over.wait(INTERVAL):
            self._draw()

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self.stream.fileno())
            return max(size.columns, 20), max(size.lines, 8)
        except OSError:
            return 80, 25

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{PLAIN}" if self.colour else text

    def _head(self, width: int) -> str:
        import time

        now = max((j.completed for j in self.jobs.values()), default=0) if self.over.is_set() else time.time_ns()
        done = sum(1 for j in self.jobs.values() if j.completed)
        seconds = max(0, (now or time.time_ns()) - self.began) / 1e9
        state = " FINISHED" if self.over.is_set() and not self.failed() else ""
        left = f"[+] Building {seconds:.1f}s ({done}/{len(self.jobs)}){state}"
        room = width - len(left) - len(self.title) - 1
        return left + (" " * room + self.title if room > 0 else "")

    def _line(self, job: Job, width: int) -> str:
        mark = " => "
        if job.error:
            mark += "CANCELED " if "canceled" in job.error else "ERROR "
        elif job.cached:
            mark += "CACHED "
        text = _row(mark + job.name, f" {job.seconds():.1f}s", width)
        colour = RED if job.error else BLUE if job.completed else ""
        return self._paint(text, colour) if colour else text

    def _below(self, job: Job, width: int) -> list[str]:
        """The lines under a job: its statuses, and while it runs the end of its log."""
        lines = [_row(f" => => {status_text(s)}", _seconds(s), width) for s in job.statuses.values()]
        lines += [self._paint(fitted(f" => => WARN: {w}", width - 1), YELLOW) for w in job.warnings]
        if job.running and not self.over.is_set():
            texts = [line.partition(" ")[2] for line in list(job.log)[-LOG_LINES:]]
            lines += [self._paint(fitted(f" => => # {text}", width - 1), FAINT) for text in texts]
        return lines

    def _lines(self) -> list[str]:
        width, height = self._size()
        shown: list[str] = []
        for job in list(self.jobs.values()):
            if job.started or job.completed:
                shown.append(self._line(job, width))
                shown.extend(self._below(job, width))
        if not self.over.is_set() and len(shown) > height - 2:
            shown = shown[-(height - 2) :]
        return [self._head(width), *shown]

    def _draw(self) -> None:
        with self.lock:
            lines = self._lines()
            up = f"\x1b[{self.drawn}A\r" if self.drawn else ""
            self.stream.write(HIDE + up + CLEAR_BELOW + "".join(line + "\n" for line in lines) + SHOW)
            self.stream.flush()
            self.drawn = len(lines)

    def close(self) -> None:
        """Draw the last state, whole, and leave it standing."""
        self.over.set()
        self.thread.join()
        self._draw()


def _row(text: str, tail: str, width: int) -> str:
    """``text`` with ``tail`` at the right edge."""
    room = width - len(tail) - 1
    text = fitted(text, room)
    return text + " " * (room - columns(text)) + tail


def _seconds(status: VertexStatus) -> str:
    if not status.started:
        return ""
    return f" {max(0, (status.completed or status.timestamp) - status.started) / 1e9:.1f}s"


def columns(text: str) -> int:
    """How many columns of a terminal some printable text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def fitted(text: str, room: int) -> str:
    """``text`` on one line of at most ``room`` columns, without control characters; "..." stands for what is cut."""
    text = "".join(c if c.isprintable() else " " for c in text)
    if columns(text) <= room:
        return text
    text = text[: max(room - 3, 0)]
    while text and columns(text) > room - 3:
        text = text[:-1]
    return text + "..."
