from __future__ import annotations

import pytest
from tests.oci.content_contract import ContentContract, blob

from scow.errors import Invalid, NotFound
from scow.oci.media_types import OCTETS
from scow.oci.memory import Memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.oci.protocols import Content


class TestMemory(ContentContract):
    @pytest.fixture
    def content(self) -> Content:
        return Memory()


def test_names() -> None:
    memory = Memory()
    with pytest.raises(NotFound, match="a:1"):
        memory.resolve("a:1")
    with pytest.raises(NotFound):
        memory.tag("a:1", blob(b"absent"))
    first, second = memory.add(OCTETS, b"1"), memory.add(OCTETS, b"2")
    memory.tag("a:1", first)
    memory.tag("a:1", second)
    assert memory.resolve("a:1") == second


def test_a_closed_writer_takes_nothing() -> None:
    writer = Memory().writer("k")
    writer.commit()
    with pytest.raises(Invalid, match="k is closed"):
        writer.write(b"x")
    with pytest.raises(Invalid, match="k is closed"):
        writer.commit()
