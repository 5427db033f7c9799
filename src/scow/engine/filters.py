"""``--filter``: names and values, checked against what a listing knows; and docker's glob for references."""

from __future__ import annotations

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping


def parse(texts: Iterable[str], known: Iterable[str]) -> dict[str, list[str]]:
    """``NAME=VALUE`` texts by name; several of one name are alternatives (labels: all of them). Invalid as docker's."""
    found: dict[str, list[str]] = {}
    allowed = set(known)
    for text in texts:
        name, equals, rest = text.partition("=")
        name = name.strip().lower()
        if not equals:
            raise Invalid(
                'invalid argument "' + text + '" for "-f, --filter" flag: invalid filter (expected "name=value")'
            )
        if name not in allowed:
            raise Invalid(f"invalid filter '{name}'")
        found.setdefault(name, []).append(rest.strip())
    return found


def boolean(found: Mapping[str, list[str]], name: str) -> bool | None:
    """A filter that is true or false; None when it was not given."""
    if name not in found:
        return None
    text = found[name][-1].lower()
    if text in ("1", "true", "t"):
        return True
    if text in ("0", "false", "f"):
        return False
    raise Invalid(f"invalid filter '{name}=[{text}]'")


def labels_match(found: Mapping[str, list[str]], labels: Mapping[str, str], name: str = "label") -> bool:
    """Whether ``labels`` has every ``label=KEY`` and ``label=KEY=VALUE`` that was asked for."""
    for text in found.get(name, ()):
        key, equals, wanted = text.partition("=")
        if key not in labels or (equals and labels[key] != wanted):
            return False
    return True


def glob(pattern: str) -> re.Pattern[str]:
    """Go's path.Match as a regular expression: ``*`` and ``?`` stop at slashes. Invalid for a bad pattern."""
    import re

    out, i = "", 0
    while i < len(pattern):
        c = pattern[i]
        if c == "*":
            out += "[^/]*"
        elif c == "?":
            out += "[^/]"
        elif c == "[":
            end = pattern.find("]", i + 2)
            if end < 0:
                raise Invalid(f"invalid reference pattern {pattern!r}: syntax error in pattern")
            inner = pattern[i + 1 : end].replace("\\", "\\\\")
            out += "[" + ("^" + inner[1:] if inner.startswith("^") else inner) + "]"
            i = end
        elif c == "\\" and i + 1 < len(pattern):
            i += 1
            out += re.escape(pattern[i])
        else:
            out += re.escape(c)
        i += 1
    return re.compile(out)


def since_text(text: str, now: float) -> int:
    """A moment as docker's ``--since`` and ``until`` take it, in nanoseconds since 1970.

    RFC 3339, seconds since 1970, or a duration back from ``now`` (seconds). Invalid for anything else.
    """
    import re

    if re.fullmatch(r"\d+(\.\d{1,9})?", text):
        whole, _, fraction = text.partition(".")
        return int(whole) * 10**9 + int((fraction + "0" * 9)[:9])
    back = re.findall(r"(\d+(?:\.\d+)?)(h|m(?!s)|s|ms|us|ns|d)", text)
    if back and "".join(n + u for n, u in back) == text:
        scale = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
        return int((now - sum(float(n) * scale[u] for n, u in back)) * 10**9)
    return _moment(text)


def _moment(text: str) -> int:
    import calendar
    import re
    import time

    match = re.fullmatch(
        r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(\.\d+)?)?)?)?(Z|[+-]\d\d:\d\d)?", text
    )
    if not match:
        raise Invalid(f"invalid time: {text!r}", hint="write 2006-01-02T15:04:05Z, seconds since 1970, or 10m")
    parts = [int(match[i] or 0) for i in range(1, 7)]
    try:
        if match[8] is None:
            year, month, day, hour, minute, second = parts
            seconds = int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
        else:
            seconds = calendar.timegm((*parts, 0, 0, 0))
            if match[8] != "Z":
                offset = int(match[8][1:3]) * 3600 + int(match[8][4:6]) * 60
                seconds -= offset if match[8][0] == "+" else -offset
    except (ValueError, OverflowError) as e:
        raise Invalid(f"invalid time: {text!r}: {e}") from e
    return seconds * 10**9 + int(float(match[7] or 0) * 10**9)
