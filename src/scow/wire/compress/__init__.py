"""Compression of layers: gzip, zstd, xz and bzip2 in, gzip and zstd out, always by streaming in bounded memory.

decompress(stream)               the plain bytes, the form told by its magic compressor(out, kind, level)     a
writer; same bytes in, same bytes out, whatever the pieces and the number of threads Bounded(stream, ...)
refuses more than a total, or more than a ratio to what was compressed
"""

from __future__ import annotations

from scow.wire.compress.bounded import Bounded
from scow.wire.compress.pack import compressor
from scow.wire.compress.unpack import decompress, detect

__all__ = ["Bounded", "compressor", "decompress", "detect"]
