"""docker's framing of attached streams (``pkg/stdcopy``; application/vnd.docker.multiplexed-stream).

A frame is one byte of stream (0 stdin, 1 stdout, 2 stderr, 3 an error of the daemon), three zero bytes, four bytes of
length, big-endian, and the data. Containers with a terminal have no framing.
"""

from __future__ import annotations

import struct

from scow.errors import Corrupt

STDIN, STDOUT, STDERR, SYSTEM = range(4)
NAMES = ("stdin", "stdout", "stderr", "systemerr")
_pack = struct.Struct(">BxxxL").pack
_unpack = struct.Struct(">BxxxL").unpack_from
SYSTEM_LIMIT = 1 << 16
"""An error of the daemon is collected whole, up to this size."""


def frame(stream: int, data: bytes | bytearray | memoryview) -> bytes:
    """``data`` as one frame of ``stream``."""
    return _pack(stream, len(data)) + data


class Demux:
    """Push parser of a multiplexed stream; data is passed on as it arrives, a frame need not be complete."""

    def __init__(self) -> None:
        self._head = b""
        self._stream = 0
        self._left = 0
        self._error = b""

    def feed(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """The (stream, data) pairs in ``chunk``. Corrupt for an unknown stream, and for an error that the daemon
        reports.
        """
        found: list[tuple[int, bytes]] = []
        at, end = 0, len(chunk)
        while at < end:
            if not self._left:
                need = 8 - len(self._head)
                self._head += chunk[at : at + need]
                at += need
                if len(self._head) < 8:
                    break
                self._begin()
                continue
            piece = chunk[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            if self._stream != SYSTEM:
                found.append((self._stream, piece))
            else:
                self._error += piece
                if not self._left:
                    raise Corrupt(f"error from daemon in stream: {self._error.decode(errors='replace')}")
        return found

    def _begin(self) -> None:
        self._stream, self._left = _unpack(self._head)
        if self._stream > SYSTEM or self._head[1:4] != b"\0\0\0":
            raise Corrupt(f"multiplexed stream: {self._head.hex()} is no frame header")
        if self._stream == SYSTEM and self._left > SYSTEM_LIMIT:
            raise Corrupt(f"multiplexed stream: an error of {self._left} bytes")
        self._head = b""

    def close(self) -> None:
        """The stream is over: Corrupt if that is within a frame."""
        if self._left or self._head:
            raise Corrupt("multiplexed stream is truncated")
