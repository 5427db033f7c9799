"""Archives that cannot be read by position (pipes, compressed ones) become an unnamed file first: it dies with us."""

from __future__ import annotations

import errno
import os
import stat

from scow.errors import NotFound, Unavailable
from scow.wire.compress import Bounded, decompress, detect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

CHUNK = 1 << 20


def seekable(source: str | BinaryIO, tmp: str) -> int:
    """A descriptor of a regular file that holds the plain tar of ``source``, a path or a stream from its position on.

    ``tmp`` is where copies are staged. Raises NotFound, Unavailable (disk full), Corrupt (decompression).
    """
    fd = _direct(source)
    if fd is not None and detect(os.pread(fd, 6, 0)) == "none":
        return fd
    if fd is None:
        assert not isinstance(source, str)
        return _stage(source, tmp)
    with open(fd, "rb", buffering=0) as stream:
        return _stage(stream, tmp)


def _direct(source: str | BinaryIO) -> int | None:
    """A descriptor of our own if ``source`` is a regular file at its beginning, else None."""
    if isinstance(source, str):
        try:
            fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as e:
            raise NotFound(f"open {source}: no such file or directory") from e
        except OSError as e:
            raise Unavailable(f"open {source}: {e.strerror}") from e
    else:
        try:
            fd = os.dup(source.fileno())
        except (OSError, AttributeError):  # io.UnsupportedOperation is an OSError
            return None
    if isinstance(source, str) or (stat.S_ISREG(os.fstat(fd).st_mode) and source.tell() == 0):
        return fd
    os.close(fd)
    return None


class _Counted:
    """Counts what is read, for the bound on how far it may expand."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self.size += len(data)
        return data


def _stage(stream: BinaryIO, tmp: str) -> int:
    counted = _Counted(stream)
    plain = Bounded(decompress(counted), "archive", source=counted)
    fd = _unnamed(tmp)
    try:
        while data := plain.read(CHUNK):
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
    except OSError as e:
        os.close(fd)
        raise Unavailable(f"cannot stage the archive in {tmp}: {e.strerror}", hint="free some space") from e
    except BaseException:
        os.close(fd)
        raise
    return fd


def _unnamed(tmp: str) -> int:
    try:
        return os.open(tmp, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as e:
        if e.errno not in (errno.EOPNOTSUPP, errno.EISDIR):  # EISDIR: a kernel that does not know O_TMPFILE
            raise Unavailable(f"cannot stage the archive in {tmp}: {e.strerror}") from e
    path = f"{tmp}/archive-{os.urandom(8).hex()}"
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    os.unlink(path)
    return fd
