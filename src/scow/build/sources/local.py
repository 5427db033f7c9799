"""A directory of this machine as build input.

Only the directories that are asked for are read, each once. Directories are opened one component at a time without
following links, files relative to them, so nothing outside of the context can be reached however it changes
meanwhile; a file whose status is not what the walk saw is an error. Everything belongs to 0:0, as docker has it;
sockets are left out; so are extended attributes.

Digests of unchanged files come from the memory (``store.filedigests``): a build of an unchanged context opens no file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
import time
from collections import OrderedDict

from scow import errors
from scow.build.files import KINDS, ROOT, Info, join, split
from scow.build.ignore import ROOT as KEEP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from scow.build.ignore import Ignore, Verdict

    class Memory(Protocol):
        """``store.filedigests.FileDigests``."""

        def lookup(self, files: Sequence[os.stat_result]) -> list[bytes | None]:
            """Digests by status."""

        def learn(self, files: Sequence[tuple[os.stat_result, bytes]], read_from: int) -> int:
            """Remember."""

        def save(self) -> None:
            """Keep."""


DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
OPEN_DIRECTORIES = 64
PIECE = 8 << 20
"""Files longer than this are digested in pieces, by several threads at once."""


class LocalTree:
    """The tree under ``root``, without what ``ignore`` leaves out. Threads may share it."""

    def __init__(self, root: str, ignore: Ignore | None = None, memory: Memory | None = None) -> None:
        self.root = root
        self._ignore = ignore
        self._memory = memory
        self._lock = threading.RLock()
        self._known: dict[str, dict[str, Info]] = {}
        self._verdicts: dict[str, Verdict] = {"": KEEP}
        self._digests: dict[str, str] = {}
        self._learnt: list[tuple[os.stat_result, bytes]] = []
        self._began = time.time_ns()
        try:
            top = os.open(root, DIRECTORY & ~os.O_NOFOLLOW)
        except OSError as e:
            raise errors.NotFound(f"unable to prepare context: path {root!r}: {e.strerror}") from e
        self._fds: OrderedDict[str, int] = OrderedDict({"": top})

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, path: str) -> Info | None:
        """See Files."""
        if not path:
            return ROOT
        directory, name = split(path)
        if directory and (self.find(directory) or ROOT).kind != "dir":
            return None
        if directory and self.find(directory) is None:
            return None
        return self.entries(directory).get(name)

    def entries(self, directory: str) -> Mapping[str, Info]:
        """See Files."""
        known = self._known.get(directory)
        if known is not None:
            return known
        with self._lock:
            if directory not in self._known:
                self._known[directory] = self._scan(directory)
            return self._known[directory]

    def _scan(self, directory: str) -> dict[str, Info]:
        found: dict[str, Info] = {}
        prefix = f"{directory}/" if directory else ""
        parent = self._verdicts[directory]
        rules = self._ignore
        regular: list[os.stat_result] = []
        names: list[str] = []
        with os.scandir(self._directory(directory)) as entries:
            for entry in entries:
                name = entry.name
                path = prefix + name
                verdict = rules.verdict(path, parent) if rules else parent
                if verdict.ignored and (not entry.is_dir(follow_symlinks=False) or not self._has_kept(path, verdict)):
                    continue
                try:
                    st = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # removed meanwhile
                mode = st.st_mode
                kind = KINDS[stat.S_IFMT(mode)]
                if kind == "dir":
                    self._verdicts[path] = verdict
                elif kind == "file":
                    regular.append(st)
                    names.append(name)
                found[name] = self._info(path, kind, st, directory, name)
        if self._memory is not None:
            for name, digest in zip(names, self._memory.lookup(regular), strict=True):
                if digest is not None:
                    self._digests[prefix + name] = digest.hex()
        return {n: i for n, i in found.items() if i.kind != "socket"}

    def _info(self, path: str, kind: str, st: os.stat_result, directory: str, name: str) -> Info:
        mode = st.st_mode & 0o7777
        if kind == "file":
            inode = (st.st_dev, st.st_ino) if st.st_nlink > 1 else None
            return Info(path, kind, mode, 0, 0, st.st_size, st.st_mtime_ns, "", inode, (0, 0), {}, st)
        link = os.readlink(name, dir_fd=self._directory(directory)) if kind == "symlink" else ""
        rdev = (os.major(st.st_rdev), os.minor(st.st_rdev)) if kind in ("char", "block") else (0, 0)
        return Info(path, kind, mode, 0, 0, 0, st.st_mtime_ns, link, None, rdev, {}, st)

    def _has_kept(self, path: str, verdict: Verdict) -> bool:
        """Whether an ignored directory has something below it that is taken back by a ``!`` pattern."""
        assert self._ignore is not None
        if self._ignore.prunes(path, verdict):
            return False
        self._verdicts[path] = verdict
        inside = self.entries(path)
        return bool(inside)

    def _directory(self, path: str) -> int:
        """A descriptor of a directory, kept for the next files in it."""
        with self._lock:
            fd = self._fds.get(path)
            if fd is not None:
                if path:
                    self._fds.move_to_end(path)
                return fd
            above, name = split(path)
            try:
                fd = os.open(name, DIRECTORY, dir_fd=self._directory(above))
            except OSError as e:
                raise self._changed(path, e) from e
            self._fds[path] = fd
            if len(self._fds) > OPEN_DIRECTORIES:
                oldest = next(p for p in self._fds if p not in ("", above, path))
                os.close(self._fds.pop(oldest))
            return fd

    def _changed(self, path: str, why: OSError | None = None) -> errors.Error:
        place = os.path.join(self.root, path)
        if why is not None and why.errno in (errno.EACCES, errno.EPERM):
            return errors.Denied(f"error from sender: open {place}: permission denied")
        return errors.Unavailable(f"{place} changed while the build read it", hint="build again when it is at rest")

    # ── content ─────────────────────────────────────────────────────────────────────────────────────────────────

    def open(self, info: Info) -> int:
        """See Files: a descriptor of the very file that was seen by the walk."""
        directory, name = split(info.path)
        with self._lock:  # the descriptor must not be closed by another thread's _directory
            try:
                fd = os.open(name, FILE, dir_fd=self._directory(directory))
            except OSError as e:
                raise self._changed(info.path, e) from e
        if not same(os.fstat(fd), info.token):
            os.close(fd)
            raise self._changed(info.path)
        return fd

    def digest(self, info: Info) -> str:
        """See Files: sha256, of the pieces' digests for large files."""
        known = self._digests.get(info.path)
        if known is None:
            known = self._digests[info.path] = self._read(info)
        return known

    def _read(self, info: Info) -> str:
        fd = self.open(info)
        try:
            if info.size > PIECE:
                raw = in_pieces(fd, info.size)
            else:
                raw = hashlib.sha256(os.read(fd, info.size + 1) if info.size else b"").digest()
            if not same(os.fstat(fd), info.token):
                raise self._changed(info.path)
        finally:
            os.close(fd)
        assert isinstance(info.token, os.stat_result)
        self._learnt.append((info.token, raw))
        return raw.hex()

    def save(self) -> None:
        """Remember the digests that were computed."""
        if self._memory is not None:
            if self._learnt:
                self._memory.learn(self._learnt, self._began)
                self._learnt = []
            self._memory.save()

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            while self._fds:
                os.close(self._fds.popitem()[1])


def same(now: os.stat_result, seen: object) -> bool:
    """Whether a status still is what was seen."""
    assert isinstance(seen, os.stat_result)
    return (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_mode) == (
        seen.st_ino,
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
        seen.st_mode,
    )


def in_pieces(fd: int, size: int) -> bytes:
    """sha256 of the sha256 of every ``PIECE`` of a file, read by as many threads as there are processors."""
    count = -(-size // PIECE)
    digests: list[bytes] = [b""] * count
    todo = iter(range(count))
    lock = threading.Lock()

    def work() -> None:
        buffer = memoryview(bytearray(1 << 20))
        while True:
            with lock:
                n = next(todo, None)
            if n is None:
                return
            digests[n] = _piece(fd, n * PIECE, min(PIECE, size - n * PIECE), buffer)

    helpers = [threading.Thread(target=work) for _ in range(min(count, os.cpu_count() or 1, 4) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    return hashlib.sha256(b"".join(digests)).digest()


def _piece(fd: int, start: int, length: int, buffer: memoryview) -> bytes:
    running = hashlib.sha256()
    while length:
        n = os.preadv(fd, [buffer[: min(length, len(buffer))]], start)
        if n == 0:
            break  # shorter than it was: the status check after this finds it
        running.update(buffer[:n])
        start += n
        length -= n
    return running.digest()


__all__ = ["LocalTree", "join", "same"]
