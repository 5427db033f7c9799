from __future__ import annotations

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oci.content_contract import Trickle, as_binary

from scow.errors import Corrupt
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.memory import Memory
from scow.oci.verify import read, take, verified

DATA = bytes(range(256)) * 5000
BLOB = Descriptor.of("a/b", DATA)
OTHER = bytes(len(DATA))


@given(st.binary(max_size=100), st.lists(st.integers(1, 30), max_size=20))
def test_reads_in_any_steps(data: bytes, steps: list[int]) -> None:
    stream = verified(io.BytesIO(data), Descriptor.of("a/b", data))
    pieces = [stream.read(n) for n in steps]
    assert b"".join(pieces) + stream.read() == data


def test_readinto_and_short_reads() -> None:
    buffer = bytearray(len(DATA))
    assert verified(io.BytesIO(DATA), BLOB).readinto(buffer) == len(DATA)  # type: ignore[attr-defined]
    assert buffer == DATA
    assert verified(as_binary(Trickle(DATA)), BLOB).read() == DATA


def test_files(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "f")
    with open(path, "wb") as f:
        f.write(DATA)
    with verified(open(path, "rb"), BLOB) as stream:
        assert stream.read(len(DATA)) == DATA
    assert stream.closed


def test_closing_closes_the_stream() -> None:
    inner = io.BytesIO(DATA)
    verified(inner, BLOB).close()
    assert inner.closed


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (DATA[:-1], f"{BLOB.digest}: ended after 1279999 of 1280000 bytes, with {Digest.of(DATA[:-1])}"),
        (b"", f"{BLOB.digest}: ended after 0 of 1280000 bytes, with {Digest.of(b'')}"),
        (OTHER, f"{BLOB.digest}: the content is {Digest.of(OTHER)}"),
        (DATA + b"x", f"{BLOB.digest}: more than 1280000 bytes"),
        (DATA + DATA, f"{BLOB.digest}: more than 1280000 bytes"),
    ],
)
def test_other_content(data: bytes, words: str) -> None:
    for size in (1, 1000, 1 << 20, len(DATA), len(DATA) + 1, -1):
        stream = verified(io.BytesIO(data), BLOB)
        with pytest.raises(Corrupt) as caught:
            got = b""
            while piece := stream.read(size if size != 1 else 4096):
                got += piece
        assert str(caught.value) == words
        # whoever goes on reading is told again
        with pytest.raises(Corrupt):
            stream.read(1 << 22)


def test_exactly_the_size_is_enough_to_notice() -> None:
    with pytest.raises(Corrupt, match="more than"):
        verified(io.BytesIO(DATA + b"x"), BLOB).read(len(DATA))
    with pytest.raises(Corrupt, match="the content is"):
        verified(io.BytesIO(OTHER), BLOB).read(len(DATA))


def test_empty_content() -> None:
    empty = Descriptor.of("a/b", b"")
    assert verified(io.BytesIO(b""), empty).read() == b""
    with pytest.raises(Corrupt, match="more than 0 bytes"):
        verified(io.BytesIO(b"x"), empty).read()
    with pytest.raises(Corrupt, match="the content is"):
        verified(io.BytesIO(b""), Descriptor("a/b", BLOB.digest, 0)).read()


class Liar(Memory):
    """A source that does not verify."""

    def open(self, blob: Descriptor) -> io.BytesIO:
        return io.BytesIO(OTHER)


def test_read() -> None:
    memory = Memory()
    blob = memory.add("a/b", DATA)
    assert read(memory, blob) == DATA
    assert read(Memory(), Descriptor("a/b", blob.digest, blob.size, data=DATA)) == DATA
    with pytest.raises(Corrupt, match="more than the limit of 10"):
        read(memory, blob, 10)
    with pytest.raises(Corrupt, match=f"the content is {Digest.of(OTHER)}"):
        read(Liar(), blob)
    with pytest.raises(Corrupt, match="more than"):
        read(Memory(), Descriptor("a/b", blob.digest, 5, data=DATA))


def test_take_reads_no_more_than_it_must() -> None:
    stream = io.BytesIO(DATA + bytes(1 << 20))
    with pytest.raises(Corrupt, match="more than"):
        take(stream, BLOB)
    assert stream.tell() == len(DATA) + 1
