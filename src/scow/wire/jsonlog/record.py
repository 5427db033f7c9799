"""One record, to bytes and back, byte for byte as docker 28 writes it."""

from __future__ import annotations

import json
import re
import time

from scow.errors import Corrupt
from scow.values import value

PARTIAL = 16 << 10
"""Output without a newline is recorded in pieces of this size, docker's buffer."""

_SPECIAL = re.compile('[\0-\x1f"\\\\<>&\u2028\u2029\udc80-\udcff]')
_ESCAPES = {chr(n): f"\\u{n:04x}" for n in (*range(0x20), *b"<>&", 0x2028, 0x2029)}
_ESCAPES |= {chr(n): "\\ufffd" for n in range(0xDC80, 0xDD00)}  # a byte that is no UTF-8
_ESCAPES |= {"\n": "\\n", "\r": "\\r", "\\": "\\\\", '"': '\\"'}
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)


@value
class Record:
    """A piece of a container's output: ``stream`` is stdout or stderr, ``time`` nanoseconds since 1970."""

    stream: str
    data: bytes
    time: int
    attrs: tuple[tuple[str, str], ...] = ()


_second = (-1, "")


def timestamp(ns: int) -> str:
    """A time in RFC 3339 with as many digits of the second as needed (Go's RFC3339Nano), UTC."""
    global _second
    seconds, fraction = divmod(ns, 1_000_000_000)
    known, text = _second
    if known != seconds:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        _second = (seconds, text)
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else f"{text}Z"


def instant(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time; ValueError for anything else."""
    m = _TIME.fullmatch(text)
    if m is None:
        raise ValueError(f"{text[:40]!r} is no time")
    year, month, day, hour, minute, second = (int(n) for n in m.groups()[:6])
    if not (year and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        raise ValueError(f"{text[:40]!r} is no time")
    # Days since 1970 of a date: years begin in March, so that the leap day is the last.
    y, m0 = (year, month - 3) if month > 2 else (year - 1, month + 9)
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * m0 + 2) // 5 + day - 719469
    ns = (days * 86400 + hour * 3600 + minute * 60 + second) * 1_000_000_000
    if m[8]:
        ns -= (int(m[9]) * 60 + int(m[10])) * 60_000_000_000 * (1 if m[8] == "+" else -1)
    return ns + int((m[7] or "").ljust(9, "0"))


def encode(stream: str, data: bytes, ns: int) -> bytes:
    """The line that records ``data``; bytes that are no UTF-8 become U+FFFD, as in docker."""
    text = data.decode("utf-8", "surrogateescape")
    text = _SPECIAL.sub(lambda m: _ESCAPES[m[0]], text)
    return f'{{"log":"{text}","stream":"{stream}","time":"{timestamp(ns)}"}}\n'.encode()


def decode(line: bytes) -> Record:
    """The record in a line; Corrupt when it is none."""
    try:
        found = json.loads(line)
        log, stream, when = found["log"], found.get("stream", "stdout"), found["time"]
        attrs = found.get("attrs") or {}
        if not (isinstance(log, str) and isinstance(stream, str) and isinstance(when, str) and isinstance(attrs, dict)):
            raise ValueError("a field has the wrong type")
        pairs = tuple((str(k), str(v)) for k, v in attrs.items())
        return Record(stream, log.encode("utf-8", "replace"), instant(when), pairs)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise Corrupt(f"log record {line[:80]!r}: {e}") from None


class Splitter:
    """Cuts one stream of output into what records hold: lines, and pieces of lines that are too long."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The pieces that are complete now."""
        data = self._rest + chunk
        found: list[bytes] = []
        at = 0
        while True:
            stop = data.find(b"\n", at, at + PARTIAL) + 1
            if not stop:
                if len(data) - at < PARTIAL:
                    break
                stop = _character(data, at + PARTIAL)
            found.append(data[at:stop])
            at = stop
        self._rest = data[at:]
        return found

    def flush(self) -> list[bytes]:
        """What is left when the stream has ended: output that did not end in a newline."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def _character(data: bytes, stop: int) -> int:
    """``stop``, or up to three bytes less so as not to cut a character of UTF-8 in two (docker does cut them, and
    loses them).
    """
    for back in (1, 2, 3):
        byte = data[stop - back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return stop - back if needed > back else stop
        if byte < 0x80:
            break
    return stop
