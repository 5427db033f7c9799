"""Blobs as files: ``blobs/<algorithm>/<hex>``, written once, never changed.

A blob appears complete or not at all: it grows in ROOT/tmp, is hashed on the way, compared with what was expected,
synced (``fdatasync``: a name must not outlive its bytes over a power cut) and renamed. The directory is not synced: a
name that a power cut took back is a missing blob, which is fetched again, never a wrong one. Writers of one blob do not
meet: each has a file of its own and the last rename wins with the same bytes.
"""

from __future__ import annotations

import errno
import os

from scow.errors import Conflict, Corrupt, Denied, Error, Invalid, NotFound, Unavailable
from scow.oci.digest import LENGTHS, Digest, hasher
from scow.store import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import BinaryIO

    from scow.store.paths import Paths

CHUNK = 1 << 20


class Blobs:
    """The blob files of one ROOT."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def size(self, digest: Digest) -> int | None:
        """Size in bytes, or None if there is no such blob."""
        try:
            return os.stat(self._paths.blob(digest)).st_size
        except FileNotFoundError:
            return None

    def open(self, digest: Digest) -> BinaryIO:
        """The raw file, not verified; raises NotFound."""
        try:
            return open(self._paths.blob(digest), "rb", buffering=0)
        except FileNotFoundError as e:
            raise NotFound(f"blob {digest} is not in the store", hint="pull or load the image again") from e

    def delete(self, digest: Digest) -> int:
        """Remove a blob; the bytes freed. Raises NotFound."""
        path = self._paths.blob(digest)
        try:
            size = os.stat(path).st_size
            os.unlink(path)
        except FileNotFoundError as e:
            raise NotFound(f"blob {digest} is not in the store") from e
        return size

    def walk(self) -> Iterator[tuple[Digest, os.stat_result]]:
        """Every blob with its file's status, by algorithm and name."""
        for algorithm in sorted(os.listdir(self._paths.blobs)):
            length = LENGTHS.get(algorithm)
            with os.scandir(f"{self._paths.blobs}/{algorithm}") as entries:
                found = sorted((e for e in entries if len(e.name) == length), key=lambda e: e.name)
            for entry in found:
                try:
                    yield Digest(algorithm, entry.name), entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # deleted meanwhile
                    continue

    def writer(self, key: str) -> BlobWriter:
        """Begin or go on with the blob known as ``key``; what a killed process wrote is there (``offset``).

        Raises Conflict while another writer holds the key.
        """
        return BlobWriter(self._paths, self._paths.ingest(key), keep=True)

    def scratch(self) -> BlobWriter:
        """A writer that nobody else can meet and that leaves nothing behind unless committed."""
        return BlobWriter(self._paths, self._paths.ingest(os.urandom(16).hex()), keep=False)


class BlobWriter:
    """One blob on its way in: invisible until ``commit``. Not for several threads at once."""

    def __init__(self, paths: Paths, path: str, *, keep: bool) -> None:
        self._paths = paths
        self._keep = keep
        lock = locks.attempt(path)
        if lock is None:
            raise Conflict(f"{path} is being written by somebody else", hint="wait for the other command to end")
        self._lock = lock
        self._sha256 = hasher()
        self.offset = 0
        try:
            self._catch_up()
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append; returns the number of bytes, always all of them."""
        self._must_be_open()
        view = memoryview(data)
        done = 0
        while done < len(view):
            try:
                done += os.write(self._lock.fd, view[done:])
            except OSError as e:
                self._truncate()
                raise _explained(e, self._lock.path) from e
        self._sha256.update(view)
        self.offset += done
        return done

    def commit(self, expected: Digest | None = None, size: int | None = None) -> Digest:
        """Make the blob visible under its digest. Raises Corrupt, and forgets the bytes, if it is not as expected."""
        self._must_be_open()
        found = Digest("sha256", self._sha256.hexdigest())
        if expected and expected.algorithm != "sha256":
            found = self._digest(expected.algorithm)
        if size is not None and size != self.offset:
            self.abort()
            raise Corrupt(f"blob {expected or found} has {self.offset} bytes, not {size}")
        if expected and found != expected:
            self.abort()
            raise Corrupt(f"blob {expected} has the digest {found}")
        try:
            os.fdatasync(self._lock.fd)
            os.fchmod(self._lock.fd, 0o444)
            self._rename(self._paths.blob(found))
        except OSError as e:
            self.abort()
            raise _explained(e, self._lock.path) from e
        self._lock.release()
        return found

    def abort(self) -> None:
        """Forget what was written."""
        if self._lock.fd >= 0:
            self._lock.discard()

    def close(self) -> None:
        """Let go; a writer opened by key can be continued, a scratch one is forgotten. Harmless after ``commit``."""
        if self._keep:
            self._lock.release()
        else:
            self.abort()

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _must_be_open(self) -> None:
        if self._lock.fd < 0:
            raise Invalid(f"the ingest {os.path.basename(self._lock.path)} is closed")

    def _catch_up(self) -> None:
        """Hash what an earlier writer left, so that the digest covers the whole blob."""
        while data := os.read(self._lock.fd, CHUNK):
            self._sha256.update(data)
            self.offset += len(data)

    def _truncate(self) -> None:
        """After a failed write: drop what the hash has not seen, so that a later writer goes on from a true offset."""
        try:
            os.ftruncate(self._lock.fd, self.offset)
            os.lseek(self._lock.fd, self.offset, os.SEEK_SET)
        except OSError:
            self.abort()

    def _digest(self, algorithm: str) -> Digest:
        state = hasher(algorithm)
        os.lseek(self._lock.fd, 0, os.SEEK_SET)
        while data := os.read(self._lock.fd, CHUNK):
            state.update(data)
        return Digest(algorithm, state.hexdigest())

    def _rename(self, path: str) -> None:
        try:
            os.rename(self._lock.path, path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            os.rename(self._lock.path, path)


def _explained(e: OSError, path: str) -> Error:
    if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Unavailable(
            f"cannot write {path}: {e.strerror}", hint="free some space, for example with scow image prune"
        )
    if isinstance(e, PermissionError):
        return Denied(f"cannot write {path}: {e.strerror}")
    return Unavailable(f"cannot write {path}: {e.strerror}")
