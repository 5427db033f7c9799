"""RFC 3339 timestamps, as configs hold them, to nanoseconds since the epoch and back; no ``datetime`` (5 ms)."""

from __future__ import annotations

import time

_BILLION = 1_000_000_000
_LIMIT = 1 << 63


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since the epoch; 0 for an absent or unreadable time, and for one that 64 bits cannot hold.

    Go's zero time, the year 1, is of the last kind, and common in configs.
    """
    try:
        at = _parse(text)
    except ValueError:
        return 0
    return at if -_LIMIT <= at < _LIMIT else 0


def format_rfc3339(at: int) -> str:
    """``at`` in ns as Go's RFC3339Nano in UTC: trailing zeros of the fraction are left out."""
    seconds, fraction = divmod(at, _BILLION)
    digits = f".{fraction:09d}".rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + digits + "Z"


def _parse(text: str) -> int:
    date, clock = text[:10], text[11:]
    if len(text) < 20 or text[10] not in "Tt ":
        raise ValueError
    year, month, day = (int(part) for part in date.split("-"))
    for mark in ("Z", "z", "+", "-"):
        if mark in clock:
            clock, _, zone = clock.partition(mark)
            break
    else:
        raise ValueError
    whole, _, fraction = clock.partition(".")
    hour, minute, second = (int(part) for part in whole.split(":"))
    offset = 0
    if mark in "+-":
        hours, _, minutes = zone.partition(":")
        offset = (int(hours) * 3600 + int(minutes) * 60) * (1 if mark == "+" else -1)
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - offset
    return seconds * _BILLION + int(fraction.ljust(9, "0")[:9] or 0)


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the proleptic Gregorian calendar (howardhinnant.github.io/date_algorithms.html)."""
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError
    year -= month <= 2
    era_day = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + era_day - 719468
