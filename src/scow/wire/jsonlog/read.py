"""Reading a log: all of it or its tail, between two times, and on as it grows.

Lines that are no records are passed over: a crash of the machine can leave half a line or zeros, and the records
behind it still count.
"""

from __future__ import annotations

import os

from scow.errors import Corrupt, NotFound
from scow.wire.jsonlog.record import Record, decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 1 << 16
LONGEST = 1 << 20
"""A line longer than this is no record."""


def tail_offset(fd: int, lines: int) -> int:
    """Where the last ``lines`` lines of a file begin; an unfinished last line counts as one."""
    end = os.fstat(fd).st_size
    if not lines or not end:
        return end
    wanted = lines + (os.pread(fd, 1, end - 1) == b"\n")
    while end:
        start = max(0, end - CHUNK)
        block = os.pread(fd, end - start, start)
        have = block.count(b"\n")
        if have >= wanted:
            at = len(block)
            for _ in range(wanted):
                at = block.rfind(b"\n", 0, at)
            return start + at + 1
        wanted -= have
        end = start
    return 0


def follow(
    path: str,
    *,
    tail: int | None = None,
    since: int | None = None,
    until: int | None = None,
    wait: Callable[[], bool] | None = None,
) -> Iterator[Record]:
    """The records of the log at ``path``: of the last ``tail`` lines, not before ``since`` and not after ``until``
    (ns since 1970).

    With ``wait`` it goes on at the end of the file: ``wait()`` returns when there may be more (or after a moment),
    and False when there will be none; then what is left is read. A log that was truncated is read from its new
    beginning, one that was replaced is finished and then the new one read. NotFound if there is no log.
    """
    for line in _lines(path, tail, wait):
        try:
            record = decode(line.strip(b"\0\n"))
        except Corrupt:
            continue
        if until is not None and record.time > until:
            return
        if since is None or record.time >= since:
            yield record


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"no log at {path}") from None


def _lines(path: str, tail: int | None, wait: Callable[[], bool] | None) -> Iterator[bytes]:
    fd = _open(path)
    try:
        at = 0 if tail is None else tail_offset(fd, tail)
        rest = b""
        while True:
            chunk = os.pread(fd, CHUNK, at)
            at += len(chunk)
            if chunk:
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()[: LONGEST + 1]
                yield from lines
            elif os.fstat(fd).st_size < at:
                at, rest = 0, b""
            elif wait is None:
                break
            elif (newer := _replaced(path, fd)) is not None:
                yield rest
                os.close(fd)
                fd, at, rest = newer, 0, b""
            elif not wait():
                wait = None
        yield rest
    finally:
        os.close(fd)


def _replaced(path: str, fd: int) -> int | None:
    """A descriptor of the file that is at ``path`` now, if that is another one."""
    try:
        there = os.stat(path)
        here = os.fstat(fd)
        if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
            return None
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
