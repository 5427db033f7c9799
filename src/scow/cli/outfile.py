"""Where ``save`` and ``export`` write: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


@contextlib.contextmanager
def output_file(path: str, verb: str) -> Iterator[BinaryIO]:
    """A stream to write an archive to; ``path`` "" is standard output, which must be no terminal.

    ``verb`` begins docker's error when the folder is not there (``failed to save image``). Invalid.
    """
    if not path:
        if sys.stdout.isatty():
            raise Invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        yield sys.stdout.buffer
        return
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise Invalid(f"{verb}: invalid output path: stat {folder}: no such file or directory")
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as device:  # a pipe or /dev/stdout: nothing to replace
            yield device
        return
    fd, name = _open(folder, path)
    try:
        with os.fdopen(fd, "wb") as out:
            yield out
            out.flush()
            if not name:
                name = _link(out.fileno(), folder, path)
        os.replace(name, path)
    except BaseException:
        if name and os.path.exists(name):
            os.unlink(name)
        raise


def _open(folder: str, path: str) -> tuple[int, str]:
    """A file in ``folder`` without a name, which goes with its process (open(2), O_TMPFILE); or one with, where the
    file system has no such thing. Mode 0600, as docker's: images may hold what is nobody else's business.
    """
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600), ""
    except OSError as e:
        if e.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            raise
    name = _temporary(path)
    return os.open(name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600), name


def _temporary(path: str) -> str:
    return f"{path}.{os.getpid()}.tmp"


def _link(fd: int, folder: str, path: str) -> str:
    """Give the file a name to be renamed from: link(2) replaces nothing."""
    name = _temporary(path)
    above = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # With a directory's descriptor Python calls linkat(2) with AT_SYMLINK_FOLLOW; without one link(2), which would
        # link the link in /proc.
        os.link(f"/proc/self/fd/{fd}", os.path.basename(name), dst_dir_fd=above)
    finally:
        os.close(above)
    return name
