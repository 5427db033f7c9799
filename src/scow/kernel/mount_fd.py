"""The descriptor-based mount API (Linux 5.2; mount_setattr 5.12): a mount is made, configured, then attached.

Failures carry the kernel's own words: a file system context keeps a log, which is read and put into the OSError.
"""

from __future__ import annotations

import ctypes
import os

from scow.kernel.mount_options import SUPERBLOCK, attributes
from scow.kernel.syscall import check, cstring, oserror, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
AT_SYMLINK_NOFOLLOW = 0x100
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 0x4
MOVE_MOUNT_T_EMPTY_PATH = 0x40
FSOPEN_CLOEXEC = 1
FSMOUNT_CLOEXEC = 1
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_SET_FD = 5
FSCONFIG_CMD_CREATE = 6
STRING_LIMIT = 255
"""Longest value fsconfig takes as a string."""


def messages(fs: int) -> str:
    """What the kernel has logged on a file system context, errors first, joined into one line."""
    found: list[str] = []
    while True:
        try:
            line = os.read(fs, 4096).decode("utf-8", "replace")
        except OSError:  # ENODATA: the log is empty
            return "; ".join(found)
        found.append(line[2:].strip() if line[1:2] == " " else line.strip())


def _failed(fs: int, call: str, what: str) -> NoReturn:
    code = ctypes.get_errno()
    said = messages(fs)
    oserror(f"{call} {what}: {said}" if said else f"{call} {what}", code=code)


def fsopen(fstype: str) -> int:
    """A context for a new instance of ``fstype``; close it when the mount is made."""
    return check("fsopen", cstring(fstype), FSOPEN_CLOEXEC, path=fstype)


def fsconfig_string(fs: int, key: str, text: str | bytes) -> None:
    """Set ``key=text``; at most STRING_LIMIT bytes."""
    if syscall("fsconfig", fs, FSCONFIG_SET_STRING, cstring(key), cstring(text), 0) < 0:
        _failed(fs, "fsconfig", f"{key}={os.fsdecode(text)}")


def fsconfig_flag(fs: int, key: str) -> None:
    """Set an option that has no value."""
    if syscall("fsconfig", fs, FSCONFIG_SET_FLAG, cstring(key), None, 0) < 0:
        _failed(fs, "fsconfig", key)


def fsconfig_create(fs: int) -> None:
    """Make the superblock."""
    if syscall("fsconfig", fs, FSCONFIG_CMD_CREATE, None, None, 0) < 0:
        _failed(fs, "fsconfig", "create")


def fsmount(fs: int, attrs: int = 0) -> int:
    """A detached mount of the created context, with MOUNT_ATTR_* bits; dropped if it is closed unattached."""
    mount = syscall("fsmount", fs, FSMOUNT_CLOEXEC, attrs)
    if mount < 0:
        _failed(fs, "fsmount", "")
    return mount


def new_mount(fstype: str, source: str | None, data: Iterable[str], flags: int = 0) -> int:
    """A detached mount of ``fstype`` in one call: ``data`` are ``key=value`` or ``key`` words, ``flags`` MS_* bits."""
    fs = fsopen(fstype)
    try:
        if source:
            fsconfig_string(fs, "source", source)
        for word in data:
            key, equals, text = word.partition("=")
            if equals:
                fsconfig_string(fs, key, text)
            else:
                fsconfig_flag(fs, key)
        for bit, name in SUPERBLOCK.items():
            if flags & bit:
                fsconfig_flag(fs, name)
        fsconfig_create(fs)
        return fsmount(fs, attributes(flags))
    finally:
        os.close(fs)


def open_tree(path: str | bytes, flags: int = OPEN_TREE_CLONE, dirfd: int = AT_FDCWD) -> int:
    """A detached copy of the mount at ``path`` (with AT_RECURSIVE: of the tree); "" and AT_EMPTY_PATH name ``dirfd``
    itself.
    """
    return check("open_tree", dirfd, cstring(path), flags | OPEN_TREE_CLOEXEC, path=path)


def attach(mount: int, target: str | bytes = "", dirfd: int = AT_FDCWD) -> None:
    """Attach a detached mount at ``target``, or at the open directory or file ``dirfd`` when ``target`` is empty."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | (0 if target else MOVE_MOUNT_T_EMPTY_PATH)
    check("move_mount", mount, b"", dirfd, cstring(target), flags, path=target or f"fd {dirfd}")


class _MountAttr(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd"))


def mount_setattr(
    mount: int, on: int = 0, off: int = 0, *, propagation: int = 0, recursive: bool = False, userns: int = -1
) -> None:
    """Set and clear MOUNT_ATTR_* on an open mount; with ``userns`` and MOUNT_ATTR_IDMAP map its ids (detached mounts
    only).
    """
    attr = _MountAttr(on, off, propagation, max(userns, 0))
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    check("mount_setattr", mount, b"", flags, ctypes.byref(attr), ctypes.sizeof(attr), path=f"fd {mount}")
