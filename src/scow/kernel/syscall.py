"""libc through ctypes, raw system calls, and the one way an ``OSError`` is raised in this room.

Prototypes are not declared for every function: ``syscall`` passes machine words (integers, ``bytes`` as pointers,
ctypes objects by reference), which is what the kernel takes, and keeps the import at the cost of ``ctypes`` alone.
"""

from __future__ import annotations

import ctypes
import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

libc = ctypes.CDLL(None, use_errno=True)

_word = ctypes.c_void_p
_raw = libc.syscall
_raw.restype = ctypes.c_long
_raw.argtypes = (ctypes.c_long, _word, _word, _word, _word, _word, _word)
_PAD = ((0,) * 6, (0,) * 5, (0,) * 4, (0,) * 3, (0,) * 2, (0,), ())

# The calls scow makes itself. Everything from `pidfd_send_signal` on has one number on all architectures but alpha.
_SHARED = {
    "pidfd_send_signal": 424,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
}
# name: (x86_64, aarch64)
_OLDER = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "unshare": (272, 97),
    "setns": (308, 268),
    "capget": (125, 90),
    "capset": (126, 91),
    "prctl": (157, 167),
    "personality": (135, 92),
    "seccomp": (317, 277),
    "statx": (332, 291),
    "renameat2": (316, 276),
    "linkat": (265, 37),
    "utimensat": (280, 88),
    "fallocate": (285, 47),
    "mknodat": (259, 33),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "bpf": (321, 280),
    "prlimit64": (302, 261),
    "keyctl": (250, 219),
}
MACHINE = os.uname().machine
_column = {"x86_64": 0, "aarch64": 1}.get(MACHINE)


def number(name: str) -> int:
    """The number of system call ``name`` on this machine; OSError(ENOSYS) where scow does not know it."""
    if name in _SHARED:
        return _SHARED[name]
    if _column is None or name not in _OLDER:
        raise OSError(errno.ENOSYS, f"{name}: no system call number known for {MACHINE}")
    return _OLDER[name][_column]


def oserror(call: str, path: str | bytes | None = None, code: int | None = None) -> NoReturn:
    """Raise OSError for the errno left by ``call`` (or ``code``), naming the call and the path it was about."""
    code = ctypes.get_errno() if code is None else code
    text = f"{call}: {os.strerror(code)}"
    if path is None:
        raise OSError(code, text)
    raise OSError(code, text, os.fsdecode(path))


def syscall(name: str | int, *args: Any) -> int:
    """Make system call ``name`` with up to six words; the result, or -1 with errno in ``ctypes.get_errno()``."""
    nr = name if isinstance(name, int) else number(name)
    return int(_raw(nr, *args, *_PAD[len(args)]))


def check(name: str, *args: Any, path: str | bytes | None = None) -> int:
    """``syscall`` that raises OSError naming the call and ``path`` when it fails."""
    result = syscall(name, *args)
    if result < 0:
        oserror(name, path)
    return result


def cstring(path: str | bytes) -> bytes:
    """``path`` as C takes it; ValueError if a NUL byte would cut it short."""
    raw = os.fsencode(path)
    if b"\0" in raw:
        raise ValueError(f"{path!r}: embedded null byte")
    return raw
