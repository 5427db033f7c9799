"""Directories under ROOT/tmp in which layers are made, and into which they go to be deleted.

A staging directory is locked (``flock`` on the directory itself) by who works in it. The kernel drops the lock when
that process dies, so :func:`sweep` can tell what is garbage and never touches what is not.
"""

from __future__ import annotations

import fcntl
import os

PREFIX = "layer-"
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from scow.store.paths import Paths


class Staging:
    """A locked directory under ROOT/tmp; a context manager that deletes what is left of it."""

    def __init__(self, paths: Paths) -> None:
        while True:
            self.path = f"{paths.tmp}/{PREFIX}{os.urandom(8).hex()}"
            os.mkdir(self.path, 0o700)
            fd = _lock(self.path)
            if fd is not None:
                self.fd = fd
                return

    def publish(self, target: str) -> bool:
        """Give the directory its final name; False, and nothing done, if that exists already and is not empty."""
        try:
            os.rename(self.path, target)
        except OSError:
            if os.path.isdir(target):
                return False
            raise
        self.path = ""
        return True

    def close(self) -> None:
        """Delete what was not published, and unlock."""
        if self.fd < 0:
            return
        fd, self.fd = self.fd, -1
        try:
            if self.path:
                delete(self.path)
        finally:
            os.close(fd)

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _lock(path: str) -> int | None:
    """A locked descriptor of the directory, or None if a sweep took it for garbage before it was locked."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(fd).st_ino:
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None


def discard(paths: Paths, directory: str) -> bool:
    """Delete a directory so that it is gone in one step (a rename into ROOT/tmp). False if it is not there."""
    grave = f"{paths.tmp}/{PREFIX}{os.urandom(8).hex()}"
    try:
        os.rename(directory, grave)
    except FileNotFoundError:
        return False
    delete(grave)
    return True


def sweep(paths: Paths) -> int:
    """Delete staging directories whose owner is dead; how many there were. Safe at any time."""
    found = 0
    for name in os.listdir(paths.tmp):
        path = f"{paths.tmp}/{name}"
        if not name.startswith(PREFIX) or not os.path.isdir(path):
            continue
        fd = _lock(path)
        if fd is not None:
            try:
                delete(path)
                found += 1
            finally:
                os.close(fd)
    return found


def delete(path: str) -> None:
    """Delete a tree, whatever the modes of its directories; harmless if another process is doing it too."""
    parent, name = os.path.split(path)
    above = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _delete(above, os.fsencode(name))
    finally:
        os.close(above)


def _delete(above: int, name: bytes) -> None:
    """Depth first by descriptors, without recursion (a hostile tree may be thousands of directories deep): what lies
    deeper than one level is moved up to the top of the tree before it is deleted.
    """
    top = _open(above, name)
    if top is None:
        return
    try:
        pending = _empty(top, top, 0)
        number = 1
        while pending:
            child = pending.pop()
            fd = _open(top, child)
            if fd is None:
                continue
            try:
                moved = _empty(fd, top, number)
            finally:
                os.close(fd)
            number += len(moved)
            pending += moved
            _quietly(os.rmdir, child, top)
    finally:
        os.close(top)
    _quietly(os.rmdir, name, above)


def _open(above: int, name: bytes) -> int | None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            fd = os.open(name, flags, dir_fd=above)
        except PermissionError:
            os.chmod(name, 0o700, dir_fd=above)
            fd = os.open(name, flags, dir_fd=above)
        if os.geteuid() != 0:
            os.fchmod(fd, 0o700)
        return fd
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        _quietly(os.unlink, name, above)
        return None


def _empty(fd: int, top: int, number: int) -> list[bytes]:
    """Unlink the files in a directory; its directories are renamed to the top, and their new names returned."""
    moved = []
    with os.scandir(fd) as entries:
        found = [(os.fsencode(e.name), e.is_dir(follow_symlinks=False)) for e in entries]
    for name, is_dir in found:
        if not is_dir:
            _quietly(os.unlink, name, fd)
        elif fd == top:
            moved.append(name)
        else:
            fresh = b".delete-%d-%d" % (os.getpid(), number + len(moved))
            try:
                os.rename(name, fresh, src_dir_fd=fd, dst_dir_fd=top)
            except FileNotFoundError:
                continue
            except PermissionError:  # renaming a directory writes its "..", which its mode may forbid
                os.chmod(name, 0o700, dir_fd=fd)
                os.rename(name, fresh, src_dir_fd=fd, dst_dir_fd=top)
            moved.append(fresh)
    return moved


def _quietly(call: object, name: bytes, dir_fd: int) -> None:
    try:
        call(name, dir_fd=dir_fd)  # type: ignore[operator]
    except FileNotFoundError:
        pass
