"""The functions a template may call: Go's built-in ones and those docker's formatters add."""

from __future__ import annotations

import json as _json

from scow.cli.template.show import show
from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def truth(v: Any) -> bool:
    """Go's notion: false, 0, nil, and anything empty are false."""
    return bool(v)


def _marshal(v: Any) -> str:
    # A listing's row, whose fields have docker's order of a map, is a dict of texts; a document keeps its own order.
    row = isinstance(v, dict) and all(isinstance(x, str | None) for x in v.values())
    text = _json.dumps(v, ensure_ascii=False, separators=(",", ":"), sort_keys=row)
    for raw, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(raw, escaped)
    return text


def _index(base: Any, *keys: Any) -> Any:
    for key in keys:
        if base is None:
            raise Invalid("error calling index: index of untyped nil")
        if isinstance(base, dict):
            base = base.get(key)
        elif isinstance(base, list | tuple | str):
            if not isinstance(key, int):
                raise Invalid(f"error calling index: cannot index slice/array with type {type(key).__name__}")
            if not 0 <= key < len(base):
                raise Invalid(f"error calling index: index out of range: {key}")
            base = ord(base[key]) if isinstance(base, str) else base[key]
        else:
            raise Invalid(f"error calling index: can't index item of type {type(base).__name__}")
    return base


def _slice(base: Any, *bounds: int) -> Any:
    low = bounds[0] if bounds else 0
    high = bounds[1] if len(bounds) > 1 else len(base)
    if not 0 <= low <= high <= len(base):
        raise Invalid(f"error calling slice: index out of range: {max(low, high)}")
    return base[low:high]


def _length(v: Any) -> int:
    if v is None:  # all that is null in docker's documents is a list or map that is not there, and those have a length
        return 0
    if isinstance(v, int | float):
        raise Invalid(f"error calling len: len of type {type(v).__name__}")
    return len(v.encode()) if isinstance(v, str) else len(v)


def _same_kind(a: Any, b: Any) -> None:
    number = (int, float)
    if a is None or b is None:
        return
    if isinstance(a, bool) != isinstance(b, bool) or (isinstance(a, number) != isinstance(b, number)):
        raise Invalid("incompatible types for comparison")


def _equal(a: Any, *others: Any) -> bool:
    if not others:
        raise Invalid("missing argument for comparison")
    for b in others:
        _same_kind(a, b)
    return any(a == b for b in others)


def _compare(op: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def run(a: Any, b: Any) -> bool:
        _same_kind(a, b)
        if a is None or b is None:
            raise Invalid("incompatible types for comparison")
        return op(a, b)

    return run


def _spread(values: tuple[Any, ...]) -> str:
    """fmt.Sprint: blanks only between operands when neither is a text."""
    out = ""
    for i, v in enumerate(values):
        if i and not isinstance(v, str) and not isinstance(values[i - 1], str):
            out += " "
        out += show(v)
    return out


def _printf(form: str, *values: Any) -> str:
    from scow.cli.template.printf import sprintf

    return sprintf(form, values)


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}


def _urlquery(*values: Any) -> str:
    from urllib.parse import quote_plus

    return quote_plus(_spread(values), safe="")


# `and` and `or` are evaluated by the executor, because they stop early.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": lambda *v: v[-1],
    "or": lambda *v: v[-1],
    "not": lambda v: not truth(v),
    "eq": _equal,
    "ne": lambda a, b: not _equal(a, b),
    "lt": _compare(lambda a, b: a < b),
    "le": _compare(lambda a, b: a <= b),
    "gt": _compare(lambda a, b: a > b),
    "ge": _compare(lambda a, b: a >= b),
    "index": _index,
    "slice": _slice,
    "len": _length,
    "print": lambda *v: _spread(v),
    "println": lambda *v: " ".join(show(x) for x in v) + "\n",
    "printf": _printf,
    "html": lambda *v: "".join(HTML.get(c, c) for c in _spread(v)),
    "js": lambda *v: _marshal(_spread(v))[1:-1],
    "urlquery": _urlquery,
    "json": _marshal,
    "split": lambda text, by: text.split(by) if by else list(text),
    "join": lambda items, by: by.join(show(i) for i in items),
    "title": lambda text: text[:1].upper() + text[1:],
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "pad": _pad,
    "truncate": lambda text, n: text[:n],
}
