"""Streams that watch what is read through them."""

from __future__ import annotations

import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

CHUNK = 1 << 18
"""Buffer of the streams handed out; reads of this size and more are not copied through it."""
MOST = 1 << 20
"""The largest piece shown at once, however much is asked for."""


class Through(io.RawIOBase):
    """Reads ``stream`` and shows every piece to ``saw``; closes it when closed. ``buffered()`` is what to use."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self._readinto = getattr(stream, "readinto", None)

    def saw(self, data: memoryview) -> None:
        """Called with each piece read, an empty one at the end."""
        raise NotImplementedError

    def buffered(self) -> BinaryIO:
        """This, as a full binary stream."""
        return io.BufferedReader(self, CHUNK)

    def readable(self) -> bool:  # noqa: D102
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:  # noqa: D102
        view = memoryview(buffer)[:MOST]
        if not view:
            return 0
        if self._readinto is not None:
            n: int = self._readinto(view)
        else:
            data = self.stream.read(len(view))
            n = len(data)
            view[:n] = data
        self.saw(view[:n])
        return n

    def readall(self) -> bytes:  # noqa: D102
        pieces = []
        while data := self.read(CHUNK):
            pieces.append(data)
        return b"".join(pieces)

    def close(self) -> None:  # noqa: D102
        if not self.closed:
            super().close()
            self.stream.close()
