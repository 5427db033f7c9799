"""The guard against decompression bombs."""

from __future__ import annotations

from scow.errors import Corrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Protocol

    class Counted(Protocol):
        """Something that counts what was read from it, such as a HashingReader."""

        size: int


FREE = 64 << 20
"""The ratio counts only behind so many bytes: small things of zeros compress very well indeed."""


class Bounded:
    """Reads from ``stream`` until it has given more than ``total`` bytes, or more than ``ratio`` times what
    ``source`` has given.

    Then it raises Corrupt naming ``what`` and the limit. gzip reaches 1032 to one, zstd 30,000 to one, sparse images
    both.
    """

    def __init__(
        self,
        stream: BinaryIO,
        what: str,
        *,
        total: int | None = None,
        source: Counted | None = None,
        ratio: int = 1100,
    ) -> None:
        self._stream = stream
        self._what = what
        self._total = total
        self._source = source
        self._ratio = ratio
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes."""
        if size < 0 and self._total is not None:
            size = self._total - self.size + 1
        data = self._stream.read(size)
        self._count(len(data))
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As many bytes as one read gives, into ``buffer``."""
        n: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self._count(n)
        return n

    def _count(self, n: int) -> None:
        self.size += n
        if self._total is not None and self.size > self._total:
            raise Corrupt(f"{self._what} is larger than the limit of {self._total} bytes")
        if self._source is not None and self.size > FREE and self.size > self._source.size * self._ratio:
            raise Corrupt(f"{self._what} expands more than {self._ratio} times, the limit")
