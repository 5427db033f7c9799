"""Runs the distribution's own tools; their complaints become our errors."""

from __future__ import annotations

import collections
import contextlib
import os
import shutil
import subprocess
import threading

from scow.errors import NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

TAIL = 12
"""Lines of a failed program's standard error that its error shows."""


def find(program: str, package: str) -> str:
    """The path of a program; NotFound names the Debian package that brings it."""
    path = shutil.which(program)
    if path is None:
        raise NotFound(f"the program {program} is not installed", hint=f"apt-get install {package}")
    return path


class _Lines(threading.Thread):
    """Hands on a program's standard error line by line while its output is read."""

    def __init__(self, stream: BinaryIO, say: Callable[[str], None]) -> None:
        super().__init__(daemon=True)
        self.stream, self.say = stream, say
        self.tail: collections.deque[str] = collections.deque(maxlen=TAIL)

    def run(self) -> None:
        """Until the program closes its standard error."""
        for raw in self.stream:
            line = raw.decode("utf-8", "replace").rstrip()
            self.tail.append(line)
            self.say(line)


@contextlib.contextmanager
def stdout_of(argv: list[str], text: str, say: Callable[[str], None]) -> Iterator[BinaryIO]:
    """A program's standard output as a stream; ``text`` goes to its standard input.

    The program is killed if the reader stops early. Unavailable, with the last lines it said, if it fails.
    """
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    lines = _Lines(process.stderr, say)  # type: ignore[arg-type]
    lines.start()
    try:
        process.stdin.write(text.encode())
        process.stdin.close()
        yield process.stdout  # type: ignore[misc]
        process.stdout.read()
        if process.wait() != 0:
            lines.join()
            raise Unavailable(f"{argv[0]} failed with exit code {process.returncode}:\n" + "\n".join(lines.tail))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        lines.join()
        process.stdout.close()
        process.stderr.close()
