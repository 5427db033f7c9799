"""Reading fields of hostile JSON documents, and writing documents as Go's ``encoding/json`` does.

Readers take an object, a key and ``where`` (the object's place in the document, for the error). A field that is absent
or null gives the kind's empty value, as in Go; one of another kind raises Corrupt naming it.
"""

from __future__ import annotations

from scow import light
from scow.errors import Corrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    T = TypeVar("T")

MAX_BYTES = 4 << 20
"""The largest manifest, index or config; what distribution, containerd and the OCI specification allow."""
MAX_DEPTH = 64
MAX_INT = (1 << 63) - 1


def loads(raw: bytes, what: str) -> dict[str, Any]:
    """The object in ``raw``: UTF-8 JSON of bounded size and depth, else Corrupt that begins with ``what``."""
    if len(raw) > MAX_BYTES:
        raise Corrupt(f"{what}: {len(raw)} bytes are more than the limit of {MAX_BYTES}")
    try:
        doc = light.loads(raw.decode(), number=_finite)
        if b"\\u" in raw:
            import json

            json.dumps(doc, ensure_ascii=False).encode()  # a lone surrogate could not be written again
    except RecursionError:
        raise Corrupt(f"{what}: nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise Corrupt(f"{what}: not a JSON document: {error}") from None
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _check_depth(doc, what)
    if type(doc) is not dict:
        raise Corrupt(f"{what}: the document is {_kind(doc)}, not an object")
    return doc


def dumps(doc: Mapping[str, Any]) -> bytes:
    """``doc`` as compact JSON, byte for byte what Go's encoder writes (it escapes what HTML would mind)."""
    import json

    text = json.dumps(doc, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for char in "<>&\u2028\u2029":
        if char in text:
            text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is out of range")
    return number


def _check_depth(doc: object, what: str) -> None:
    level = [doc]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer if type(outer) is list else ())
            if type(inner) in (dict, list)
        ]
        if not level:
            return
    raise Corrupt(f"{what}: nested more than {MAX_DEPTH} deep")


_KINDS = {dict: "an object", list: "an array", str: "a string", int: "a number", float: "a number", bool: "a boolean"}


def _kind(found: object) -> str:
    return _KINDS.get(type(found), "null")


def wrong(found: object, where: str, wanted: str) -> Corrupt:
    """The error for a field of the wrong kind."""
    return Corrupt(f"{where} is {_kind(found)}, not {wanted}")


def _get(doc: Mapping[str, Any], key: str, where: str, empty: T) -> T:
    found = doc.get(key)
    if found is None:
        return empty
    if type(found) is not type(empty):
        raise wrong(found, f"{where}.{key}", _KINDS[type(empty)])
    return found


def text(doc: Mapping[str, Any], key: str, where: str) -> str:
    """A string, "" if absent."""
    return _get(doc, key, where, "")


def flag(doc: Mapping[str, Any], key: str, where: str) -> bool:
    """A boolean, False if absent."""
    return _get(doc, key, where, False)


def integer(doc: Mapping[str, Any], key: str, where: str) -> int:
    """A whole number of at most 64 bits with sign, 0 if absent."""
    found = _get(doc, key, where, 0)
    if not -MAX_INT <= found <= MAX_INT:
        raise Corrupt(f"{where}.{key} is out of range")
    return found


def mapping(doc: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """An object, {} if absent."""
    empty: dict[str, Any] = {}
    return _get(doc, key, where, empty)


def array(doc: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """An array, [] if absent."""
    empty: list[Any] = []
    return _get(doc, key, where, empty)


def texts(doc: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """An array of strings, () if absent."""
    found = array(doc, key, where)
    for i, item in enumerate(found):
        if type(item) is not str:
            raise wrong(item, f"{where}.{key}[{i}]", "a string")
    return tuple(found)


def text_map(doc: Mapping[str, Any], key: str, where: str) -> dict[str, str]:
    """An object whose values are all strings, {} if absent."""
    found = mapping(doc, key, where)
    for name, item in found.items():
        if type(item) is not str:
            raise wrong(item, f"{where}.{key}[{name!r}]", "a string")
    return found


def objects(doc: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """An array of objects, [] if absent."""
    found = array(doc, key, where)
    for i, item in enumerate(found):
        if type(item) is not dict:
            raise wrong(item, f"{where}.{key}[{i}]", "an object")
    return found
