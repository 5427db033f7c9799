from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scow.errors import Invalid
from scow.oci.digest import Digest, hasher

A = "a" * 64


@given(st.binary(max_size=200), st.sampled_from(["sha256", "sha512"]))
def test_round_trip(data: bytes, algorithm: str) -> None:
    digest = Digest.of(data, algorithm)
    assert digest.hex == hashlib.new(algorithm, data).hexdigest()
    assert Digest.parse(str(digest)) == digest
    assert hash(Digest.parse(str(digest))) == hash(digest)


@given(st.text(max_size=150))
def test_any_text_parses_to_itself_or_is_invalid(text: str) -> None:
    try:
        assert str(Digest.parse(text)) == text
    except Invalid:
        pass


# The words are those of github.com/opencontainers/go-digest.
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "invalid checksum digest format"),
        ("sha256", "invalid checksum digest format"),
        ("sha256:", "invalid checksum digest format"),
        (f":{A}", "invalid checksum digest format"),
        (A, "invalid checksum digest format"),
        (f"sha256:{A[:-1]}", "invalid checksum digest length"),
        (f"sha256:{A}a", "invalid checksum digest length"),
        (f"sha256:{A}\n", "invalid checksum digest length"),
        (f"sha256:{A[:-1]}\n", "invalid checksum digest format"),
        (f"sha512:{A}", "invalid checksum digest length"),
        (f"sha256:{A.upper()}", "invalid checksum digest format"),
        (f"sha256:{A[:-1]}g", "invalid checksum digest format"),
        (f"sha256:{A[:-1]}٣", "invalid checksum digest format"),
        (f"sha256:../{A[3:]}", "invalid checksum digest format"),
        (f"SHA256:{A}", "unsupported digest algorithm"),
        (f"md5:{A[:32]}", "unsupported digest algorithm"),
        (f"sha256 :{A}", "unsupported digest algorithm"),
        (f" sha256:{A}", "unsupported digest algorithm"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        Digest.parse(text)


def test_long_rubbish_is_not_repeated_whole() -> None:
    with pytest.raises(Invalid) as caught:
        Digest.parse("sha256:" + "a" * 1_000_000)
    assert len(str(caught.value)) < 300


def test_a_malformed_one_can_not_be_made() -> None:
    with pytest.raises(Invalid):
        Digest("sha256", "../../etc/passwd")


def test_order_equality_and_dictionaries() -> None:
    one, two = Digest("sha256", "1" * 64), Digest("sha256", "2" * 64)
    assert sorted([two, one]) == [one, two]
    assert one != two
    assert one != str(one)
    assert {one: 1}[Digest("sha256", "1" * 64)] == 1
    assert Digest("sha256", "1" * 64) is not one


def test_running_hash() -> None:
    h = hasher("sha512")
    h.update(b"ab")
    h.update(b"c")
    assert Digest("sha512", h.hexdigest()) == Digest.of(b"abc", "sha512")
    with pytest.raises(Invalid, match="md5"):
        hasher("md5")


def test_short() -> None:
    assert Digest.of(b"").short == "e3b0c44298fc"
