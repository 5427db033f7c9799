from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scow.errors import Corrupt, Invalid
from scow.oci.platform import Platform, host, matches, rank, stand_ins

HERE = host()


# The cases of containerd/platforms' TestParseSelector.
@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [
        ("linux", Platform("linux", HERE.architecture, HERE.variant), None),
        ("LINUX/AMD64", Platform("linux", "amd64"), "linux/amd64"),
        ("linux/arm64", Platform("linux", "arm64"), "linux/arm64"),
        ("linux/arm64/v8", Platform("linux", "arm64", "v8"), "linux/arm64/v8"),
        ("linux/aarch64", Platform("linux", "arm64"), "linux/arm64"),
        ("linux/arm", Platform("linux", "arm"), "linux/arm"),
        ("linux/arm/v7", Platform("linux", "arm", "v7"), "linux/arm/v7"),
        ("linux/arm/7", Platform("linux", "arm", "v7"), "linux/arm/v7"),
        ("linux/armhf", Platform("linux", "arm"), "linux/arm"),
        ("linux/armel", Platform("linux", "arm", "v6"), "linux/arm/v6"),
        ("linux/x86_64", Platform("linux", "amd64"), "linux/amd64"),
        ("linux/x86-64", Platform("linux", "amd64"), "linux/amd64"),
        ("linux/i386", Platform("linux", "386"), "linux/386"),
        ("linux/amd64/v1", Platform("linux", "amd64"), "linux/amd64"),
        ("linux/amd64/v2", Platform("linux", "amd64", "v2"), "linux/amd64/v2"),
        ("macOS/arm64", Platform("darwin", "arm64"), "darwin/arm64"),
        ("windows(10.0.17763)/amd64", Platform("windows", "amd64", "", "10.0.17763"), "windows/amd64"),
        ("windows(10.0+win32k)/amd64", Platform("windows", "amd64", "", "10.0", ("win32k",)), "windows/amd64"),
        ("s390x", Platform("linux", "s390x"), "linux/s390x"),
        ("arm", Platform("linux", "arm"), "linux/arm"),
        ("armel", Platform("linux", "arm", "v6"), "linux/arm/v6"),
        ("armhf", Platform("linux", "arm"), "linux/arm"),
        ("aarch64", Platform("linux", "arm64"), "linux/arm64"),
        ("other/thing", Platform("other", "thing"), "other/thing"),
    ],
)
def test_parse(text: str, expected: Platform, shown: str | None) -> None:
    assert Platform.parse(text) == expected
    if shown:
        assert str(expected) == shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", '"" is an invalid OS component'),
        ("notknown", '"notknown": unknown operating system or architecture'),
        ("*/*", "invalid OS component"),
        ("linux/*", '"\\*" is an invalid component'),
        ("linux/", '"" is an invalid component'),
        ("/amd64", "invalid OS component"),
        ("linux/arm/v7/", '"" is an invalid component'),
        ("linux/arm/v7/x", "cannot parse platform specifier"),
        ("linux/am d64", "invalid component"),
        ("linux/amd64\n", "invalid component"),
        ("linüx/amd64", "invalid OS component"),
        ("windows(10/amd64", "invalid OS component"),
        ("windows(1 0)/amd64", "invalid OS component"),
        ("li.nux/amd64", "invalid OS component"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        Platform.parse(text)


@given(st.text(max_size=20))
def test_any_text_is_invalid_or_stable(text: str) -> None:
    try:
        found = Platform.parse(text)
    except Invalid:
        return
    assert found.normalized().normalized() == found.normalized()
    assert matches(found, found)


def order(text: str) -> list[str]:
    return [str(p).removeprefix("linux/") for p in stand_ins(Platform.parse(text))]


def test_what_stands_in_is_containerds_order() -> None:
    assert order("linux/amd64") == ["amd64", "386"]
    assert order("linux/amd64/v3") == ["amd64/v3", "amd64/v2", "amd64", "386"]
    assert order("linux/amd64/odd") == ["amd64/odd", "386"]
    assert order("linux/arm/v8") == ["arm/v8", "arm/v7", "arm/v6", "arm/v5"]
    assert order("linux/arm") == ["arm/v7", "arm/v6", "arm/v5"]
    assert order("linux/arm/v5") == ["arm/v5"]
    assert order("linux/arm64") == ["arm64", "arm/v8", "arm/v7", "arm/v6", "arm/v5"]
    assert order("linux/arm64/v8.2")[:4] == ["arm64/v8.2", "arm64/v8.1", "arm64", "arm/v8"]
    assert order("linux/arm64/v9.1")[:5] == ["arm64/v9.1", "arm64/v9", "arm64/v8.6", "arm64/v8.5", "arm64/v8.4"]
    assert order("linux/arm64/odd") == ["arm64/odd"]
    assert order("linux/s390x") == ["s390x"]


def best(wanted: str, *offered: str) -> str | None:
    ranks = [(r, text) for text in offered if (r := rank(Platform.parse(wanted), Platform.parse(text)))]
    return min(ranks)[1] if ranks else None


def test_choice() -> None:
    assert best("linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/amd64") == "linux/arm/v7"
    assert best("linux/arm64", "linux/arm/v7", "linux/arm64/v8") == "linux/arm64/v8"
    assert best("linux/amd64", "linux/386", "linux/amd64/v2") == "linux/386"
    assert best("linux/amd64", "windows/amd64", "linux/arm64") is None
    assert best("linux/arm/v6", "linux/arm/v7", "linux/arm/v5") == "linux/arm/v5"
    assert best("linux/arm/v6", "linux/arm/v7") is None


def test_features_and_windows_versions() -> None:
    plain, with_k = Platform("windows", "amd64"), Platform("windows", "amd64", os_features=("win32k",))
    assert matches(with_k, plain)
    assert not matches(plain, with_k)
    assert (rank(with_k, with_k) or (9, 9)) < (rank(with_k, plain) or (0, 0))
    new, old = Platform("windows", "amd64", "", "10.0.2.5"), Platform("windows", "amd64", "", "10.0.1.5")
    assert not matches(new, old)
    assert matches(new, Platform("windows", "amd64", "", "10.0.2.9"))
    assert matches(Platform("linux", "amd64", "", "6.1"), Platform("linux", "amd64", "", "5.4"))


def test_json() -> None:
    full = Platform("windows", "arm64", "v8", "10.0", ("a", "b"))
    assert Platform.from_json(full.to_json()) == full
    assert list(full.to_json()) == ["architecture", "os", "os.version", "os.features", "variant"]
    assert Platform.from_json({}) == Platform("", "")
    with pytest.raises(Corrupt, match=r"at\.os is a number, not a string"):
        Platform.from_json({"os": 1}, "at")
    with pytest.raises(Corrupt, match=r"at\.os\.features\[1\] is null, not a string"):
        Platform.from_json({"os.features": ["x", None]}, "at")
    assert str(Platform("", "")) == "unknown"


@pytest.mark.parametrize(
    ("machine", "expected"),
    [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64"), ("armv7l", "linux/arm/v7"), ("i686", "linux/386")],
)
def test_host(machine: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    uname = type("uname", (), {"machine": machine})
    monkeypatch.setattr(os, "uname", uname)
    assert str(host()) == expected
