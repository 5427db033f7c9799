"""Network namespaces for RUN steps: on the default bridge, made when first needed and used by one step after the other.

A namespace is entered by the step through ``/proc/<our pid>/fd/<n>``; it has no process of its own and ends when the
build closes it.
"""

from __future__ import annotations

import contextlib
import os
import threading

from scow.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from scow.runtime.net.network import NetworkConfig


class Namespaces:
    """The namespaces of one build; a context manager. Threads may share it."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._network: NetworkConfig | None = None
        self._free: list[tuple[int, str]] = []
        self._all: list[tuple[int, str]] = []

    def __enter__(self) -> Namespaces:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._all:
            return
        from scow.runtime.net.attach import detach

        for fd, name in self._all:
            os.close(fd)
            if self._network is not None:
                detach(self._network, name, self._run)

    @contextlib.contextmanager
    def borrow(self) -> Iterator[str]:
        """The path of a namespace that nobody else uses meanwhile."""
        with self._lock:
            fd, name = self._free.pop() if self._free else self._made()
        try:
            yield f"/proc/{os.getpid()}/fd/{fd}"
        finally:
            with self._lock:
                self._free.append((fd, name))

    def _made(self) -> tuple[int, str]:
        from scow.runtime.net.attach import attach
        from scow.runtime.net.network import default_network

        if self._network is None:
            self._network = default_network(self._run)
            self._take_back(self._network)
        fd, name = new_namespace(), user_name()
        self._all.append((fd, name))
        attach(self._network, name, fd, self._run)
        return fd, name

    def _take_back(self, network: NetworkConfig) -> None:
        """Free the addresses of builds that were killed."""
        from scow.runtime.net import addresses
        from scow.runtime.net.network import lock

        with lock(self._run):
            addresses.reclaim(addresses.directory(self._run, network), lambda who: who[:6] != "build-" or is_alive(who))


def user_name() -> str:
    """Under what name this process takes an address; ``is_alive`` reads it."""
    from scow.runtime.statefile import start_time

    return f"build-{os.getpid()}-{start_time(os.getpid())}-{os.urandom(4).hex()}"


def is_alive(name: str) -> bool:
    """Whether the build still lives that took an address under this ``user_name``."""
    from scow.runtime.statefile import start_time

    words = name.split("-")
    return len(words) == 4 and words[1].isdigit() and str(start_time(int(words[1]))) == words[2] != "0"


def new_namespace() -> int:
    """A descriptor of a new, empty network namespace.

    A thread of its own unshares and dies: unshare(2) concerns only the thread that calls it.
    """
    from scow.kernel.namespaces import CLONE_NEWNET, unshare

    found: list[int | OSError] = []

    def work() -> None:
        try:
            unshare(CLONE_NEWNET)
            found.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        except OSError as e:
            found.append(e)

    thread = threading.Thread(target=work, name="netns")
    thread.start()
    thread.join()
    fd = found[0]
    if isinstance(fd, OSError):
        raise Error(f"cannot make a network namespace: {fd.strerror}", hint="RUN --network=host needs none") from fd
    return fd
