"""Sizes, durations and ages as docker reads and prints them (docker/go-units, Go's time.Duration)."""

from __future__ import annotations

import time

from scow.errors import Invalid

DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
DURATION = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def _scaled(size: float, base: float, names: tuple[str, ...], digits: int) -> str:
    i = 0
    while size >= base and i < len(names) - 1:
        size /= base
        i += 1
    text = f"{size:.{digits}g}"
    if "e" in text:  # Go's %.4g only turns to exponents far later than Python's
        text = f"{size:.0f}"
    return text + names[i]


def human_size(size: float, digits: int = 3) -> str:
    """Decimal units: 4270000 -> ``4.27MB`` (units.HumanSizeWithPrecision)."""
    return _scaled(float(size), 1000.0, DECIMAL, digits)


def binary_size(size: float) -> str:
    """Binary units: 512 MiB -> ``512MiB`` (units.BytesSize)."""
    return _scaled(float(size), 1024.0, BINARY, 4)


def parse_bytes(text: str) -> int:
    """``512m``, ``1.5GB``, ``100`` -> bytes, binary multiples as docker's flags use (units.RAMInBytes)."""
    import re

    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKmMgGtTpP]?)(?:i?[bB])?", text)
    if not match:
        raise Invalid(f"invalid size: '{text}'")
    return int(float(match[1]) * 1024 ** " kmgtp".index(match[2].lower() or " "))


def parse_decimal(text: str) -> float:
    """``0.5``, ``2`` (docker's NanoCPUs reads a rational number)."""
    try:
        return float(text)
    except ValueError:
        raise Invalid(f"failed to parse {text} as a rational number") from None


def parse_duration(text: str) -> int:
    """``1m30s`` -> nanoseconds (time.ParseDuration)."""
    import re

    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)", text.lstrip("+-"))
    if text == "0":
        return 0
    if not parts or "".join(n + u for n, u in parts) != text.lstrip("+-"):
        raise Invalid(f'time: invalid duration "{text}"')
    total = round(sum(float(n) * DURATION[u] for n, u in parts))
    return -total if text.startswith("-") else total


def human_duration(seconds: float) -> str:
    """``About a minute``, ``3 hours``, ... (units.HumanDuration)."""
    s = int(seconds)
    if s < 1:
        return "Less than a second"
    if s == 1:
        return "1 second"
    if s < 60:
        return f"{s} seconds"
    minutes = s // 60
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    days = s // 86400
    for limit, size, name in ((14, 1, "days"), (60, 7, "weeks"), (730, 30, "months")):
        if days < limit:
            return f"{days // size} {name}"
    return f"{s // 3600 // 24 // 365} years"


def ago(ns: int, now: float | None = None) -> str:
    """Age of a moment given in nanoseconds since the epoch: ``2 hours ago``; ``N/A`` for a time before 1970."""
    if ns <= 0:
        return "N/A"
    return human_duration(max(0.0, (time.time() if now is None else now) - ns / 1e9)) + " ago"


def local_time(ns: int) -> str:
    """``2006-01-02 15:04:05 -0700 MST`` as docker's CreatedAt prints it, in local time."""
    t = time.localtime(ns // 10**9)
    return time.strftime("%Y-%m-%d %H:%M:%S %z ", t) + t.tm_zone


def rfc3339(ns: int) -> str:
    """``2006-01-02T15:04:05.999999999Z`` with trailing zeros of the fraction cut, as Go's RFC3339Nano in UTC."""
    seconds, fraction = divmod(ns, 10**9)
    tail = f".{fraction:09d}".rstrip("0") if fraction else ""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + tail + "Z"
