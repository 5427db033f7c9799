"""JSON through the interpreter's C scanner and encoder alone.

``import json`` brings ``re`` and ``enum``: 5 ms and 1.2 MiB in every supervisor. The C halves of the standard library's
own decoder and encoder need neither; where an interpreter lacks them (PyPy), ``json`` serves.
"""

from __future__ import annotations

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Decoder:
    """What the C scanner asks of a ``json.JSONDecoder``."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo: dict[str, str]

    def __init__(self) -> None:
        self.memo = {}

    @staticmethod
    def parse_constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")


def loads(text: str | bytes) -> Any:
    """The value of a JSON document; Invalid when it is none."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    try:
        from _json import make_scanner
    except ImportError:
        import json

        try:
            return json.loads(text)
        except ValueError as e:
            raise Invalid(f"not JSON: {e}") from None
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        found, end = make_scanner(_Decoder())(text, start)  # type: ignore[arg-type]
    except StopIteration as e:
        raise Invalid(f"not JSON: no value at character {e.value}") from None
    except ValueError as e:
        raise Invalid(f"not JSON: {e}") from None
    if text[end:].strip(" \t\r\n"):
        raise Invalid(f"not JSON: something follows at character {end}")
    return found


def _refuse(found: object) -> object:
    raise TypeError(f"{type(found).__name__} is not JSON")


def dumps(found: object) -> str:
    """``found`` as compact ASCII JSON; keys keep their order."""
    try:
        from _json import encode_basestring_ascii, make_encoder
    except ImportError:
        import json

        return json.dumps(found, separators=(",", ":"))
    encode = make_encoder({}, _refuse, encode_basestring_ascii, None, ":", ",", False, False, False)
    return "".join(encode(found, 0))


def quoter() -> Callable[[str], str]:
    """What turns a text into a JSON string and leaves characters outside ASCII as they are."""
    try:
        from _json import encode_basestring
    except ImportError:
        from json.encoder import py_encode_basestring as encode_basestring
    return encode_basestring
