"""Capabilities: names, numbers and sets (capabilities(7)). A set is an int with bit N for capability N."""

from __future__ import annotations

import ctypes
import errno

from scow.errors import Invalid
from scow.kernel.syscall import check, oserror, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = (
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID "
    "CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK "
    "CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN "
    "CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE "
    "CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND "
    "CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE"
).split()
"""By number."""
NUMBERS = {name: i for i, name in enumerate(NAMES)}
LAST = len(NAMES) - 1

_VERSION_3 = 0x20080522
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_PR_CAP_AMBIENT = 47
_AMBIENT_RAISE, _AMBIENT_CLEAR_ALL = 2, 4


def parse(name: str) -> int:
    """The number of a capability: ``CAP_CHOWN``, ``chown``, in any case; Invalid if there is none of that name."""
    full = name.upper()
    full = full if full.startswith("CAP_") else "CAP_" + full
    if full not in NUMBERS:
        raise Invalid(f"invalid capability: {name!r}")
    return NUMBERS[full]


def mask(names: Iterable[str]) -> int:
    """The set of the named capabilities."""
    bits = 0
    for name in names:
        bits |= 1 << parse(name)
    return bits


def names(bits: int) -> tuple[str, ...]:
    """The names in a set, in the order of their numbers; bits the kernel has and we do not know are left out."""
    return tuple([name for i, name in enumerate(NAMES) if bits >> i & 1])


_Words = ctypes.c_uint32 * 6
_Header = ctypes.c_uint32 * 2


def capget(pid: int = 0) -> tuple[int, int, int]:
    """The (effective, permitted, inheritable) sets of a thread."""
    data = _Words()
    check("capget", ctypes.byref(_Header(_VERSION_3, pid)), ctypes.byref(data))
    return data[0] | data[3] << 32, data[1] | data[4] << 32, data[2] | data[5] << 32


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set this thread's sets."""
    low = [s & 0xFFFFFFFF for s in (effective, permitted, inheritable)]
    high = [s >> 32 for s in (effective, permitted, inheritable)]
    check("capset", ctypes.byref(_Header(_VERSION_3, 0)), ctypes.byref(_Words(*low, *high)))


def bounding() -> int:
    """The bounding set, as far as the kernel knows capabilities (it may know more than ``NAMES``)."""
    bits = 0
    for i in range(64):
        held = syscall("prctl", _PR_CAPBSET_READ, i)
        if held < 0:
            return bits
        bits |= held << i
    return bits


def limit_bounding(keep: int) -> None:
    """Drop everything that is not in ``keep`` from the bounding set (needs CAP_SETPCAP), unknown newer ones too."""
    for i in range(64):
        if keep >> i & 1:
            continue
        if syscall("prctl", _PR_CAPBSET_DROP, i) < 0:
            code = ctypes.get_errno()
            if code == errno.EINVAL:  # past the last one
                return
            # Already absent is as good as dropped: a rootless init lacks CAP_SETPCAP but may hold nothing to drop.
            if syscall("prctl", _PR_CAPBSET_READ, i) == 1:
                oserror("prctl PR_CAPBSET_DROP", NAMES[i] if i <= LAST else str(i), code)


def set_ambient(bits: int) -> None:
    """Make the ambient set exactly ``bits``; each must be permitted and inheritable already."""
    if syscall("prctl", _PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL) < 0:
        oserror("prctl PR_CAP_AMBIENT_CLEAR_ALL")
    for i in range(64):
        if bits >> i & 1 and syscall("prctl", _PR_CAP_AMBIENT, _AMBIENT_RAISE, i) < 0:
            oserror("prctl PR_CAP_AMBIENT_RAISE", NAMES[i] if i <= LAST else str(i))
