"""Reading, writing and removing the files and directories of a cgroup hierarchy, and what both versions share."""

from __future__ import annotations

import errno
import os
import time

from scow.kernel.syscall import oserror
from scow.values import value

SIGKILL = 9
_REMOVE_SECONDS = 2.0
_KILL_SECONDS = 10.0


@value
class Stats:
    """What a cgroup has used: CPU in ns, memory and block I/O in bytes; -1 is unlimited, or unknown here."""

    cpu: int = 0
    cpu_user: int = 0
    cpu_system: int = 0
    periods: int = 0
    throttled_periods: int = 0
    throttled: int = 0
    memory: int = 0
    memory_limit: int = -1
    memory_peak: int = -1
    inactive_file: int = 0
    oom_kills: int = 0
    pids: int = 0
    pids_limit: int = -1
    read_bytes: int = 0
    write_bytes: int = 0


def write(directory: str, name: str, text: str | int) -> None:
    """Write a control file; an error names it and what was written."""
    path = f"{directory}/{name}"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as e:
        oserror(f"open cgroup file for {text!r}", path, e.errno)
    try:
        os.write(fd, str(text).encode())
    except OSError as e:
        oserror(f"write {text!r}", path, e.errno)
    finally:
        os.close(fd)


def read(directory: str, name: str, missing: str = "") -> str:
    """A control file's text without its last newline; ``missing`` where this kernel or controller has no such file."""
    try:
        fd = os.open(f"{directory}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return missing
    try:
        chunks = []
        while chunk := os.read(fd, 1 << 16):
            chunks.append(chunk)
        return b"".join(chunks).decode("utf-8", "replace").rstrip("\n")
    except OSError as e:
        if e.errno in (errno.ENODEV, errno.EOPNOTSUPP):  # the group is being removed; the device has no scheduler
            return missing
        raise
    finally:
        os.close(fd)


def number(directory: str, name: str, missing: int = 0) -> int:
    """A control file that holds one number; "max", and v1's huge stand-in for it, are -1."""
    text = read(directory, name)
    if not text:
        return missing
    found = -1 if text == "max" else int(text)
    return -1 if found >= 0x7FFFFFFFFFFFF000 else found


def table(text: str) -> dict[str, int]:
    """Lines of "name number"."""
    pairs = [line.split() for line in text.splitlines()]
    return {p[0]: int(p[1]) for p in pairs if len(p) == 2 and p[1].isdigit()}


def subgroups(directory: str) -> list[str]:
    """A group's directory and all below it, parents first."""
    found = [directory]
    for path in found:  # grows while it is walked
        try:
            with os.scandir(path) as entries:
                found += [e.path for e in entries if e.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            continue
    return found


def processes(directory: str) -> list[int]:
    """The processes of a group and of all groups below it."""
    pids = [pid for path in subgroups(directory) for pid in read(path, "cgroup.procs").split()]
    return sorted({int(p) for p in pids})


def remove(directory: str) -> None:
    """Remove a group and the groups inside it; killed processes may take a moment to leave (EBUSY), which is waited
    for.
    """
    end = time.monotonic() + _REMOVE_SECONDS
    delay = 0.0005
    while True:
        busy = False
        for path in reversed(subgroups(directory)):
            try:
                os.rmdir(path)
            except FileNotFoundError:
                pass
            except OSError as e:
                if e.errno not in (errno.EBUSY, errno.ENOTEMPTY):
                    raise
                busy = True
        if not busy:
            return
        if time.monotonic() > end:
            oserror("rmdir", directory, errno.EBUSY)
        time.sleep(delay)
        delay = min(delay * 2, 0.05)


def signal_all(directory: str, sig: int = SIGKILL) -> bool:
    """Send ``sig`` to every process of a group; False if there was none."""
    pids = processes(directory)
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass
    return bool(pids)


def kill_until_empty(directory: str) -> None:
    """SIGKILL again and again until nobody is left, for forks that outrun one pass; TimeoutError after ten seconds."""
    end = time.monotonic() + _KILL_SECONDS
    delay = 0.0005
    while signal_all(directory):
        if time.monotonic() > end:
            raise TimeoutError(errno.ETIMEDOUT, "processes outlive SIGKILL", directory)
        time.sleep(delay)
        delay = min(delay * 2, 0.05)
