"""Writing all of a piece.

Raw files may take only a part, on a disk that is nearly full for one, and say so by their result.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def write_whole(write: Callable[[Any], object], data: bytes | bytearray | memoryview) -> None:
    """Call ``write`` until it has taken all of ``data``; what returns no number has taken everything."""
    taken = write(data)
    if not isinstance(taken, int) or taken >= len(data):
        return
    rest = memoryview(data)[taken:]
    while rest:
        taken = write(rest)
        if not isinstance(taken, int) or not taken:
            raise BlockingIOError("write took nothing")
        rest = rest[taken:]
