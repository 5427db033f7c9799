"""The processes of a container as ``docker top`` shows them."""

from __future__ import annotations

import os
import time

from scow.errors import Invalid
from scow.kernel import cgroup

TITLES = ("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")


def pids(group: str) -> list[int]:
    """The processes in the container's cgroup ``group`` (state.json's ``cgroup``), by their numbers on the host."""
    return cgroup.open_group(group).pids()


def top(group: str, arguments: tuple[str, ...] = ()) -> tuple[list[str], list[list[str]]]:
    """(titles, rows). Without arguments what ``ps -ef`` shows, read from /proc; with some, the host's own ``ps``."""
    inside = set(pids(group))
    if arguments:
        return _ps(inside, arguments)
    boot, hertz = _boot_time(), os.sysconf("SC_CLK_TCK")
    rows = [row for pid in sorted(inside) if (row := _row(pid, boot, hertz))]
    return list(TITLES), rows


def _ps(inside: set[int], arguments: tuple[str, ...]) -> tuple[list[str], list[list[str]]]:
    import subprocess

    done = subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Invalid(f"ps: {done.stderr.strip()}")
    first, *lines = done.stdout.splitlines()
    titles = first.split()
    if "PID" not in titles:
        raise Invalid("Couldn't find PID field in ps output")
    at = titles.index("PID")
    rows = [line.split(None, len(titles) - 1) for line in lines]
    return titles, [row for row in rows if len(row) > at and row[at].isdigit() and int(row[at]) in inside]


def _row(pid: int, boot: float, hertz: int) -> list[str] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            name, _, rest = f.read().decode("utf-8", "replace").partition("(")[2].rpartition(")")
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
        uid = os.stat(f"/proc/{pid}").st_uid
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = rest.split()
    ticks = int(fields[11]) + int(fields[12])
    begun = boot + int(fields[19]) / hertz
    age = max(time.time() - begun, 1)
    seconds = ticks // hertz
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    share = str(min(int(ticks / hertz * 100 / age), 99))
    pattern = "%H:%M" if age < 86400 else "%b%d"
    stamp = time.strftime(pattern, time.localtime(begun))
    return [_user(uid), str(pid), fields[1], share, stamp, _tty(int(fields[4])), clock, words or f"[{name}]"]


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _tty(device: int) -> str:
    major, minor = os.major(device), os.minor(device)
    if major == 136:
        return f"pts/{minor}"
    return f"tty{minor}" if major == 4 else "?"


def _boot_time() -> float:
    with open("/proc/stat", encoding="ascii") as f:
        return float(next(line.split()[1] for line in f if line.startswith("btime ")))
