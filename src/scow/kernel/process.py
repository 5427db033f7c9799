"""What a process sets on itself before it becomes someone else's program."""

from __future__ import annotations

import errno
import os

from scow.errors import Invalid
from scow.kernel.syscall import check, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SIGKILL = 9
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_SET_SECUREBITS = 28
PR_SET_TIMERSLACK = 29
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39

PERSONALITIES = {"LINUX": 0, "LINUX32": 8}
"""OCI linux.personality.domain."""
CLOSE_RANGE_UNSHARE = 2
CLOSE_RANGE_CLOEXEC = 4

# getrlimit(2), with the names of the OCI runtime specification. Numbers are those of x86 and ARM.
RLIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}


def prctl(option: int, *args: int | bytes) -> int:
    """prctl(2)."""
    return check("prctl", option, *args, path=f"option {option}")


def set_parent_death_signal(sig: int = SIGKILL, parent: int | None = None) -> None:
    """Get ``sig`` when the *thread* that forked us ends; with ``parent`` (its pid), at once if it has ended already."""
    prctl(PR_SET_PDEATHSIG, sig)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), sig)


def set_no_new_privs() -> None:
    """execve gives no privileges any more; needed before a seccomp filter without CAP_SYS_ADMIN."""
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def set_child_subreaper(on: bool = True) -> None:
    """Become the parent of orphaned descendants."""
    prctl(PR_SET_CHILD_SUBREAPER, int(on))


def set_name(name: str) -> None:
    """The thread's name in ``ps`` and ``/proc/PID/comm``: its first 15 bytes."""
    prctl(PR_SET_NAME, name.encode()[:15])


def set_dumpable(on: bool) -> None:
    """Whether others of this user may trace us and read /proc/self."""
    prctl(PR_SET_DUMPABLE, int(on))


def set_keepcaps(on: bool = True) -> None:
    """Keep permitted capabilities across a change from user 0 to another."""
    prctl(PR_SET_KEEPCAPS, int(on))


def become(uid: int, gid: int, groups: Sequence[int] = (), *, keep_capabilities: bool = False) -> None:
    """Take a user's ids in the only order that works: groups, gid, uid.

    In a user namespace where setgroups is denied, an empty ``groups`` is taken as already done.
    """
    try:
        os.setgroups(groups)
    except PermissionError:
        if groups:
            raise
    os.setresgid(gid, gid, gid)
    if keep_capabilities:
        set_keepcaps()
    os.setresuid(uid, uid, uid)


def set_rlimit(kind: str, soft: int, hard: int) -> bool:
    """Set one limit, by its OCI name; -1 is unlimited. False if raising the hard limit is not allowed here.

    In that case the soft limit is set as high as the host's hard limit lets it, and the caller warns.
    """
    import resource

    number = RLIMITS.get(kind)
    if number is None:
        raise Invalid(f"invalid rlimit type: {kind}")
    try:
        resource.setrlimit(number, (soft, hard))
    except (PermissionError, ValueError):  # "not allowed to raise maximum limit" is a ValueError
        _, most = resource.getrlimit(number)
        if soft > hard >= 0:
            raise Invalid(f"{kind}: soft limit {soft} is above the hard limit {hard}") from None
        lower = [n for n in (soft, most) if n >= 0]
        resource.setrlimit(number, (min(lower, default=-1), most))
        return False
    return True


def close_range(first: int, last: int = 0xFFFFFFFF, *, cloexec: bool = False) -> None:
    """Close descriptors ``first`` to ``last``, or mark them close-on-exec; works where the call is missing."""
    flags = CLOSE_RANGE_CLOEXEC if cloexec else 0
    if syscall("close_range", first, last, flags) == 0:
        return
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if not first <= fd <= last:
            continue
        try:
            if cloexec:
                os.set_inheritable(fd, False)
            else:
                os.close(fd)
        except OSError as e:
            if e.errno != errno.EBADF:  # the directory's own descriptor
                raise


def set_personality(domain: str) -> None:
    """personality(2) by its OCI name, LINUX or LINUX32."""
    if domain not in PERSONALITIES:
        raise Invalid(f"invalid personality domain: {domain}")
    check("personality", PERSONALITIES[domain])


def sethostname(name: str) -> None:
    """The UTS namespace's host name."""
    import socket

    socket.sethostname(name)


def setdomainname(name: str) -> None:
    """The UTS namespace's NIS domain name."""
    with open("/proc/sys/kernel/domainname", "w", encoding="utf-8") as f:
        f.write(name)
