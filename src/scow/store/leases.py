"""Leases: what keeps content, layers and snapshots alive while work on them is under way and nothing names them yet.

A lease is one file under ROOT/leases, locked (``flock``) by the process that works; the kernel drops the lock when that
process dies, and the lease is dead at once. The file says who and why, then one resource per line.

Two rules make collection safe, both under the gc lock, which collection holds alone and lease takers share:

- What is *new* is kept: nothing that appeared after the oldest live lease began is collected.
- What was there *before* is kept once it is added. So add first, look whether it exists afterwards. Whoever makes
  again what exists (a layer with the same bytes) renews it instead.

A resource is ``"blob <digest>"``, ``"layer <diff id>"`` or ``"snapshot <key>"``.
"""

from __future__ import annotations

import json
import os
import threading

from scow.errors import Invalid, Unavailable
from scow.store import locks
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from scow.oci.digest import Digest
    from scow.store.paths import Paths


def blob(digest: Digest) -> str:
    """The resource of a blob."""
    return f"blob {digest}"


def layer(diff_id: Digest) -> str:
    """The resource of an uncompressed layer."""
    return f"layer {diff_id}"


def snapshot(key: str) -> str:
    """The resource of a prepared snapshot."""
    return f"snapshot {key}"


def renew(gc_lock: str, path: str) -> bool:
    """Let what ``path`` stands for count as new, so that every live lease keeps it; False if it is not there."""
    with locks.shared(gc_lock):
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
    return True


class Lease:
    """A live lease; a context manager that ends it. Threads may share one."""

    def __init__(self, lock: locks.Lock, gc_lock: str) -> None:
        self._lock = lock
        self._gc_lock = gc_lock
        self._held: set[str] = set()
        self._guard = threading.Lock()

    def add(self, *resources: str) -> None:
        """Keep ``resources`` until the lease ends, whether or not they exist yet. Waits for a running collection."""
        with self._guard:
            new = [r for r in dict.fromkeys(resources) if r not in self._held]
            if not new:
                return
            if any("\n" in r or not r.partition(" ")[2] for r in new):
                raise Invalid(f"{new!r} are no resources")
            with locks.shared(self._gc_lock):
                _append(self._lock, "".join(f"{r}\n" for r in new))
            self._held.update(new)

    def release(self) -> None:
        """End the lease: what only it kept may be collected from now on."""
        if self._lock.fd >= 0:
            self._lock.discard()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


@value
class LiveLease:
    """What others see of a lease: owner, reason, beginning (ns, by the file system's clock) and resources."""

    id: str
    pid: int
    reason: str
    since: int
    resources: frozenset[str]


class Leases:
    """The leases of one ROOT."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def acquire(self, reason: str) -> Lease:
        """A new lease of this process. Waits for a running collection; ``reason`` is shown to whoever waits for it."""
        with locks.shared(self._paths.gc_lock):
            lock = locks.exclusive(f"{self._paths.leases}/{os.urandom(8).hex()}")
            since = os.fstat(lock.fd).st_ctime_ns
            head = json.dumps({"pid": os.getpid(), "reason": reason, "since": since})
            _append(lock, f"{head}\n")
        return Lease(lock, self._paths.gc_lock)

    def live(self) -> list[LiveLease]:
        """All leases whose owner lives, oldest first; files of dead owners are removed on the way."""
        found = []
        for name in os.listdir(self._paths.leases):
            path = f"{self._paths.leases}/{name}"
            dead = locks.attempt(path)
            if dead:
                dead.discard()
                continue
            try:
                found.append(_read(name, path))
            except FileNotFoundError:  # ended just now
                continue
        return sorted(found, key=lambda lease: lease.since)


def _append(lock: locks.Lock, text: str) -> None:
    """Write whole lines or raise; half a line on a full disk is harmless, for it names nothing that exists."""
    raw = text.encode()
    try:
        if os.write(lock.fd, raw) == len(raw):
            return
        why = "no space left"
    except OSError as e:
        why = str(e.strerror)
    raise Unavailable(f"cannot write {lock.path}: {why}", hint="free some space, for example with scow system prune")


def _read(name: str, path: str) -> LiveLease:
    with open(path, encoding="utf-8") as f:
        born = os.fstat(f.fileno()).st_ctime_ns
        lines = f.read().splitlines()
    head = json.loads(lines[0]) if lines else {}
    return LiveLease(name, head.get("pid", 0), head.get("reason", ""), head.get("since", born), frozenset(lines[1:]))
