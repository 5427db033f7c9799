"""What steps of a build get from the machine: the zygote, networks, staged files, cache directories, secrets.

Everything lies under the store's ROOT and RUN, secrets in memory only; ``Boxes.close`` takes all of it back.
"""

from __future__ import annotations

import contextlib
import os
import threading

from scow import errors
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager, ExitStack

    from scow.build.files import Data
    from scow.build.jobs import Job
    from scow.build.ops import ExecOp
    from scow.runtime.zygote import Zygote
    from scow.store.layers.staging import Staging
    from scow.store.locks import Lock
    from scow.store.paths import Paths

COPY = 1 << 20
TMPFS = "tmpfs"


@value
class CacheDirectory:
    """Where a cache mount lies; ``new``: nothing has been put into it."""

    path: str
    new: bool


@value
class Given:
    """What the user lends to steps. ``secrets`` and ``agents`` by id; ``network`` gives the path of a namespace to
    join.

    Without ``network`` steps with the default network share the machine's, as BuildKit's do without CNI. ``allow``:
    what a build file may ask for beyond a plain container, BuildKit's entitlements ``network.host`` and
    ``security.insecure``.
    """

    secrets: Mapping[str, Callable[[], bytes]]
    agents: Mapping[str, str]
    network: Callable[[], AbstractContextManager[str]] | None = None
    extra_hosts: tuple[tuple[str, str], ...] = ()
    allow: tuple[str, ...] = ()


NOTHING = Given({}, {})


class Boxes:
    """The machine's side of a build."""

    def __init__(self, paths: Paths, given: Given = NOTHING) -> None:
        self._paths = paths
        self._given = given
        self._zygote: Zygote | None = None
        self._lock = threading.Lock()
        self._staging: Staging | None = None
        self._etc: dict[bytes, str] = {}

    def zygote(self) -> Zygote:
        """The process that steps are forked from, started when the first one needs it."""
        with self._lock:
            if self._zygote is None:
                from scow.runtime.zygote import Zygote

                self._zygote = Zygote()
            return self._zygote

    def close(self) -> None:
        """End the zygote and with it whatever still runs; remove what was staged."""
        with self._lock:
            if self._zygote is not None:
                self._zygote.close()
                self._zygote = None
            if self._staging is not None:
                self._staging.close()
                self._staging = None

    def check_allowed(self, op: ExecOp) -> None:
        """Denied if a step asks for more than the user allows."""
        wanted = (op.network == "host" and "network.host", op.security == "insecure" and "security.insecure")
        for name in wanted:
            if name and name not in self._given.allow:
                raise errors.Denied(f"granting entitlement {name} is not allowed", hint=f"build with --allow {name}")

    @contextlib.contextmanager
    def network(self, mode: str) -> Iterator[str]:
        """The network of a step: "none", "host", or the path of a namespace."""
        if mode in ("none", "host"):
            yield mode
        elif mode != "default":
            raise errors.Unsupported(f"RUN --network={mode}")
        elif self._given.network is None:
            yield "host"
        else:
            with self._given.network() as path:
                yield path

    def secret(self, name: str) -> bytes | None:
        """A secret's bytes."""
        give = self._given.secrets.get(name)
        return give() if give else None

    def agent(self, name: str) -> str | None:
        """The path of an ssh agent's socket."""
        return self._given.agents.get(name)

    def etc_files(self, op: ExecOp) -> list[tuple[str, str]]:
        """``/etc/hosts`` and ``/etc/resolv.conf`` of a step, and the files to be mounted there. They stay until
        ``close``: most steps have the same.
        """
        found = []
        for name, content in self._etc_contents(op):
            path = self._etc.get(content)
            if path is None:
                path = self._etc[content] = self.staged(content, 0o644)
            found.append((name, path))
        return found

    def _etc_contents(self, op: ExecOp) -> list[tuple[str, bytes]]:
        lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
        name = op.meta.hostname or "buildkitsandbox"
        lines += [f"{a}\t{h}" for h, a in (*op.meta.extra_hosts, *self._given.extra_hosts)] + [f"127.0.1.1\t{name}"]
        files = [("/etc/hosts", ("\n".join(lines) + "\n").encode())]
        try:
            with open("/etc/resolv.conf", "rb") as f:
                files.append(("/etc/resolv.conf", f.read(1 << 16)))
        except OSError:
            pass  # a machine without name service: nor have its steps
        return files

    def staged(self, data: Data, mode: int) -> str:
        """A file of the store's staging with some content; the caller may remove it, ``close`` does."""
        with self._lock:
            if self._staging is None:
                from scow.store.layers import staging

                staging.sweep(self._paths)  # what builds left behind that were killed
                self._staging = staging.Staging(self._paths)
            directory = self._staging.path
        return _write(f"{directory}/{os.urandom(8).hex()}", data, mode, 0, 0)

    def in_memory(self, data: bytes, mode: int, uid: int, gid: int) -> str:
        """A file that is never on a disk; the caller removes it."""
        from scow.kernel.files import FS_NAMES, statfs_type

        for directory in (self._paths.run, "/run", "/dev/shm"):  # noqa: S108
            if os.access(directory, os.W_OK) and FS_NAMES.get(statfs_type(directory)) in (TMPFS, "ramfs"):
                return _write(f"{directory}/.scow-{os.urandom(8).hex()}", data, mode, uid, gid)
        raise errors.Unsupported("secrets need a directory in memory", hint="mount a tmpfs on /dev/shm or /run")

    def cache_mount(self, name: str, sharing: str, job: Job, cleanup: ExitStack) -> CacheDirectory:
        """The directory of ``RUN --mount=type=cache``; with ``locked`` this waits, with ``private`` it takes a free
        one.
        """
        from scow.store import locks

        number = 0
        while True:
            own = name if not number else f"{name}#{number}"
            path = self._paths.cache_mount(own)
            lock = self._paths.lock("cachemount", own)
            held: Lock | None = None
            if sharing == "locked":
                held = _patiently(lock, job)
            elif sharing == "private":
                held = locks.attempt(lock)
                number += 1
                if held is None:
                    continue
            elif sharing != "shared":
                raise errors.Invalid(f"unsupported cache sharing mode {sharing!r}")
            if held is not None:
                cleanup.callback(held.release)
            try:
                os.mkdir(path, 0o755)
            except FileExistsError:
                return CacheDirectory(path, False)
            os.chmod(path, 0o755)  # noqa: S103 - whatever the umask; its parent is for root alone
            return CacheDirectory(path, True)


def _patiently(path: str, job: Job) -> Lock:
    import time

    from scow.store import locks

    while True:
        held = locks.attempt(path)
        if held is not None:
            return held
        job.cancel.check()
        time.sleep(0.02)


def _write(path: str, data: Data, mode: int, uid: int, gid: int) -> str:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if isinstance(data, bytes):
            os.write(fd, data)
        else:
            with os.fdopen(data, "rb", buffering=0) if isinstance(data, int) else data as source:
                while piece := source.read(COPY):
                    os.write(fd, piece)
        os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)
    return path
