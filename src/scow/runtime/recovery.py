"""The truth about a container whose supervisor may have been killed, and the removal of what is left of one."""

from __future__ import annotations

import os
import select

from scow.errors import Conflict
from scow.runtime import statefile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.runtime.statefile import State

KILLED = 137
_WAIT_MILLISECONDS = 10_000


def state(directory: str) -> State | None:
    """What the container is doing now; None if it has not run since boot.

    A supervisor that was killed takes its container along (PDEATHSIG), and its lock. When a state claims life and
    nobody holds the lock, what is left is killed and removed here, and the state becomes ``exited``, 137.
    """
    found = statefile.read(directory)
    if found is None or found["status"] not in statefile.LIVE or statefile.owner(directory) == found["supervisor"]:
        return found
    return recover(directory)


def recover(directory: str) -> State | None:
    """Set the state of a dead supervisor's container right, exactly once, whoever asks."""
    lock = _wait_lock(directory)
    try:
        found = statefile.read(directory)
        if found is None or found["status"] not in statefile.LIVE:
            return found  # it was just ending, or somebody else has been here
        _kill(found["pid"], found["pid_start"])
        from scow.runtime.workers import clean

        clean(found)
        words = found["error"] or "the container's supervisor was killed"
        found.update(status="exited", exit_code=KILLED, pid=0, finished_at=statefile.now(), error=words)
        statefile.write(directory, found)
        return found
    finally:
        os.close(lock)


def _wait_lock(directory: str) -> int:
    import fcntl

    fd = os.open(os.path.join(directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.lockf(fd, fcntl.LOCK_EX)
    return fd


def _kill(pid: int, started: int) -> None:
    """Kill a process if it is still the one that had this pid, and wait until it is gone."""
    if not pid:
        return
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if statefile.start_time(pid) != started:
            return
        from scow.kernel.namespaces import pidfd_send_signal

        pidfd_send_signal(pidfd, 9)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(_WAIT_MILLISECONDS)
    finally:
        os.close(pidfd)


def delete(directory: str) -> None:
    """Remove the state directory of a container that has ended, waiting for its supervisor to have left.

    Conflict if it has not ended. What ``system check`` finds of a killed one goes the same way.
    """
    found = state(directory)
    if found is not None and found["status"] in statefile.LIVE:
        raise Conflict(f"container {found['id']} is {found['status']}", "stop the container before removing it")
    try:
        os.close(_wait_lock(directory))
    except FileNotFoundError:
        return
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))
    os.rmdir(directory)
