"""What every Content must do. A room with one writes

from tests.oci.content_contract import ContentContract

class TestBlobs(ContentContract):
    @pytest.fixture
    def content(self, tmp_path): return Blobs(tmp_path)
"""

from __future__ import annotations

import io
import threading
from typing import BinaryIO

import pytest

from scow.errors import Conflict, Corrupt, NotFound
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.media_types import OCTETS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.oci.protocols import Content

HELLO = b"hello, content\n" * 1000


def blob(data: bytes, algorithm: str = "sha256") -> Descriptor:
    return Descriptor(OCTETS, Digest.of(data, algorithm), len(data))


class Trickle:
    """Gives less than what is asked for, as sockets do; has ``read`` and ``close`` alone."""

    def __init__(self, data: bytes) -> None:
        self.data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self.data.read(size if size < 2 else min(size - 1, 777))

    def close(self) -> None:
        """Nothing to close."""


class Broken:
    """Fails after a few bytes, as a lost connection does."""

    def __init__(self) -> None:
        self.left = 3

    def read(self, size: int = -1) -> bytes:
        self.left -= 1
        if not self.left:
            raise OSError("connection lost")
        return b"abc"


class ContentContract:
    """Tests over the fixture ``content``, which gives an empty one."""

    @pytest.fixture
    def content(self) -> Content:
        raise NotImplementedError

    @pytest.mark.parametrize("data", [b"", b"x", HELLO, bytes(3 << 20)], ids=["empty", "one", "some", "3MiB"])
    def test_what_is_put_can_be_read(self, content: Content, data: bytes) -> None:
        assert not content.has(blob(data))
        content.put(blob(data), io.BytesIO(data))
        assert content.has(blob(data))
        with content.open(blob(data)) as f:
            assert f.read() == data

    def test_reads_in_pieces(self, content: Content) -> None:
        content.put(blob(HELLO), io.BytesIO(HELLO))
        with content.open(blob(HELLO)) as f:
            assert f.read(7) == HELLO[:7]
            assert f.read(5) == HELLO[7:12]
            assert f.read() == HELLO[12:]
            assert f.read() == b""

    def test_short_reads_lose_nothing(self, content: Content) -> None:
        content.put(blob(HELLO), as_binary(Trickle(HELLO)))
        assert content.open(blob(HELLO)).read() == HELLO

    def test_sha512_is_content_too(self, content: Content) -> None:
        content.put(blob(HELLO, "sha512"), io.BytesIO(HELLO))
        assert content.open(blob(HELLO, "sha512")).read() == HELLO

    def test_put_twice_is_fine(self, content: Content) -> None:
        for _ in range(2):
            content.put(blob(HELLO), io.BytesIO(HELLO))
        assert [d.digest for d in content.walk()] == [Digest.of(HELLO)]

    @pytest.mark.parametrize(
        "wrong",
        [HELLO[:-1], HELLO + b"!", b"J" + HELLO[1:], b""],
        ids=["short", "long", "changed", "empty"],
    )
    def test_wrong_content_is_refused_and_not_kept(self, content: Content, wrong: bytes) -> None:
        with pytest.raises(Corrupt) as caught:
            content.put(blob(HELLO), io.BytesIO(wrong))
        assert str(Digest.of(HELLO)) in str(caught.value)
        assert not content.has(blob(HELLO))
        assert list(content.walk()) == []
        content.put(blob(HELLO), io.BytesIO(HELLO))
        assert content.open(blob(HELLO)).read() == HELLO

    def test_wrong_size_is_refused(self, content: Content) -> None:
        lying = Descriptor(OCTETS, Digest.of(HELLO), len(HELLO) + 1)
        with pytest.raises(Corrupt):
            content.put(lying, io.BytesIO(HELLO))
        assert not content.has(lying)

    def test_a_broken_stream_leaves_nothing(self, content: Content) -> None:
        with pytest.raises(OSError, match="connection lost"):
            content.put(blob(HELLO), as_binary(Broken()))
        assert not content.has(blob(HELLO))
        assert list(content.walk()) == []

    def test_missing_blobs_are_not_found(self, content: Content) -> None:
        with pytest.raises(NotFound, match=Digest.of(HELLO).hex):
            content.open(blob(HELLO)).read()
        with pytest.raises(NotFound, match=Digest.of(HELLO).hex):
            content.delete(Digest.of(HELLO))

    def test_delete(self, content: Content) -> None:
        content.put(blob(HELLO), io.BytesIO(HELLO))
        content.put(blob(b"other"), io.BytesIO(b"other"))
        content.delete(Digest.of(HELLO))
        assert not content.has(blob(HELLO))
        assert content.has(blob(b"other"))

    def test_walk_tells_digests_and_sizes(self, content: Content) -> None:
        for data in (b"", b"a", HELLO):
            content.put(blob(data), io.BytesIO(data))
        assert {(d.digest, d.size, d.media_type) for d in content.walk()} == {
            (Digest.of(data), len(data), OCTETS) for data in (b"", b"a", HELLO)
        }

    def test_writer_is_invisible_until_commit(self, content: Content) -> None:
        w = content.writer("one")
        assert w.offset == 0
        assert w.write(HELLO[:100]) == 100
        assert w.write(HELLO[100:]) == len(HELLO) - 100
        assert w.offset == len(HELLO)
        assert not content.has(blob(HELLO))
        assert list(content.walk()) == []
        assert w.commit(Digest.of(HELLO)) == Digest.of(HELLO)
        assert content.open(blob(HELLO)).read() == HELLO

    def test_commit_without_expectation_tells_the_digest(self, content: Content) -> None:
        w = content.writer("one")
        w.write(HELLO)
        assert w.commit() == Digest.of(HELLO)
        assert content.has(blob(HELLO))

    def test_commit_of_sha512(self, content: Content) -> None:
        w = content.writer("one")
        w.write(HELLO)
        expected = Digest.of(HELLO, "sha512")
        assert w.commit(expected) == expected
        assert content.open(blob(HELLO, "sha512")).read() == HELLO

    def test_commit_of_what_is_there_already(self, content: Content) -> None:
        content.put(blob(HELLO), io.BytesIO(HELLO))
        w = content.writer("again")
        w.write(HELLO)
        assert w.commit(Digest.of(HELLO)) == Digest.of(HELLO)
        assert content.open(blob(HELLO)).read() == HELLO

    def test_a_closed_writer_is_resumed_by_its_key(self, content: Content) -> None:
        first = content.writer("upload/1")  # keys are any text, no file names
        first.write(HELLO[:100])
        first.close()
        second = content.writer("upload/1")
        assert second.offset == 100
        second.write(HELLO[100:])
        assert second.commit(Digest.of(HELLO)) == Digest.of(HELLO)
        third = content.writer("upload/1")
        assert third.offset == 0
        third.close()

    def test_commit_of_something_else_drops_it(self, content: Content) -> None:
        w = content.writer("one")
        w.write(b"not hello")
        with pytest.raises(Corrupt) as caught:
            w.commit(Digest.of(HELLO))
        assert str(Digest.of(HELLO)) in str(caught.value)
        assert str(Digest.of(b"not hello")) in str(caught.value)
        assert list(content.walk()) == []
        again = content.writer("one")
        assert again.offset == 0
        again.close()

    def test_one_writer_a_key(self, content: Content) -> None:
        w = content.writer("one")
        with pytest.raises(Conflict, match="one"):
            content.writer("one")
        other = content.writer("two")
        other.close()
        w.close()
        w.close()
        content.writer("one").close()

    def test_keys_do_not_collide(self, content: Content) -> None:
        keys = ["a", "A", "../a", "a/b", "a\x00b", "ä", "x" * 300, "", "."]
        writers = [content.writer(key) for key in keys]
        for i, w in enumerate(writers):
            w.write(bytes([i]))
            w.close()
        assert [content.writer(key).commit() for key in keys] == [Digest.of(bytes([i])) for i in range(len(keys))]

    def test_many_threads_put_the_same(self, content: Content) -> None:
        faults: list[BaseException] = []

        def put() -> None:
            try:
                content.put(blob(HELLO), io.BytesIO(HELLO))
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=put) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert faults == []
        assert content.open(blob(HELLO)).read() == HELLO
        assert len(list(content.walk())) == 1


def as_binary(stream: object) -> BinaryIO:
    return stream  # type: ignore[return-value]
