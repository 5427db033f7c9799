"""Values written and read the way Go does, because image histories and error texts show Go's forms."""

from __future__ import annotations

import re

_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_ESCAPES.update({'"': r"\"", "\\": r"\\"})
_BOOLS = dict.fromkeys(["1", "t", "T", "TRUE", "true", "True"], True)
_BOOLS.update(dict.fromkeys(["0", "f", "F", "FALSE", "false", "False"], False))
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION_PART = re.compile(r"(\d*)(?:\.(\d*))?([^\d.]*)", re.ASCII)
_LIMIT = 1 << 63


def quote(text: str) -> str:
    """``%q``: double quotes, escapes for what is not printable."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(c)) for c in text) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted_list(items: tuple[str, ...]) -> str:
    """``%q`` of a list of strings."""
    return "[" + " ".join(map(quote, items)) + "]"


def plain_list(items: tuple[str, ...]) -> str:
    """``%v`` of a list of strings."""
    return "[" + " ".join(items) + "]"


def parse_bool(text: str) -> bool:
    """A boolean; ValueError for anything Go would not take."""
    if text not in _BOOLS:
        raise ValueError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")
    return _BOOLS[text]


def parse_int(text: str, base: int = 10, bits: int = 32, *, signed: bool = True) -> int:
    """A number of at most ``bits`` bits; ValueError with Go's words."""
    name = "ParseInt" if signed else "ParseUint"
    digits = "01234567" if base == 8 else "0123456789"
    body = text[1:] if signed and text[:1] in ("+", "-") else text
    if not body or body.strip(digits) or len(body) > 64:
        raise ValueError(f"strconv.{name}: parsing {quote(text)}: invalid syntax")
    number = int(text, base)
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    if not low <= number < high:
        raise ValueError(f"strconv.{name}: parsing {quote(text)}: value out of range")
    return number


def parse_duration(text: str) -> int:
    """``1h2m3.5s`` in nanoseconds; ValueError with the words of Go's ``time.ParseDuration``."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total = 0
    invalid = ValueError(f"time: invalid duration {quote(text)}")
    if not rest:
        raise invalid
    while rest:
        part = _DURATION_PART.match(rest)
        if part is None or not (part[1] or part[2]) or len(part[1]) > 19:
            raise invalid
        if not part[3]:
            raise ValueError(f"time: missing unit in duration {quote(text)}")
        if part[3] not in _UNITS:
            raise ValueError(f"time: unknown unit {quote(part[3])} in duration {quote(text)}")
        unit, fraction = _UNITS[part[3]], (part[2] or "0")[:18]
        total += int(part[1] or "0") * unit + int(fraction) * unit // 10 ** len(fraction)
        rest = rest[part.end() :]
    if total >= _LIMIT:
        raise invalid
    return -total if text[0] == "-" else total


def format_duration(nanoseconds: int) -> str:
    """``1h2m3.5s``, Go's shortest form."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    for unit in ("ns", "µs", "ms"):
        if rest < _UNITS[unit] * 1000:
            return sign + _decimal(rest, _UNITS[unit]) + unit
    hours, rest = divmod(rest, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    out = f"{hours}h" if hours else ""
    return sign + out + (f"{minutes}m" if out or minutes else "") + _decimal(rest, _UNITS["s"]) + "s"


def _decimal(number: int, unit: int) -> str:
    whole, part = divmod(number, unit)
    return f"{whole}.{part:0{len(str(unit)) - 1}d}".rstrip("0") if part else str(whole)


_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+) ?([kmgtp]?)(?:i?b)?", re.ASCII | re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes of ``512``, ``64m``, ``1.5GiB`` (powers of 1024); ValueError otherwise."""
    match = _SIZE.fullmatch(text)
    if match is None or len(text) > 32:
        raise ValueError(f"invalid size: {text!r}")
    return int(float(match[1]) * 1024 ** "\0kmgtp".index(match[2].lower() or "\0"))
