"""What is uploaded: something that can be sent from any offset on, and once more after a broken connection."""

from __future__ import annotations

from scow.errors import Corrupt, Unavailable
from scow.oci.digest import Digest, hasher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, Protocol

    from scow.oci.descriptor import Descriptor

    Write = Callable[[bytes | memoryview], None]

    class Body(Protocol):
        """A blob to be sent."""

        @property
        def size(self) -> int | None:
            """Bytes in all; None if that is not known before the end."""
            ...

        def send(self, write: Write, offset: int) -> None:
            """Write everything from ``offset`` on; may be called again. Unavailable if it is too late for that."""
            ...

        def digest(self) -> Digest:
            """What was sent, once it was sent to the end."""
            ...


PIECE = 1 << 18
WINDOW = 8 << 20
"""So much of what was sent is kept, to be sent again: more than the buffers between here and a server hold."""


class Streamed:
    """A stream that is read once and must be ``blob``; what is in flight is kept in memory."""

    def __init__(self, stream: BinaryIO, blob: Descriptor) -> None:
        self._stream = stream
        self._blob = blob
        self._hash = hasher(blob.digest.algorithm)
        self._kept = bytearray()
        self._read = 0

    @property
    def size(self) -> int:
        """As the descriptor says."""
        return self._blob.size

    def send(self, write: Write, offset: int) -> None:
        """Write from ``offset`` on."""
        start = self._read - len(self._kept)
        if not start <= offset <= self._read:
            raise Unavailable(f"{self._blob.digest}: the upload broke and cannot go on at {offset}", "push again")
        if offset < self._read:
            write(bytes(self._kept[offset - start :]))
        while data := self._stream.read(PIECE):
            self._take(data)
            write(data)
        if self._read != self._blob.size:
            raise Corrupt(f"{self._blob.digest}: has {self._read} bytes, not {self._blob.size}")

    def _take(self, data: bytes) -> None:
        self._hash.update(data)
        self._read += len(data)
        if self._read > self._blob.size:
            raise Corrupt(f"{self._blob.digest}: more than {self._blob.size} bytes")
        self._kept += data
        if len(self._kept) > 2 * WINDOW:
            del self._kept[: len(self._kept) - WINDOW]

    def digest(self) -> Digest:
        """Of what was read; Corrupt if that is not the blob."""
        found = Digest(self._blob.digest.algorithm, self._hash.hexdigest())
        if found != self._blob.digest:
            raise Corrupt(f"{self._blob.digest}: the content is {found}")
        return found


class Made:
    """Bytes made anew for every try by ``make(write)``, the same each time; their size is not known before."""

    def __init__(self, make: Callable[[Write], None]) -> None:
        self._make = make
        self._digest: Digest | None = None
        self.length = 0
        self.size = None

    def send(self, write: Write, offset: int) -> None:
        """Make them, and write from ``offset`` on."""
        state = hasher()
        made = 0

        def take(data: bytes | memoryview) -> None:
            nonlocal made
            state.update(data)
            before, made = made, made + len(data)
            if made > offset:
                write(memoryview(data)[max(offset - before, 0) :] if before < offset else data)

        self._make(take)
        self.length = made
        self._digest = Digest("sha256", state.hexdigest())

    def digest(self) -> Digest:
        """Of what was made."""
        assert self._digest, "nothing has been sent"
        return self._digest
