"""Archives made by hand, block by block, and all our readers at once."""

from __future__ import annotations

import io

from scow.wire.tar import Entry, Parser, Reader, scan


def block(name: bytes, flag: bytes = b"0", size: int | bytes = 0, **fields: bytes) -> bytes:
    """A header block made by hand, with a right checksum."""
    number = size if isinstance(size, bytes) else b"%011o\0" % size
    head = bytearray(512)
    places = {"mode": 100, "uid": 108, "gid": 116, "mtime": 136, "link": 157, "magic": 257, "uname": 265, "prefix": 345}
    for at, text in ((0, name), (124, number), (156, flag), (257, fields.pop("magic", b"ustar\x0000"))):
        head[at : at + len(text)] = text
    for key, text in fields.items():
        at = int(key[2:]) if key.startswith("at") else places[key]
        head[at : at + len(text)] = text
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def pax(*records: tuple[bytes, bytes], flag: bytes = b"x") -> bytes:
    body = b""
    for key, value in records:
        size = len(key) + len(value) + 3
        while len(b"%d" % size) + len(key) + len(value) + 3 != size:
            size = len(b"%d" % size) + len(key) + len(value) + 3
        body += b"%d %s=%s\n" % (size, key, value)
    return block(b"PaxHeader", flag, len(body)) + padded(body)


def parse(data: bytes, **options: bool) -> list[Entry]:
    """The entries, found equal by feed in several sizes, by scan and by Reader."""
    seen = []
    for step in (len(data) or 1, 512, 1, 777):
        if step == 1 and len(data) > 20000:
            continue
        parser = Parser(**options)
        entries = [e for i in range(0, len(data), step) for e in parser.feed(data[i : i + step])]
        parser.close()
        seen.append(entries)
    seen += [list(scan(data, **options)), list(Reader(io.BytesIO(data), **options))]
    assert all(s == seen[0] for s in seen)
    return seen[0]


def contents(data: bytes) -> dict[bytes, bytes]:
    reader = Reader(io.BytesIO(data))
    return {e.name: reader.open(e).read() for e in reader}
