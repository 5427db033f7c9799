"""``--progress plain``: every job's lines, numbered, one job at a time."""

from __future__ import annotations

from scow.cli.progress.model import Display, Job, done_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from scow.engine.events import VertexStatus, VertexWarning


class Plain(Display):
    """Lines as BuildKit's plain display writes them (``#5 0.153 hi``)."""

    def __init__(self, stream: TextIO, title: str) -> None:
        super().__init__(stream)
        self.current: Job | None = None
        self.count = 0
        self.parted = True
        if title:
            self._write(f"#0 {title}\n")
            self.parted = False

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()

    def _focus(self, job: Job) -> None:
        """Print a job's header, unless its lines are already the ones being printed."""
        if self.current is job:
            return
        if self.current is not None:
            self._write(f"#{self.current.number} ...\n")
            self.parted = False
        if not job.number:
            self.count += 1
            job.number = self.count
        self._write(("" if self.parted else "\n") + f"#{job.number} {job.name}\n")
        self.current = job
        self.parted = False

    def on_start(self, job: Job) -> None:
        """Print the header at once when nobody else is printing."""
        if self.current is None and not job.completed:
            self._focus(job)

    def on_line(self, job: Job, line: str) -> None:
        """Print a log line."""
        self._focus(job)
        self._write(f"#{job.number} {line}\n")

    def on_status(self, job: Job, status: VertexStatus) -> None:
        """Print a status once, when it is complete."""
        if status.completed:
            self._focus(job)
            self._write(f"#{job.number} {done_text(status)}\n")

    def on_warning(self, job: Job, warning: VertexWarning) -> None:
        """Print a warning under its job."""
        self._focus(job)
        self._write(f"#{job.number} WARN: {warning.short}\n")

    def on_end(self, job: Job) -> None:
        """Print how the job ended."""
        self._focus(job)
        if job.error:
            canceled = "canceled" in job.error
            self._write(f"#{job.number} " + ("CANCELED\n" if canceled else f"ERROR: {job.error}\n"))
        elif job.cached:
            self._write(f"#{job.number} CACHED\n")
        else:
            self._write(f"#{job.number} DONE {job.seconds():.1f}s\n")
        self.current = None
        running = next((j for j in self.jobs.values() if j.running), None)
        if running:
            self._focus(running)
