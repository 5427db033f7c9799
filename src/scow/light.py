"""JSON through the interpreter's C scanner and encoder alone, for what every command and every supervisor does.

``import json`` brings ``re``, ``enum`` and ``functools``: 8 ms of a command's start, 1.2 MiB of a supervisor. The C
halves of the standard library's own decoder and encoder need none of them; where an interpreter lacks them (PyPy),
``json`` serves.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

try:
    import _json as _c
except ImportError:
    _c = None  # type: ignore[assignment]

make_scanner: Any = getattr(_c, "make_scanner", None)
make_encoder: Any = getattr(_c, "make_encoder", None)
encode_basestring_ascii: Any = getattr(_c, "encode_basestring_ascii", None)

_BLANK = " \t\r\n"


class _Decoder:
    """What the C scanner asks of a ``json.JSONDecoder``."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_int = int
    memo: dict[str, str]

    def __init__(self, constant: Callable[[str], Any], number: Callable[[str], Any]) -> None:
        self.memo = {}
        self.parse_constant = constant
        self.parse_float = number


def no_constant(name: str) -> Any:
    """Refuse NaN and the infinities, which are not JSON."""
    raise ValueError(f"{name} is not JSON")


def loads(text: str, *, number: Callable[[str], Any] = float) -> Any:
    """The value of a JSON document; ValueError when it is none. ``number`` reads what has a fraction or exponent."""
    if make_scanner is None:
        import json

        return json.loads(text, parse_constant=no_constant, parse_float=number)
    start = len(text) - len(text.lstrip(_BLANK))
    try:
        found, end = make_scanner(_Decoder(no_constant, number))(text, start)
    except StopIteration as e:
        raise ValueError(f"no value at character {e.value}") from None
    except SystemError:
        # The scanner finds no JSONDecodeError to raise where nobody has imported json (CPython 3.11, 3.12).
        raise ValueError("malformed JSON") from None
    if text[end:].strip(_BLANK):
        raise ValueError(f"something follows at character {end}")
    return found


def _refuse(found: object) -> object:
    raise TypeError(f"{type(found).__name__} is not JSON")


def dumps(found: object) -> str:
    """``found`` as compact ASCII JSON; keys keep their order."""
    if make_encoder is None:
        import json

        return json.dumps(found, separators=(",", ":"))
    encode = make_encoder({}, _refuse, encode_basestring_ascii, None, ":", ",", False, False, False)
    return "".join(encode(found, 0))
