"""Digests of files that have not changed since they were last read: what makes a rebuild one walk of the tree.

A file is taken to be unchanged if (device, inode, size, mtime, ctime) are: ctime cannot be set back by ``touch`` or
``tar``. As in git's index, a file that changed within the last tick of the file system's clock proves nothing, since it
could change again within that tick; such entries are not kept, so those files are read again next time.

One file per build context holds all its entries as packed records: 20,000 are loaded and looked up in about 25 ms,
where one SQLite row each costs three times that. Losing it costs time only, so it is not synced.
"""

from __future__ import annotations

import os
import struct
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scow.store.paths import Paths

TICK = 50_000_000
"""ns; kernels stamp files with a clock of 1 to 10 ms, and the finer "multigrain" stamps do no harm."""
_COARSE = 1_000_000_000
_COARSE_TICK = 2_500_000_000
_MAGIC = b"scow file digests 1\n"
_KEY = struct.Struct("<QQQqq")
_DIGEST = 32
_RECORD = _KEY.size + _DIGEST
_MASK = (1 << 64) - 1


class FileDigests:
    """The remembered sha256 digests (32 bytes each) of one build context. Not shared between threads."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known = _load(path)
        self._seen: dict[bytes, bytes] = {}
        self._changed = False

    def lookup(self, files: Iterable[os.stat_result]) -> list[bytes | None]:
        """The digest of each file by its status (``lstat``), None where it must be read."""
        pack, known, seen = _KEY.pack, self._known, self._seen
        found: list[bytes | None] = []
        for s in files:
            key = pack(s.st_dev & _MASK, s.st_ino & _MASK, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
            digest = known.get(key)
            if digest is not None:
                seen[key] = digest
            found.append(digest)
        return found

    def learn(self, files: Sequence[tuple[os.stat_result, bytes]], read_from: int) -> int:
        """Remember digests just computed; how many of them can be trusted.

        Each status was taken before its file was read (and found the same afterwards, if the caller can), and
        ``read_from`` is ``time.time_ns()`` from before the first of them was taken.
        """
        trusted = 0
        for s, digest in files:
            if _racy(s, read_from):
                continue
            key = _KEY.pack(s.st_dev & _MASK, s.st_ino & _MASK, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
            self._seen[key] = digest
            trusted += 1
        self._changed |= trusted > 0
        return trusted

    def save(self) -> None:
        """Keep what was looked up or learnt since the beginning, and nothing else: the context as it is now."""
        if not self._changed and len(self._seen) == len(self._known):
            return
        staged = f"{self._path}.{os.getpid()}-{time.monotonic_ns()}"
        body = b"".join([part for pair in self._seen.items() for part in pair])
        try:
            with open(staged, "wb", opener=_private) as f:
                f.write(_MAGIC + struct.pack("<Q", len(self._seen)) + body)
            os.rename(staged, self._path)
        except OSError:  # a full disk: the next build reads the files again
            _unlink(staged)
            return
        self._known = dict(self._seen)
        self._changed = False


def file_digests(paths: Paths, context: str) -> FileDigests:
    """The remembered digests of a build context, by its absolute path."""
    return FileDigests(paths.file_digests(context))


def _racy(s: os.stat_result, read_from: int) -> bool:
    """Whether a change after ``read_from`` could leave this status as it is: its times are too near, or ahead."""
    newest = max(s.st_mtime_ns, s.st_ctime_ns)
    coarse = s.st_mtime_ns % _COARSE == 0 and s.st_ctime_ns % _COARSE == 0  # a file system of whole seconds
    return newest > read_from - (_COARSE_TICK if coarse else TICK)


def _load(path: str) -> dict[bytes, bytes]:
    """The records of a file; none if it is absent, of another form, or cut short."""
    try:
        with open(path, "rb") as f:
            raw = f.read()
    except OSError:
        return {}
    start = len(_MAGIC) + 8
    if not raw.startswith(_MAGIC) or len(raw) < start:
        return {}
    (count,) = struct.unpack_from("<Q", raw, len(_MAGIC))
    if len(raw) != start + count * _RECORD:
        return {}
    split = _KEY.size
    return {raw[i : i + split]: raw[i + split : i + _RECORD] for i in range(start, len(raw), _RECORD)}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
