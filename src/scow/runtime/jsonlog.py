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
        end = data.rfind(b"\n") + 1
        lines, rest = data[:end], data[end:]
        if lines:
            self._write(self._records(lines, _tail(stream)))
        long = []
        while len(rest) >= LONGEST:
            long.append(rest[:LONGEST])
            rest = rest[LONGEST:]
        if long:
            self._write(self._one_by_one(long, _tail(stream)))
        if rest:
            self.partial[stream] = rest

    def finish(self) -> None:
        """Write what had no newline yet."""
        for stream, rest in list(self.partial.items()):
            self._write(self._one_by_one([rest], _tail(stream)))
        self.partial.clear()

    def close(self) -> None:
        """Finish and close the file."""
        self.finish()
        os.close(self.fd)

    def _write(self, records: str) -> None:
        text = records.encode()
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

    def _records(self, lines: bytes, tail: str) -> str:
        """The records of complete lines. Those without a backslash are quoted together, which is ten times faster than
        one by one: every ``\\n`` in the result then is the end of a line.
        """
        if b"\\" in lines or (len(lines) > LONGEST and max(map(len, lines.split(b"\n"))) >= LONGEST):
            return self._one_by_one([p for line in lines[:-1].split(b"\n") for p in _cut(line + b"\n")], tail)
        quoted = self.quote(lines.decode("utf-8", "replace"))
        return '{"log":' + quoted[:-3].replace("\\n", '\\n"' + tail + '{"log":"') + '\\n"' + tail

    def _one_by_one(self, pieces: list[bytes], tail: str) -> str:
        return "".join(['{"log":' + self.quote(p.decode("utf-8", "replace")) + tail for p in pieces])

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


def _tail(stream: str) -> str:
    """What ends each record that is written now."""
    return f',"stream":"{stream}","time":"{statefile.now()}"}}\n'
