"""Members of an archive by name: of a tar, or of a directory. Hostile ones are refused with the reason.

Names are relative, ``/``-separated and cannot leave the archive; links are followed inside it.
"""

from __future__ import annotations

import io
import os
import stat

from scow.errors import Corrupt, NotFound
from scow.wire.tar import Entry, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Protocol

    class Files(Protocol):
        """Regular files by name."""

        what: str
        """How errors name the archive."""

        def exists(self, name: str) -> bool:
            """Whether there is something of this name."""

        def size(self, name: str) -> int:
            """Bytes in a file; NotFound, or Corrupt if it is no regular file."""

        def open(self, name: str) -> BinaryIO:
            """A file from its beginning; several may be open at once, in several threads."""

        def close(self) -> None:
            """Let go of the archive."""


MAX_MEMBERS = 100_000
MAX_DOCUMENT = 16 << 20
"""The largest JSON document read from an archive; docker's manifest.json lists all images in one."""
_MAX_LINKS = 40
_WINDOW = 1 << 18


def document(files: Files, name: str, limit: int = MAX_DOCUMENT) -> bytes:
    """All bytes of a small file; Corrupt if it is larger than ``limit``."""
    size = files.size(name)
    if size > limit:
        raise Corrupt(f"{files.what}: {name} has {size} bytes, more than the limit of {limit}")
    with files.open(name) as f:
        return f.read(limit + 1)


class TarFiles:
    """The members of the tar in a descriptor of a regular file, which is closed with this."""

    def __init__(self, fd: int, what: str) -> None:
        self.what = what
        self._fd = fd
        self._members: dict[str, Entry] = {}
        for count, entry in enumerate(scan(fd)):
            if count >= MAX_MEMBERS:
                raise Corrupt(f"{what}: more than {MAX_MEMBERS} members")
            self._take(entry)

    def exists(self, name: str) -> bool:
        """Whether there is a member of this name, or a directory that holds one is meant by it."""
        return name in self._members

    def size(self, name: str) -> int:
        """Bytes in a file, links followed."""
        return self._find(name).size

    def open(self, name: str) -> BinaryIO:
        """A file from its beginning."""
        entry = self._find(name)
        return io.BufferedReader(_Slice(self._fd, entry.data, entry.size), _WINDOW)

    def close(self) -> None:
        """Close the descriptor; open members are of no use then."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _take(self, entry: Entry) -> None:
        if entry.kind == "dir":
            return
        name = self._inside(os.fsdecode(entry.name), os.fsdecode(entry.name))
        # A second manifest.json would make two tools see two images; layers may come twice, for digests judge them.
        if name in self._members and (name.endswith(".json") or "/" not in name):
            raise Corrupt(f"{self.what}: {name} is there twice")
        self._members[name] = entry

    def _find(self, name: str) -> Entry:
        wanted = name
        for _ in range(_MAX_LINKS):
            entry = self._members.get(name)
            if entry is None:
                raise NotFound(f"{self.what}: {wanted} is not in the archive")
            if entry.kind == "symlink":
                name = self._inside(os.path.join(os.path.dirname(name), os.fsdecode(entry.linkname)), wanted)
            elif entry.kind == "hardlink":
                name = self._inside(os.fsdecode(entry.linkname), wanted)
            elif entry.kind != "file" or entry.sparse is not None:
                raise Corrupt(f"{self.what}: {wanted} is no plain file")
            else:
                return entry
        raise Corrupt(f"{self.what}: the links of {wanted} go round in a circle")

    def _inside(self, path: str, what: str) -> str:
        clean = os.path.normpath(path)
        if path.startswith("/") or clean == ".." or clean.startswith("../") or "\0" in path:
            raise Corrupt(f"{self.what}: {what} leads out of the archive")
        return clean


class _Slice(io.RawIOBase):
    """Part of a file, read by position, so that others may read other parts at the same time."""

    def __init__(self, fd: int, start: int, size: int) -> None:
        self._fd = fd
        self._at = start
        self._end = start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        view = memoryview(buffer)[: self._end - self._at]
        n = os.preadv(self._fd, [view], self._at) if len(view) else 0
        self._at += n
        return n


class DirectoryFiles:
    """The files below a directory; links cannot lead out of it, and nothing but regular files is opened."""

    def __init__(self, path: str) -> None:
        self.what = path
        try:
            self._fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as e:
            raise NotFound(f"{path} does not exist") from e

    def exists(self, name: str) -> bool:
        """Whether there is a regular file of this name."""
        try:
            os.close(self._open(name))
        except (NotFound, Corrupt):
            return False
        return True

    def size(self, name: str) -> int:
        """Bytes in a file."""
        fd = self._open(name)
        try:
            return os.fstat(fd).st_size
        finally:
            os.close(fd)

    def open(self, name: str) -> BinaryIO:
        """A file from its beginning."""
        return open(self._open(name), "rb", buffering=_WINDOW)

    def close(self) -> None:
        """Let go of the directory."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self, name: str) -> int:
        from scow.kernel.openat import open_in_root

        try:
            fd = open_in_root(self._fd, name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except (FileNotFoundError, NotADirectoryError) as e:
            raise NotFound(f"{self.what}: {name} is not there") from e
        except OSError as e:
            raise Corrupt(f"{self.what}: {name} cannot be opened: {e.strerror}") from e
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise Corrupt(f"{self.what}: {name} is no regular file")
        return fd
