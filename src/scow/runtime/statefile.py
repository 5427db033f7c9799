"""state.json and the lock beside it: what a container is doing, as told by its supervisor.

The supervisor is the only writer, and holds ``lock`` (a POSIX record lock, which nothing inherits and which dies with
it) from before the first state to after the last. So a state that says ``running`` with a free lock is the state of a
supervisor that was killed; ``scow.runtime.recovery`` sets it right.
"""

from __future__ import annotations

import errno
import os
import time

from scow.errors import Corrupt, Error
from scow.runtime import light

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    State = dict[str, Any]

NEVER = "0001-01-01T00:00:00Z"
"""Docker's time of what has not happened."""
LIVE = ("creating", "created", "running", "paused", "restarting", "stopping")
"""States that only a living supervisor can vouch for."""


def now() -> str:
    """The time in UTC as RFC 3339 with nanoseconds."""
    ns = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09}Z"


def blank(name: str) -> State:
    """The state of a container that is about to be made."""
    return {
        "id": name,
        "status": "creating",
        "pid": 0,
        "pid_start": 0,
        "supervisor": os.getpid(),
        "started_at": NEVER,
        "finished_at": NEVER,
        "exit_code": 0,
        "oom_killed": False,
        "error": "",
        "restarts": 0,
        "cgroup": "",
        "networks": [],
        "endpoints": [],
        "warnings": [],
    }


def write(directory: str, state: State) -> None:
    """Replace state.json in one step."""
    path = os.path.join(directory, "state.json")
    text = light.dumps(state).encode()
    try:
        fd = os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, text)
        finally:
            os.close(fd)
        os.rename(f"{path}.tmp", path)
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EDQUOT) or not _overwrite(path, text):
            raise


def _overwrite(path: str, text: bytes) -> bool:
    """Replace the content of a file on a full disk: in the blocks it has, by one write of at least its old length."""
    try:
        os.unlink(f"{path}.tmp")
    except FileNotFoundError:
        pass
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        text = text.ljust(os.fstat(fd).st_size)
        return os.write(fd, text) == len(text)
    finally:
        os.close(fd)


def forget(path: str) -> None:
    """Unlink a file that may be gone already: whoever removes the container can be quicker than its supervisor."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def read(directory: str) -> State | None:
    """What state.json says, None where there is none (the container has not run since boot); Corrupt if damaged."""
    path = os.path.join(directory, "state.json")
    hint = "scow system check --repair ends the container and notes it"
    try:
        with open(path, "rb") as f:
            found = light.loads(f.read(1 << 20))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, Error) as e:
        raise Corrupt(f"{path} is damaged: {e}", hint) from None
    if not isinstance(found, dict) or "status" not in found:
        raise Corrupt(f"{path} is damaged: it holds no state", hint)
    return found


def lock(directory: str) -> int | None:
    """Take the container's lock for this process; None if another process has it. Keep the descriptor open."""
    import fcntl

    fd = os.open(os.path.join(directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def owner(directory: str) -> int:
    """The process that holds the container's lock, 0 for none."""
    import fcntl
    import struct

    try:
        fd = os.open(os.path.join(directory, "lock"), os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    try:
        ask = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(fd, fcntl.F_GETLK, ask))
    finally:
        os.close(fd)
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot: with its pid it names it for good. 0 if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            return int(f.read().rpartition(b")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return 0
