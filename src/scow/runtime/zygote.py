"""Build steps: containers that start in a few milliseconds, from a process that has everything loaded already.

``Zygote`` is the handle a build's threads share. Behind it is one single-threaded process (``zygote_main``) of its own
session, so no threaded process ever forks. Each step has a channel of its own: its init reports on it, its exit status
comes back on it, and closing it kills the step, also when we die.
"""

from __future__ import annotations

import os
import threading

from scow.errors import Error, Unavailable
from scow.runtime import channel, light
from scow.runtime.bundle import Bundle, to_json
from scow.runtime.channel import Channel
from scow.runtime.program import StartError
from scow.runtime.spawn import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_SHUT_WR = 1


class Running:
    """One step that was started."""

    def __init__(self, own: Channel, bundle: Bundle, warn: Callable[[str], None] | None) -> None:
        self._channel = own
        self._bundle = bundle
        self._warn = warn
        self.oom_killed = False

    def wait(self) -> int:
        """The exit status (128 + N after signal N); StartError if the program could not be started."""
        failed: Error | None = None
        try:
            while True:
                message, _ = self._channel.receive()
                kind, rest = message[:1], message[1:].decode()
                if kind == b"w" and self._warn:
                    self._warn(rest)
                elif kind == b"-":
                    found = light.loads(rest)
                    failed = StartError(found["message"], found["exit_code"])
                    failed.hint = found["hint"]
                elif kind == b"X":
                    status, _, oom = rest.partition(" ")
                    self.oom_killed = oom == "oom"
                    if failed:
                        raise failed
                    return int(status)
                elif not message:
                    self._clean()
                    raise failed or Unavailable("the process that runs build steps is gone")
        finally:
            self._channel.close()

    def _clean(self) -> None:
        """The zygote was killed, its steps died with it, and nobody has removed their control groups."""
        from scow.kernel import cgroup
        from scow.runtime.creator import cgroup_path

        group = cgroup.open_group(cgroup_path(self._bundle))
        group.kill()
        group.remove()

    def kill(self) -> None:
        """Kill all of the step's processes; ``wait`` then returns 137."""
        self._channel.socket.shutdown(_SHUT_WR)


class Zygote:
    """Runs bundles. One for a build; any thread may use it."""

    def __init__(self) -> None:
        ours, theirs = channel.pair()
        script = os.path.join(os.path.dirname(__file__), "zygote_main.py")
        try:
            self.pid = spawn(script, theirs)
        finally:
            os.close(theirs)
        self._channel = Channel(ours)
        self._lock = threading.Lock()

    def start(
        self, bundle: Bundle, stdin: int, stdout: int, stderr: int, warn: Callable[[str], None] | None = None
    ) -> Running:
        """Start ``bundle`` with three open descriptors as its streams, which stay open here."""
        if not self.pid:
            raise Unavailable("the process that runs build steps is gone")
        ours, theirs = channel.pair()
        own = Channel(ours)
        order = channel.memory_file(light.dumps(to_json(bundle)).encode())
        try:
            own.send(b"S")  # the go-ahead waits in the channel for the step's init
            with self._lock:
                sent = self._channel.send(b"B", (order, theirs, stdin, stdout, stderr))
        finally:
            os.close(order)
            os.close(theirs)
        if not sent:
            own.close()
            raise Unavailable("the process that runs build steps is gone")
        return Running(own, bundle, warn)

    def run(self, bundle: Bundle, stdin: int, stdout: int, stderr: int) -> int:
        """Run ``bundle`` to its end; its exit status."""
        return self.start(bundle, stdin, stdout, stderr).wait()

    def close(self) -> None:
        """End the process, and every step that still runs."""
        self._channel.close()
        if self.pid:
            os.waitpid(self.pid, 0)
            self.pid = 0

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, where: TracebackType | None) -> None:
        self.close()
