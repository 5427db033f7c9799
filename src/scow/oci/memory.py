"""Memory: content and names in this process. For tests, and for images small enough."""

from __future__ import annotations

import io
import threading

from scow.errors import Conflict, Corrupt, Invalid, NotFound
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.media_types import OCTETS
from scow.oci.verify import take, verified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from scow.oci.protocols import Content, Sink, Source

    def _conforms(memory: Memory) -> tuple[Source, Sink, Content]:
        return memory, memory, memory


class Memory:
    """Implements Source, Sink and Content."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}
        self._names: dict[str, Descriptor] = {}
        self._partial: dict[str, bytearray] = {}
        self._open: set[str] = set()
        self._lock = threading.Lock()

    def add(self, media_type: str, data: bytes) -> Descriptor:
        """Keep ``data`` and say what it is."""
        blob = Descriptor.of(media_type, data)
        self._blobs[blob.digest] = data
        return blob

    def resolve(self, name: str) -> Descriptor:
        """The descriptor tagged ``name``; NotFound if there is none."""
        try:
            return self._names[name]
        except KeyError:
            raise NotFound(f"{name} is not in memory") from None

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``, verified while read."""
        try:
            return verified(io.BytesIO(self._blobs[blob.digest]), blob)
        except KeyError:
            raise NotFound(f"{blob.digest} is not in memory") from None

    def has(self, blob: Descriptor) -> bool:
        """Whether ``blob`` is here."""
        return blob.digest in self._blobs

    def put(self, blob: Descriptor, content: BinaryIO) -> None:
        """Keep ``content`` if it is ``blob``."""
        self._blobs[blob.digest] = take(content, blob)

    def tag(self, name: str, root: Descriptor) -> None:
        """Let ``name`` stand for ``root``, which must be here."""
        if not self.has(root):
            raise NotFound(f"{root.digest} is not in memory")
        self._names[name] = root

    def writer(self, key: str) -> MemoryWriter:
        """Begin the ingest ``key``, or go on with it."""
        with self._lock:
            if key in self._open:
                raise Conflict(f"ingest {key} is being written")
            self._open.add(key)
            return MemoryWriter(self, key, self._partial.setdefault(key, bytearray()))

    def delete(self, digest: Digest) -> None:
        """Forget a blob."""
        if self._blobs.pop(digest, None) is None:
            raise NotFound(f"{digest} is not in memory")

    def walk(self) -> Iterator[Descriptor]:
        """Every blob here."""
        for digest, data in list(self._blobs.items()):
            yield Descriptor(OCTETS, digest, len(data))


class MemoryWriter:
    """One blob on its way into a Memory."""

    def __init__(self, memory: Memory, key: str, data: bytearray) -> None:
        self._memory = memory
        self._key = key
        self._data = data
        self._closed = False

    @property
    def offset(self) -> int:
        """How many bytes are kept so far."""
        return len(self._data)

    def write(self, data: bytes) -> int:
        """Append ``data``."""
        self._must_be_open()
        self._data += data
        return len(data)

    def commit(self, expected: Digest | None = None) -> Digest:
        """Make the blob visible under its digest."""
        self._must_be_open()
        found = Digest.of(self._data, expected.algorithm if expected else "sha256")
        self._memory._partial.pop(self._key, None)
        self.close()
        if expected not in (None, found):
            raise Corrupt(f"{expected}: the content is {found}")
        self._memory._blobs[found] = bytes(self._data)
        return found

    def close(self) -> None:
        """Let go of the key; twice is fine."""
        if not self._closed:
            self._closed = True
            self._memory._open.discard(self._key)

    def _must_be_open(self) -> None:
        if self._closed:
            raise Invalid(f"ingest {self._key} is closed")
