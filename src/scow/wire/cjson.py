"""JSON as Go's ``json.Marshal`` writes it, so that digests of what we write equal docker's; and careful reading.

Compact, in the order of the dict (Go's structs) or sorted (its maps); ``<``, ``>``, ``&``, U+2028 and U+2029 escaped;
UTF-8 otherwise. Numbers as Go formats float64: shortest digits, an exponent only below 1e-6 and from 1e21 on.
"""

from __future__ import annotations

import json
import re

from scow.errors import Corrupt, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEPTH = 128
"""How deep objects and arrays may be nested, read or written."""

_quote = json.encoder.encode_basestring
_SPECIAL = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_WORDS = {None: "null", True: "true", False: "false"}


def dumps(value: Any, *, sort: bool = False) -> bytes:
    """``value`` (dicts with string keys, lists, tuples, strings, numbers, booleans, None) as canonical JSON; Invalid
    for all else.
    """
    parts: list[str] = []
    _write(value, parts.append, sort, DEPTH)
    return "".join(parts).encode()


def _write(value: Any, put: Any, sort: bool, depth: int) -> None:
    if isinstance(value, str):
        put(_string(value))
    elif value is None or isinstance(value, bool):
        put(_WORDS[value])
    elif isinstance(value, int):
        put(int.__repr__(value))
    elif isinstance(value, float):
        put(_float(value))
    elif not depth:
        raise Invalid(f"JSON nested deeper than {DEPTH}")
    elif isinstance(value, dict):
        before = "{"
        for key, member in sorted(value.items()) if sort else value.items():
            if not isinstance(key, str):
                raise Invalid(f"JSON object with the key {key!r}, which is no string")
            put(f"{before}{_string(key)}:")
            before = ","
            _write(member, put, sort, depth - 1)
        put("{}" if before == "{" else "}")
    elif isinstance(value, list | tuple):
        before = "["
        for member in value:
            put(before)
            before = ","
            _write(member, put, sort, depth - 1)
        put("[]" if before == "[" else "]")
    else:
        raise Invalid(f"{type(value).__name__} has no form in JSON")


def _string(text: str) -> str:
    quoted = _quote(text)
    if _SPECIAL.search(quoted):
        # Lone surrogates are what Python makes of "\ud800"; Go reads and writes U+FFFD.
        quoted = _SPECIAL.sub(lambda m: _ESCAPES.get(m[0], "\ufffd"), quoted)
    return quoted


def _float(number: float) -> str:
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124
        raise Invalid(f"{number} has no form in JSON")
    if number == 0:
        return "-0" if repr(number)[0] == "-" else "0"
    if 1e-6 <= abs(number) < 1e21:
        digits, _, exponent = repr(number).partition("e")
        if not exponent:
            return digits.removesuffix(".0")
        return _positional(digits, int(exponent))
    digits, _, exponent = repr(number).partition("e")
    return f"{digits.removesuffix('.0')}e{'-' if exponent[0] == '-' else '+'}{exponent.lstrip('+-').lstrip('0')}"


def _positional(digits: str, exponent: int) -> str:
    """``digits`` times ten to ``exponent``, without an exponent."""
    sign = "-" if digits[0] == "-" else ""
    whole, _, fraction = digits.lstrip("-").partition(".")
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{whole}{fraction}"
    return sign + whole + fraction.ljust(exponent, "0")


def loads(data: bytes | str, what: str = "JSON", *, depth: int = DEPTH) -> Any:
    """The value of ``data``; Corrupt, naming ``what``, unless it is strict JSON in UTF-8 that nests at most ``depth``
    deep.
    """
    try:
        value = json.loads(data if isinstance(data, str) else data.decode(), parse_constant=_constant)
    except (ValueError, RecursionError) as e:
        reason = "nested too deep" if isinstance(e, RecursionError) else str(e)
        raise Corrupt(f"{what} is no valid JSON: {reason}") from None
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        if not level:
            return value
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
    if level:
        raise Corrupt(f"{what} is nested deeper than {depth}")
    return value


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
