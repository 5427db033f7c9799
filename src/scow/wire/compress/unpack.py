"""Decompression of a stream whose form its first bytes tell, as docker does it.

Concatenated members, frames and streams follow one another; anything else behind the last is an error, as it is for
Go (only xz allows zeros there). A stream that ends early, differs from its checksum or wants a larger window than
allowed is Corrupt.
"""

from __future__ import annotations

import io

from scow.errors import Corrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO, Protocol

    Read = Callable[[int], bytes]

    class Stream(Protocol):
        """What is read from: short reads are fine, nothing means the end."""

        def read(self, size: int, /) -> bytes:
            """At most ``size`` bytes."""
            ...

    class Decoder(Protocol):
        """A decompressor of one member, as bz2, lzma and isal have it."""

        @property
        def eof(self) -> bool:
            """The member is complete."""
            ...

        @property
        def needs_input(self) -> bool:
            """Nothing more can be made of what it has."""
            ...

        @property
        def unused_data(self) -> bytes:
            """What came behind the member."""
            ...

        def decompress(self, data: bytes, max_length: int = -1) -> bytes:
            """Take ``data``; at most ``max_length`` bytes of what it stands for."""
            ...


CHUNK = 1 << 17
"""Read at a time."""
PIECE = 1 << 18
"""Made at a time."""
XZ_MEMORY = 256 << 20
"""What an xz stream may need: dictionaries of up to 192 MiB, three times what ``xz -9`` makes."""

_MAGIC = ((b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"))


def detect(head: bytes) -> str:
    """gzip, zstd, bzip2, xz or none, from a stream's first bytes (six suffice)."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return "zstd" if head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5 else "none"  # a skippable frame


def decompress(stream: Stream) -> BinaryIO:
    """The plain bytes of ``stream``; they come in bounded memory, but there may be any number of them (see Bounded).

    Closing it does not close ``stream``. Reads raise Corrupt.
    """
    head = b""
    while len(head) < 6 and (more := stream.read(CHUNK)):
        head += more
    kind = detect(head)
    if kind == "none":
        pieces = _plain(stream.read, head)
    elif kind == "zstd":
        from scow.wire.compress.zstd import frames

        pieces = frames(stream.read, head)
    else:
        pieces = _members(stream.read, head, kind)
    return io.BufferedReader(_Pieces(pieces), CHUNK)


def _plain(read: Read, head: bytes) -> Iterator[bytes]:
    while head:
        yield head
        head = read(PIECE)


def _decoder(kind: str) -> tuple[Callable[[], Decoder], Any]:
    if kind == "gzip":
        from isal import igzip_lib

        return lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), igzip_lib.error
    if kind == "bzip2":
        import bz2

        return bz2.BZ2Decompressor, OSError
    import lzma

    return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY), lzma.LZMAError


def _members(read: Read, chunk: bytes, kind: str) -> Iterator[bytes]:
    """The members of gzip, bzip2 and xz.

    A decoder copies what lies behind its member, so a new one is given little at first: else many tiny members would
    cost quadratic time.
    """
    new, wrong = _decoder(kind)
    decoder, fed, at = new(), 0, 0
    while True:
        piece = b""
        if decoder.needs_input:
            if at == len(chunk):
                chunk, at = read(CHUNK), 0
                if not chunk:
                    break
            piece = chunk[at : at + max(4096, min(fed * 4, CHUNK))]
            at += len(piece)
            fed += len(piece)
        try:
            out = decoder.decompress(piece, PIECE)
        except wrong as e:
            raise Corrupt(f"{kind} stream: {e}") from None
        if out:
            yield out
        if decoder.eof:
            at -= len(decoder.unused_data)
            decoder, fed = new(), 0
            if kind == "xz":
                chunk, at = _padding(read, chunk[at:]), 0
    if fed:
        raise Corrupt(f"{kind} stream is truncated")


def _padding(read: Read, chunk: bytes) -> bytes:
    """What follows the zeros behind an xz stream; there must be a multiple of four of them."""
    zeros = 0
    while True:
        rest = chunk.lstrip(b"\0")
        zeros += len(chunk) - len(rest)
        if rest or not chunk:
            break
        chunk = read(CHUNK)
    if zeros % 4:
        raise Corrupt(f"xz stream: padding of {zeros} bytes")
    return rest


class _Pieces(io.RawIOBase):
    """Pieces of any size, as a raw stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        rest = self._rest or memoryview(next(self._pieces, b""))
        n = min(len(buffer), len(rest))
        buffer[:n] = rest[:n]
        self._rest = rest[n:]
        return n

    def close(self) -> None:
        self._pieces = iter(())
        super().close()
