"""JSON as Go writes it."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scow.errors import Corrupt, Invalid
from scow.wire.cjson import DEPTH, dumps, loads


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ([], "[]"),
        ({}, "{}"),
        ((1, "a", None), '[1,"a",null]'),
        ({"b": 1, "a": [{}]}, '{"b":1,"a":[{}]}'),
        (
            '<a href="x">&\u2028\u2029\\/</a>',
            '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028\\u2029\\\\/\\u003c/a\\u003e"',
        ),
        ("\0\b\f\n\r\t\x1f\x7füß😀", '"\\u0000\\b\\f\\n\\r\\t\\u001f\x7füß😀"'),
        ({"<": 0}, '{"\\u003c":0}'),
        ("\ud800x", '"\ufffdx"'),
        (1 << 63, "9223372036854775808"),
        (-5, "-5"),
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.25e22, "1.25e+22"),
        (123456789012345680.0, "123456789012345680"),
        (1e-6, "0.000001"),
        (-1.5e-5, "-0.000015"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)
def test_forms_of_go(value: Any, text: str) -> None:
    assert dumps(value) == text.encode()


def test_sorted_as_go_sorts_maps() -> None:
    assert (
        dumps({"b": {"z": 1, "a": 2}, "a": [], "é": 0, "Z": 1}, sort=True)
        == '{"Z":1,"a":[],"b":{"a":2,"z":1},"é":0}'.encode()
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_reads_back(value: Any) -> None:
    assert loads(dumps(value)) == json.loads(json.dumps(value))


@given(st.integers(0, (1 << 64) - 1))
def test_every_float_reads_back(bits: int) -> None:
    number = struct.unpack("d", bits.to_bytes(8, "little"))[0]
    if math.isfinite(number):
        assert float(dumps(number)) == number
    else:
        with pytest.raises(Invalid, match="no form in JSON"):
            dumps(number)


@pytest.mark.parametrize("value", [{1: 2}, {None: 1}, b"x", {1, 2}, object(), [float("nan")], {"a": float("inf")}])
def test_what_has_no_form(value: Any) -> None:
    with pytest.raises(Invalid):
        dumps(value)


def test_depth() -> None:
    def nest(n: int) -> Any:
        value: Any = []
        for _ in range(n - 1):
            value = [value]
        return value

    deep = b"[" * DEPTH + b"]" * DEPTH
    assert loads(deep) == nest(DEPTH)
    assert dumps(nest(DEPTH)) == deep
    with pytest.raises(Corrupt, match="config is nested deeper than 128"):
        loads(b"[" + deep + b"]", "config")
    with pytest.raises(Invalid, match="nested deeper"):
        dumps(nest(DEPTH + 1))
    assert loads(b'{"a":[1]}', depth=2) == {"a": [1]}
    with pytest.raises(Corrupt):
        loads(b'{"a":[1]}', depth=1)
    for hostile in (b"[" * 1_000_000, b'{"a":' * 500_000, b"[" * 900 + b"]" * 900):
        with pytest.raises(Corrupt):
            loads(hostile)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nul",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"'a'",
        b'{"a":1,}',
        b'"\n"',
        b"01",
        b"+1",
        b"1" * 10000,
        "{}".encode("utf-16"),
        b'{"a"}',
        b"/**/1",
    ],
)
def test_what_is_no_json(data: bytes) -> None:
    with pytest.raises(Corrupt, match="manifest is no valid JSON"):
        loads(data, "manifest")
