"""Content, collection and archives over the real layer store: what save, load, rmi and prune do, end to end."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.oci.content_contract import ContentContract
from tests.store.archive.making import image, layer

from scow.errors import Corrupt
from scow.oci import media_types
from scow.oci.copy import copy
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.image import Image
from scow.oci.memory import Memory
from scow.store import gc, images, open_store
from scow.store.archive.contents import ArchiveImage
from scow.store.archive.reading import open_archive
from scow.store.archive.writing import to_bytes

if TYPE_CHECKING:
    from scow.store.content import Content
    from scow.store.store import Store

ONE, TWO = layer(("etc/one", b"1" * 5000)), layer(("etc/two", b"2" * 70000))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "root"), str(tmp_path / "run")) as store:
        yield store


class TestContract(ContentContract):
    @pytest.fixture
    def content(self, store: Store) -> Content:  # type: ignore[override]
        return store.content


def test_save_and_load_move_layers_between_stores_without_keeping_them_twice(store: Store, tmp_path: Path) -> None:
    memory = Memory()
    manifest = image(memory, ONE, TWO)
    copy(memory, manifest.descriptor(), store.local(), jobs=2)
    store.local().tag("app:1", manifest.descriptor())
    record = images.find(store.state, "app:1")
    assert record.size == 75_000, "docker counts the bytes of files"
    assert set(store.layers.walk()) == {Digest.of(ONE), Digest.of(TWO)}
    assert len(list(store.content.blobs.walk())) == 2
    data = to_bytes(store.content, [ArchiveImage(record.manifest, record.names)])
    with open_store(str(tmp_path / "other"), str(tmp_path / "other-run")) as other:
        archive = open_archive(io.BytesIO(data), other.paths.tmp)
        (held,) = archive.images
        copy(archive, held.root, other.local(), jobs=2)
        other.local().tag(held.names[0], held.root)
        assert images.find(other.state, "app:1").id == record.id
        assert [item.open().read() for item in Image(other.content, held.root).layers] == [ONE, TWO]
        assert os.listdir(other.paths.tmp) == []


def test_a_layer_that_is_no_tar_is_refused_and_leaves_nothing(store: Store) -> None:
    junk = os.urandom(4096)
    with pytest.raises(Corrupt):
        store.content.put(Descriptor.of(media_types.OCI_LAYER, junk), io.BytesIO(junk))
    assert list(store.content.walk()) == []
    assert os.listdir(store.paths.tmp) == []


def test_a_layer_made_again_is_kept_by_the_lease_of_its_maker(store: Store) -> None:
    """A build step may give the bytes of an old layer that nothing names any more."""
    store.layers.ingest(io.BytesIO(ONE))
    time.sleep(0.02)
    with store.leases.acquire("build"):
        writer = store.layers.writer()
        writer.write(ONE)
        made = writer.finish()
        assert gc.collect(store.paths, store.state, store.layers).layers == ()
        with store.layers.open(made.diff_id) as stream:
            assert stream.read() == ONE
    assert gc.collect(store.paths, store.state, store.layers).layers == (Digest.of(ONE),)


def test_rmi_frees_layers_and_a_container_keeps_its_own(store: Store) -> None:
    memory = Memory()
    manifest = image(memory, ONE, TWO)
    copy(memory, manifest.descriptor(), store.local())
    store.local().tag("app:1", manifest.descriptor())
    store.layers.prepare("c" * 64, (Digest.of(ONE),))
    images.remove(store.state, manifest.config.digest)
    time.sleep(0.02)
    with store.leases.acquire("commit") as lease:
        lease.add("snapshot " + "c" * 64)
        freed = gc.collect(store.paths, store.state, store.layers)
        assert freed.layers == (Digest.of(TWO),)
        assert freed.bytes >= len(TWO)
    freed = gc.collect(store.paths, store.state, store.layers)
    assert (freed.layers, freed.snapshots) == ((Digest.of(ONE),), ("c" * 64,))
