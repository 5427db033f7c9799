"""``--log-opt`` of the json-file driver."""

from __future__ import annotations

from scow.errors import Invalid, Unsupported

KNOWN = ("max-size", "max-file")
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def limits(options: dict[str, str]) -> tuple[int, int]:
    """``max-size`` in bytes (0: none) and ``max-file``. Invalid and Unsupported in docker's words."""
    for name in options:
        if name not in KNOWN:
            raise Unsupported(
                f"unknown log opt '{name}' for json-file log driver", hint=f"known are {', '.join(KNOWN)}"
            )
    size = _size(options["max-size"]) if "max-size" in options else 0
    count = options.get("max-file", "1")
    if not count.isdigit() or int(count) < 1:
        raise Invalid("max-file cannot be less than 1")
    if int(count) > 1 and not size:
        raise Invalid("max-file cannot be set without max-size")
    return size, int(count)


def _size(text: str) -> int:
    if text == "-1":
        return 0
    digits = text.lower().removesuffix("b").rstrip("kmg")
    unit = text.lower().removesuffix("b")[len(digits) :]
    if not digits.isdigit() or unit not in _UNITS or not int(digits):
        raise Invalid(f"invalid value for max-size: {text}")
    return int(digits) * _UNITS[unit]
