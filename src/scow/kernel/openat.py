"""openat2(2): paths resolved inside a root by the kernel, with a walk by descriptors where the call is missing.

Old kernels answer ENOSYS, and old seccomp profiles of an outer container EPERM; the walk then gives the same answers.
"""

from __future__ import annotations

import ctypes
import errno
import os

from scow.kernel.syscall import cstring, oserror, syscall

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10
RESOLVE_CACHED = 0x20

_MAX_LINKS = 40
_MAX_RETRIES = 128
_DIR = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _OpenHow(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("flags", "mode", "resolve"))


def openat2(dirfd: int, path: str | bytes, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """openat2(2), close-on-exec; a rename that races with the resolution (EAGAIN) is tried again."""
    creates = flags & os.O_CREAT or flags & os.O_TMPFILE == os.O_TMPFILE  # O_TMPFILE contains O_DIRECTORY
    how = _OpenHow(flags | os.O_CLOEXEC, mode if creates else 0, resolve)
    raw = cstring(path)
    fd = syscall("openat2", dirfd, raw, ctypes.byref(how), 24)
    for _ in range(_MAX_RETRIES):
        if fd >= 0 or ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
            break
        fd = syscall("openat2", dirfd, raw, ctypes.byref(how), 24)
    if fd < 0:
        oserror("openat2", path)
    return fd


def open_in_root(root: int, path: str | bytes, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """Open ``path`` as a process chrooted to the directory ``root`` would: ``..`` and links stay inside, magic links
    fail.
    """
    try:
        return openat2(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    except OSError as e:
        if e.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    return walk_in_root(root, path, flags, mode)


def walk_in_root(root: int, path: str | bytes, flags: int, mode: int = 0o666) -> int:
    """``open_in_root`` in user space: one component at a time, never following a link in the kernel."""
    raw = cstring(path)
    todo = _parts(raw)
    if raw.endswith(b"/"):
        flags |= os.O_DIRECTORY
    stay = flags & os.O_NOFOLLOW or (flags & os.O_CREAT and flags & os.O_EXCL)
    trail = [os.open(".", _DIR, dir_fd=root)]
    links = 0
    try:
        while todo:
            part = todo.pop()
            if part == b"..":
                if len(trail) > 1:
                    os.close(trail.pop())
                continue
            target = _link(trail[-1], part) if todo or not stay else None
            if target is not None:
                links += 1
                if links > _MAX_LINKS:
                    oserror("openat2", path, errno.ELOOP)
                if target.startswith(b"/"):
                    _close(trail[1:])
                    del trail[1:]
                todo += _parts(target)
            elif todo:
                trail.append(os.open(part, _DIR, dir_fd=trail[-1]))
            else:
                return os.open(part, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=trail[-1])
        return os.open(".", flags & ~os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=trail[-1])
    finally:
        _close(trail)


def _parts(path: bytes) -> list[bytes]:
    return [p for p in reversed(path.split(b"/")) if p not in (b"", b".")]


def _link(dirfd: int, name: bytes) -> bytes | None:
    try:
        return os.readlink(name, dir_fd=dirfd)
    except OSError as e:
        if e.errno in (errno.EINVAL, errno.ENOENT):  # no link; nothing there (yet)
            return None
        raise


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def makedirs_in_root(root: int, path: str | bytes, mode: int = 0o755, links: int = _MAX_LINKS) -> int:
    """Make ``path`` and its parents inside ``root`` where they are missing; an O_PATH descriptor of the last directory.

    Links are followed inside the root, dangling ones too: an image's ``/var/run -> /run`` may come without ``/run``.
    """
    raw = cstring(path)
    try:
        return open_in_root(root, raw, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        pass
    parent, _, name = raw.rstrip(b"/").rpartition(b"/")
    above = makedirs_in_root(root, parent or b".", mode, links)
    target: bytes | None = None
    try:
        if name in (b"", b".", b".."):  # now that its parent is there
            return open_in_root(root, raw, os.O_PATH | os.O_DIRECTORY)
        try:
            os.mkdir(name, mode, dir_fd=above)
        except FileExistsError:
            pass
        target = _link(above, name)
        if target is None:
            return os.open(name, _DIR, dir_fd=above)
        # /proc/self/fd/N may have begun to exist with `above`: its text is no path to make (ELOOP: a magic link).
        return open_in_root(root, raw, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        if target is None:
            raise
    finally:
        os.close(above)
    if links <= 0:
        oserror("mkdir", path, errno.ELOOP)
    return makedirs_in_root(root, target if target.startswith(b"/") else parent + b"/" + target, mode, links - 1)


def make_file_in_root(root: int, path: str | bytes, mode: int = 0o644, links: int = _MAX_LINKS) -> int:
    """Make an empty file with its parents inside ``root`` where it is missing; an O_PATH descriptor of it.

    Links are followed inside the root, dangling ones too, as images have for ``/etc/resolv.conf``.
    """
    parent, _, name = cstring(path).rstrip(b"/").rpartition(b"/")
    above = makedirs_in_root(root, parent or b".")
    try:
        target = _link(above, name)
        if target is None:
            try:
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=above))
            except FileExistsError:
                pass
            return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    finally:
        os.close(above)
    if links <= 0:
        oserror("open", path, errno.ELOOP)
    return make_file_in_root(root, target if target.startswith(b"/") else parent + b"/" + target, mode, links - 1)
