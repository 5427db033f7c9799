"""The root under construction, and the safe ways to reach a path in it."""

from __future__ import annotations

import errno
import os
import stat

from scow.errors import Denied, Error, Invalid, NotFound, Unavailable
from scow.kernel import mount_fd
from scow.kernel.openat import (
    RESOLVE_IN_ROOT,
    RESOLVE_NO_SYMLINKS,
    make_file_in_root,
    makedirs_in_root,
    open_in_root,
    openat2,
)
from scow.runtime.program import reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Step(Protocol):
        """One thing done to a new root."""

        def describe(self) -> str:
            """What it does, in one line."""
            ...

        def execute(self, root: Root) -> None:
            """Do it; an OSError or an Error says what could not be done."""
            ...


class Root:
    """What the steps of one container share.

    ``fd`` is the mount that becomes ``/`` (-1 until it is there); ``trees`` the detached mounts of bind sources, by
    step; ``null`` a null device to cover files with, ``empty`` one of an empty read-only tmpfs to cover
    directories with; ``pts`` the container's devpts, ``terminal`` its (master, slave); ``cwd`` the working directory.
    """

    __slots__ = ("cwd", "empty", "fd", "null", "pts", "terminal", "trees")

    def __init__(self) -> None:
        self.fd = self.null = self.empty = self.pts = self.cwd = -1
        self.trees: dict[object, int] = {}
        self.terminal: tuple[int, int] | None = None

    def open(self, path: str) -> int:
        """An O_PATH descriptor of ``path``, links followed inside the root only."""
        return open_in_root(self.fd, path, os.O_PATH)

    def directory(self, path: str, mode: int = 0o755) -> int:
        """``path`` as a directory, made with its parents where missing."""
        return makedirs_in_root(self.fd, path, mode)

    def ordinary(self, path: str) -> int:
        """``path`` as a directory reached without any link: what a kernel file system may be mounted on.

        An image could otherwise have ``/proc`` lead elsewhere, and masks and read-only paths cover something else.
        """
        os.close(self.directory(path))
        try:
            return openat2(self.fd, path, os.O_PATH | os.O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS)
        except OSError as e:
            if e.errno == errno.ELOOP:
                raise Invalid(
                    f'"{path}" must be mounted on ordinary directory, and the image has a link there'
                ) from None
            raise

    def file(self, path: str) -> int:
        """``path`` as something to mount a file on: as it is, or an empty file made with its parents."""
        try:
            return self.open(path)
        except FileNotFoundError:
            return make_file_in_root(self.fd, path)


def attach(tree: int, target: int) -> None:
    """Attach a detached mount at an open directory or file, and close that."""
    try:
        mount_fd.attach(tree, "", target)
    finally:
        os.close(target)


def is_directory(fd: int) -> bool:
    """Whether a descriptor is of a directory."""
    return stat.S_ISDIR(os.fstat(fd).st_mode)


def explain(e: OSError, what: str) -> Error:
    """An Error of the class that fits a system call's failure, with the words ``what`` before it."""
    kind = {errno.ENOENT: NotFound, errno.EPERM: Denied, errno.EACCES: Denied, errno.ENOSYS: Unavailable}.get(
        e.errno or 0, Invalid
    )
    where = f" {e.filename}" if e.filename else ""
    return kind(f"{what}: {reason(e)}{where}")
