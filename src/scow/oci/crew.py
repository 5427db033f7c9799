"""Crew: tasks that may add tasks, on a few threads; the first error stops them all.

``concurrent.futures`` would do, but it loads ``logging`` (8 ms), and a pool there has no notion of stopping early.
"""

from __future__ import annotations

import threading
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Task = Callable[[], None]


class Stopped(Exception):
    """Raised inside a task that goes on after another one failed; never leaves ``Crew.run``."""


class Crew:
    """Runs tasks on up to ``jobs`` threads, the caller's being one of them."""

    def __init__(self, jobs: int) -> None:
        self._spare = max(jobs, 1) - 1
        self._threads: list[threading.Thread] = []
        self._tasks: deque[Task] = deque()
        self._change = threading.Condition()
        self._pending = 0
        self._idle = 0
        self._error: BaseException | None = None

    def add(self, task: Task) -> None:
        """Let somebody do ``task``, the oldest first; may be called before ``run`` and from tasks."""
        with self._change:
            self._tasks.append(task)
            self._pending += 1
            if self._pending > 1 and self._idle < len(self._tasks) and len(self._threads) < self._spare:
                self._hire()
            self._change.notify()

    def _hire(self) -> None:
        thread = threading.Thread(target=self._work, name="crew", daemon=True)
        try:
            thread.start()
            self._threads.append(thread)
        except RuntimeError:  # the limit of processes is reached: those that are there will do
            self._spare = 0

    def check(self) -> None:
        """Raise Stopped if the crew is giving up; long tasks call this now and then."""
        if self._error is not None:
            raise Stopped

    def run(self) -> None:
        """Work until no task is left; raise the first error when all have stopped."""
        with self:
            self._work()
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (task := self._next()) is not None:
            with self:
                task()
                self._finished()

    def _next(self) -> Task | None:
        with self._change:
            self._idle += 1
            while not self._tasks and self._pending and self._error is None:
                self._change.wait()
            self._idle -= 1
            return self._tasks.popleft() if self._tasks and self._error is None else None

    def _finished(self) -> None:
        with self._change:
            self._pending -= 1
            if not self._pending:
                self._change.notify_all()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _at: object) -> bool:
        if error is None:
            return False
        with self._change:
            if self._error is None and not isinstance(error, Stopped):
                self._error = error
            self._change.notify_all()
        return True
