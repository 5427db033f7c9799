"""Sizes, ages and tables as docker prints them."""

from __future__ import annotations

import pytest

from scow.cli import output, units
from scow.errors import Invalid


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1, "1B"),
        (999, "999B"),
        (1000, "1kB"),
        (2065227, "2.07MB"),
        (120_000_000, "120MB"),
        (1_234_567_890, "1.23GB"),
    ],
)
def test_human_sizes(size: int, text: str) -> None:
    assert units.human_size(size) == text


def test_binary_sizes_and_reading_them() -> None:
    assert units.binary_size(512 * 1024**2) == "512MiB"
    for text, size in (("512m", 512 << 20), ("1.5G", 3 << 29), ("10", 10), ("10b", 10), ("1kb", 1024), ("2KiB", 2048)):
        assert units.parse_bytes(text) == size
    for text in ("", "m", "-1", "1x", "1 2", "1mm"):
        with pytest.raises(Invalid):
            units.parse_bytes(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (119, "About a minute"),
        (120, "2 minutes"), (3599, "59 minutes"), (3600, "About an hour"), (7200, "2 hours"), (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"), (13 * 86400, "13 days"), (14 * 86400, "2 weeks"), (60 * 86400, "2 months"),
        (800 * 86400, "2 years"),
    ],
)  # fmt: skip
def test_human_durations(seconds: float, text: str) -> None:
    assert units.human_duration(seconds) == text


def test_durations_and_times() -> None:
    assert units.parse_duration("1h1m1.5s") == 3661_500_000_000
    assert units.parse_duration("0") == 0
    for text in ("", "5", "s", "1m2", "1 m"):
        with pytest.raises(Invalid):
            units.parse_duration(text)
    assert units.rfc3339(1_700_000_000_123_456_000) == "2023-11-14T22:13:20.123456Z"
    assert units.rfc3339(0) == "1970-01-01T00:00:00Z"
    assert units.ago(0) == "N/A"
    assert units.ago(10**9, now=121.0) == "2 minutes ago"


ROWS = [{"ID": "abc", "Name": "one"}, {"ID": "d", "Name": "a-long-name"}]
COLUMNS = {"ID": "IMAGE ID", "Name": "NAME"}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("", "IMAGE ID   NAME\nabc        one\nd          a-long-name\n"),
        ("table", "IMAGE ID   NAME\nabc        one\nd          a-long-name\n"),
        ("table {{.Name}}\\t{{.ID}}", "NAME          IMAGE ID\none           abc\na-long-name   d\n"),
        ("table {{upper .Name}}", "NAME\nONE\nA-LONG-NAME\n"),
        ("{{.ID}}", "abc\nd\n"),
        ("{{.ID}}\\t{{.Name}}", "abc\tone\nd\ta-long-name\n"),
        ("json", '{"ID":"abc","Name":"one"}\n{"ID":"d","Name":"a-long-name"}\n'),
        ("{{json .Name}}", '"one"\n"a-long-name"\n'),
    ],
)
def test_listing(form: str, text: str) -> None:
    assert output.listing(ROWS, COLUMNS, form, "{{.ID}}\t{{.Name}}") == text


def test_a_field_that_is_not_there_is_an_error() -> None:
    with pytest.raises(Invalid, match="Nosuch"):
        output.listing(ROWS, COLUMNS, "{{.Nosuch}}", "{{.ID}}")
    with pytest.raises(Invalid, match="Nosuch"):
        output.listing(ROWS, COLUMNS, "table {{.Nosuch}}", "{{.ID}}")
