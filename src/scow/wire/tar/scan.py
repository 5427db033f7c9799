"""The entries of a tar that is stored as a file: headers only, the payload is jumped over."""

from __future__ import annotations

import os
from collections.abc import Iterator

from scow.wire.tar.parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap

    from scow.wire.tar.entry import Entry

WINDOW = 1 << 16
"""Read at a time: holds the headers of many small files, and wastes little before a large one."""


def scan(source: int | mmap | bytes, *, apply_global: bool = False) -> Iterator[Entry]:
    """The entries of the tar in ``source``, a descriptor of a regular file (its position is neither used nor moved)
    or its bytes.

    Corrupt when it is malformed or shorter than it says.
    """
    size, read = _access(source)
    parser = Parser(apply_global=apply_global)
    step = parser.step
    base, window = 0, b""
    end = 0
    while not parser.ended:
        start = parser.next
        stop = start + parser.want
        if stop > end:
            if stop > size:
                break
            base, window = start, read(start, max(WINDOW, stop - start))
            end = base + len(window)
            if stop > end:
                break
        entry = step(window[start - base : stop - base])
        if entry is not None:
            yield entry
    parser.finish(size)


def _access(source: int | mmap | bytes) -> tuple[int, Callable[[int, int], bytes]]:
    if not isinstance(source, int):
        held = source
        return len(held), lambda at, n: held[at : at + n]
    fd = source
    return os.fstat(fd).st_size, lambda at, n: os.pread(fd, n, at)
