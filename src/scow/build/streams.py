"""Output of a step: two pipes, read until both are closed, passed on as events as it comes."""

from __future__ import annotations

import fcntl
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Protocol

    from scow.build.jobs import Job

    class Running(Protocol):
        """``runtime.zygote.Running``."""

        def wait(self) -> int:
            """The exit status."""


PIPE_SIZE = 1 << 20
READ = 1 << 16


class Output:
    """Both ends of the two pipes. As a context it gives the ends for the step, which are closed when it ends."""

    def __init__(self) -> None:
        self._read: list[int] = []
        self._write: list[int] = []
        for _ in range(2):
            read, write = os.pipe2(os.O_CLOEXEC)
            try:
                fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
            except OSError:
                pass  # over the user's limit: the default size will do
            self._read.append(read)
            self._write.append(write)

    def __enter__(self) -> tuple[int, int]:
        return self._write[0], self._write[1]

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        for fd in self._write:
            os.close(fd)
        self._write.clear()
        if kind is not None:
            self.close()

    def close(self) -> None:
        """Close what is still open."""
        while self._read:
            os.close(self._read.pop())

    def drain(self, job: Job, running: Running) -> int:
        """Log until the step and all that it started are gone; its status."""
        streams = {fd: n + 1 for n, fd in enumerate(self._read)}
        poll = select.poll()
        for fd in streams:
            poll.register(fd, select.POLLIN)
        try:
            while streams:
                for fd, _ in poll.poll():
                    data = os.read(fd, READ)
                    if data:
                        job.log(streams[fd], data)
                    else:
                        poll.unregister(fd)
                        del streams[fd]
        finally:
            self.close()
        return running.wait()
