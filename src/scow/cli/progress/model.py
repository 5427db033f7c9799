"""What every display knows of a build: its jobs, their numbers, logs and states."""

from __future__ import annotations

import collections
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from scow.engine.events import BuildEvent, VertexLog, VertexStatus, VertexUpdate, VertexWarning

LOG_KEPT = 200
"""Lines of a job's log that are kept for the report of its failure."""


class Job:
    """One vertex as it is shown. Times are nanoseconds since 1970, 0 is *not yet*."""

    def __init__(self, digest: str, name: str) -> None:
        self.digest = digest
        self.name = name
        self.number = 0
        self.started = 0
        self.completed = 0
        self.cached = False
        self.error = ""
        self.log: collections.deque[str] = collections.deque(maxlen=LOG_KEPT)
        self.partial: dict[int, bytes] = {}
        self.statuses: dict[str, VertexStatus] = {}
        self.warnings: list[str] = []

    @property
    def running(self) -> bool:
        """Whether it has begun and not ended."""
        return bool(self.started and not self.completed)

    def seconds(self, now: int | None = None) -> float:
        """How long it ran, or has run until ``now``."""
        if not self.started:
            return 0.0
        return max(0, (self.completed or now or time.time_ns()) - self.started) / 1e9

    def take_log(self, stream: int, data: bytes, timestamp: int) -> list[str]:
        """Complete lines out of a piece of log, each with its time since the job began (``0.153 hello``)."""
        lines = (self.partial.get(stream, b"") + data).split(b"\n")
        self.partial[stream] = lines.pop()
        since = max(0, timestamp - self.started) / 1e9 if timestamp and self.started else 0.0
        return self._keep(lines, since)

    def flush_log(self) -> list[str]:
        """What is left of each stream without its newline."""
        left = [text for text in self.partial.values() if text]
        self.partial.clear()
        return self._keep(left, self.seconds())

    def _keep(self, raw: list[bytes], since: float) -> list[str]:
        # A carriage return redraws the line (progress bars): only its last state is worth a line.
        texts = [line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", "replace") for line in raw]
        lines = [f"{since:.3f} {text}".rstrip() for text in texts]
        self.log.extend(lines)
        return lines


class Display:
    """Keeps the jobs up to date and shows nothing; the displays that show override the ``on_*`` methods."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.jobs: dict[str, Job] = {}
        self.lock = threading.RLock()
        self.began = time.time_ns()
        self.warnings: list[VertexWarning] = []

    def __call__(self, event: BuildEvent) -> None:
        """Take one event; called from any thread."""
        with self.lock:
            kind = type(event).__name__
            if kind == "VertexUpdate":
                self._update(event)  # type: ignore[arg-type]
            elif kind == "VertexLog":
                self._log(event)  # type: ignore[arg-type]
            elif kind == "VertexStatus":
                self._status(event)  # type: ignore[arg-type]
            elif kind == "VertexWarning":
                self._warning(event)  # type: ignore[arg-type]

    def _job(self, digest: str, name: str = "") -> Job:
        job = self.jobs.get(digest)
        if job is None:
            job = self.jobs[digest] = Job(digest, name)
        return job

    def _update(self, event: VertexUpdate) -> None:
        job = self._job(event.vertex, event.name)
        job.name = event.name or job.name
        was_running, was_done = bool(job.started), bool(job.completed)
        job.started = event.started or job.started
        job.completed, job.cached, job.error = event.completed, event.cached, event.error
        if job.started and not was_running:
            self.on_start(job)
        if job.completed and not was_done:
            for line in job.flush_log():
                self.on_line(job, line)
            self.on_end(job)

    def _log(self, event: VertexLog) -> None:
        job = self._job(event.vertex)
        for line in job.take_log(event.stream, event.data, event.timestamp):
            self.on_line(job, line)

    def _status(self, event: VertexStatus) -> None:
        job = self._job(event.vertex)
        done_before = event.id in job.statuses and job.statuses[event.id].completed
        job.statuses[event.id] = event
        if not done_before:
            self.on_status(job, event)

    def _warning(self, event: VertexWarning) -> None:
        job = self._job(event.vertex)
        job.warnings.append(event.short)
        self.warnings.append(event)
        self.on_warning(job, event)

    def on_start(self, job: Job) -> None:
        """A job began."""

    def on_end(self, job: Job) -> None:
        """A job ended: cached, done, or with an error."""

    def on_line(self, job: Job, line: str) -> None:
        """A line of a job's log."""

    def on_status(self, job: Job, status: VertexStatus) -> None:
        """A piece of work inside a job moved on."""

    def on_warning(self, job: Job, warning: VertexWarning) -> None:
        """Something the user should know."""

    def close(self) -> None:
        """The build is over."""

    def failed(self) -> Job | None:
        """The job whose error ended the build, if one did."""
        broken = [j for j in self.jobs.values() if j.error and "canceled" not in j.error]
        return min(broken, key=lambda j: j.completed) if broken else None

    def report_failure(self) -> str:
        """The failed job's name and the end of its log, between rules, as BuildKit prints them; "" if none failed."""
        job = self.failed()
        if job is None:
            return ""
        lines = "".join(line + "\n" for line in list(job.log)[-20:])
        return f"------\n > {job.name}:\n{lines}------\n"


def status_text(status: VertexStatus) -> str:
    """``extracting sha256:... 1.2MB / 4MB``."""
    from scow.cli.units import human_size

    parts = [status.id or status.name]
    if status.total:
        parts.append(f"{human_size(status.current)} / {human_size(status.total)}")
    elif status.current or parts[0].endswith(":"):
        parts.append(human_size(status.current))
    return " ".join(parts)


def done_text(status: VertexStatus) -> str:
    """The same with how long it took: ``transferring context: 1.2MB 0.3s done``."""
    seconds = (status.completed - status.started) / 1e9 if status.started else 0.0
    return status_text(status) + (f" {seconds:.1f}s" if seconds >= 0.05 else "") + " done"
