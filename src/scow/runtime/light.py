"""JSON as ``scow.light`` has it, for what runs in supervisors: bytes too, and errors of ours."""

from __future__ import annotations

from scow import light
from scow.errors import Invalid
from scow.light import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["dumps", "loads", "quoter"]


def loads(text: str | bytes) -> Any:
    """The value of a JSON document; Invalid when it is none."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    try:
        return light.loads(text)
    except ValueError as e:
        raise Invalid(f"not JSON: {e}") from None


def quoter() -> Callable[[str], str]:
    """What turns a text into a JSON string and leaves characters outside ASCII as they are."""
    try:
        from _json import encode_basestring
    except ImportError:
        from json.encoder import py_encode_basestring as encode_basestring
    return encode_basestring
