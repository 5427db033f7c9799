"""Locks that die with their owner: ``flock(2)`` on files under ROOT.

The kernel drops such a lock when the last descriptor of the open file is closed, so a killed process leaves none behind
and no lock is ever "stale". Two descriptors exclude each other inside one process too, so the same lock serves threads.
Lock files may be unlinked or renamed by whoever holds them exclusively; an acquirer whose file is gone starts again.

Order, to exclude deadlocks: gc, then image, then container, then layer; nobody takes a lock of an earlier kind
while holding one of a later kind.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from scow.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_FIRST_WAIT = 0.0005
_LONGEST_WAIT = 0.05


class Lock:
    """A held lock; a context manager that lets go at the end. Not inherited over exec."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd

    def release(self) -> None:
        """Let go; harmless when done already."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def discard(self) -> None:
        """Unlink the lock's file and let go; only for the holder of an exclusive lock."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        self.release()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def exclusive(path: str, timeout: float | None = None) -> Lock:
    """Hold ``path`` alone. ``timeout`` in seconds: None waits for ever, 0 does not wait; then raises Unavailable."""
    return _take(path, fcntl.LOCK_EX, timeout)


def shared(path: str, timeout: float | None = None) -> Lock:
    """Hold ``path`` together with other sharers, and no exclusive holder."""
    return _take(path, fcntl.LOCK_SH, timeout)


def attempt(path: str) -> Lock | None:
    """An exclusive lock, or None if anybody holds it now."""
    try:
        return _take(path, fcntl.LOCK_EX, 0)
    except Unavailable:
        return None


def is_held(path: str) -> bool:
    """Whether anybody holds ``path`` now; does not create the file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _lock(fd, fcntl.LOCK_EX, path)
    finally:
        os.close(fd)


def _take(path: str, how: int, timeout: float | None) -> Lock:
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _wait(fd, how, path, until)
            if _still_named(path, fd):
                return Lock(path, fd)
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # unlinked or renamed by the previous holder: the name means another file now


def _still_named(path: str, fd: int) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _wait(fd: int, how: int, path: str, until: float | None) -> None:
    """Take the lock; ``flock`` has no time limit of its own, so a limited wait asks again and again."""
    if until is None:
        fcntl.flock(fd, how)
        return
    pause = _FIRST_WAIT
    while not _lock(fd, how, path):
        left = until - time.monotonic()
        if left <= 0:
            raise Unavailable(f"{path} is locked by another process", hint="wait for the other command, or stop it")
        time.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_WAIT)


def _lock(fd: int, how: int, path: str) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except OSError as e:
        if e.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise Unavailable(f"flock {path}: {e.strerror}") from e
    return True
