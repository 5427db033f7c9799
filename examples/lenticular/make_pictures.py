"""Draws the two pictures of the example, a sun and a moon, with nothing but the standard library.

python3 make_pictures.py FOLDER        writes first.png and second.png of 320 x 200 pixels
"""

from __future__ import annotations

import os
import struct
import sys
import zlib

WIDTH, HEIGHT = 320, 200
Colour = tuple[int, int, int]


def sun(x: int, y: int) -> Colour:
    """A yellow disc on a sky that grows lighter downwards."""
    if (x - 160) ** 2 + (y - 90) ** 2 < 60**2:
        return 255, 210, 60
    return 60 + y // 4, 140 + y // 3, 255


def moon(x: int, y: int) -> Colour:
    """A crescent and a few stars at night."""
    if (x - 160) ** 2 + (y - 90) ** 2 < 60**2 and (x - 185) ** 2 + (y - 80) ** 2 > 55**2:
        return 235, 235, 220
    if (x * 7919 + y * 104729) % 997 == 0:
        return 255, 255, 255
    return 10, 10, 40 + y // 8


def png(width: int, height: int, rows: list[bytes]) -> bytes:
    """An RGB picture as a PNG file (https://www.w3.org/TR/png/)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def main(folder: str) -> None:
    """Write both pictures."""
    for name, colour in (("first.png", sun), ("second.png", moon)):
        rows = [bytes(c for x in range(WIDTH) for c in colour(x, y)) for y in range(HEIGHT)]
        with open(os.path.join(folder, name), "wb") as f:
            f.write(png(WIDTH, HEIGHT, rows))


if __name__ == "__main__":
    main(sys.argv[1])
