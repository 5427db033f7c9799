"""Docker's json-file log, written by the supervisor: one JSON object a line, files rotated by size.

    {"log":"text\\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}

A line longer than 16 KiB is cut as docker cuts it; only its last part ends in a newline.
"""

from __future__ import annotations

import os

from scow.runtime import light, statefile

LONGEST = 16 << 10


class Log:
    """A container's log file. ``max_size`` 0 never rotates; ``max_files`` counts the current one."""

    def __init__(self, path: str, max_size: int = 0, max_files: int = 1) -> None:
        self.path = path
        self.max_size = max_size
        self.max_files = max(max_files, 1)
        self.partial: dict[str, bytes] = {}
        self.quote = light.quoter()
        self._open()

    def _open(self) -> None:
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self.size = os.fstat(self.fd).st_size

    def add(self, stream: str, data: bytes) -> None:
        """Bytes as they came from ``stream``; complete lines are written, the rest is kept for later."""
        data = self.partial.pop(stream, b"") + data
        lines = data.split(b"\n")
        rest = lines.pop()
        pieces = [piece for line in lines for piece in _cut(line + b"\n")]
        while len(rest) >= LONGEST:
            pieces.append(rest[:LONGEST])
            rest = rest[LONGEST:]
        if rest:
            self.partial[stream] = rest
        if pieces:
            self._write(stream, pieces)

    def finish(self) -> None:
        """Write what had no newline yet."""
        for stream, rest in list(self.partial.items()):
            self._write(stream, [rest])
        self.partial.clear()

    def close(self) -> None:
        """Finish and close the file."""
        self.finish()
        os.close(self.fd)

    def _write(self, stream: str, pieces: list[bytes]) -> None:
        tail = f',"stream":"{stream}","time":"{statefile.now()}"}}\n'
        text = "".join(['{"log":' + self.quote(p.decode("utf-8", "replace")) + tail for p in pieces]).encode()
        try:
            while text:
                written = os.write(self.fd, text)
                self.size += written
                text = text[written:]
            if 0 < self.max_size <= self.size:
                self._rotate()
        except OSError:
            # A full disk must not stop the container: docker drops log lines then, too.
            pass

    def _rotate(self) -> None:
        os.close(self.fd)
        for n in range(self.max_files - 1, 0, -1):
            source = self.path if n == 1 else f"{self.path}.{n - 1}"
            if os.path.exists(source):
                os.rename(source, f"{self.path}.{n}")
        if self.max_files == 1:
            os.truncate(self.path, 0)
        self._open()


def _cut(line: bytes) -> list[bytes]:
    if len(line) <= LONGEST:
        return [line]
    return [line[i : i + LONGEST] for i in range(0, len(line), LONGEST)]
