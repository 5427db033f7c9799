from __future__ import annotations

import io
import threading
from typing import BinaryIO

import pytest
from tests.oci.samples import AMD64, index, kept, missing, sample

from scow.errors import Corrupt, NotFound, Unavailable
from scow.oci import media_types
from scow.oci.copy import Choice, copy
from scow.oci.descriptor import Descriptor
from scow.oci.events import Done, Found, Present, Progress, Skipped, Started
from scow.oci.graph import children, select
from scow.oci.image import Image
from scow.oci.manifest import Index, Manifest
from scow.oci.memory import Memory
from scow.oci.overlay import Preferring
from scow.oci.platform import Platform
from scow.oci.validate import validate

ARM = Platform("linux", "arm", "v7")
ARM64 = Platform("linux", "arm64")


class Recorder(Memory):
    """Remembers in which order blobs came, and how many were on their way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[Descriptor] = []
        self.opened: list[Descriptor] = []

    def put(self, blob: Descriptor, content: BinaryIO) -> None:
        super().put(blob, content)
        self.order.append(blob)

    def open(self, blob: Descriptor) -> BinaryIO:
        self.opened.append(blob)
        return super().open(blob)


@pytest.mark.parametrize("jobs", [1, 4])
def test_children_first_root_last_each_once(jobs: int) -> None:
    source, sink = Recorder(), Recorder()
    shared = b"shared" * 1000
    root = index(source, sample(shared, b"a"), sample(shared, b"b", shared, platform=ARM))
    source.opened.clear()
    copy(source, root, sink, jobs=jobs)
    assert validate(sink, root) == []
    assert sink.order[-1] == root
    assert len({d.digest for d in sink.order}) == len(sink.order) == 8
    assert len(source.opened) == 8
    place = {d.digest: i for i, d in enumerate(sink.order)}
    for blob in sink.order:
        assert all(place[c.digest] < place[blob.digest] for c in children(sink, blob))


def test_what_is_there_is_not_moved_again() -> None:
    source, sink = Memory(), Recorder()
    im = sample(b"a" * 2_000_000, b"b")
    (root,) = kept(source, im)
    sink.put(im.manifest.layers[0], io.BytesIO(b"a" * 2_000_000))
    sink.order.clear()
    events: list[object] = []
    copy(source, root, sink, on=events.append)
    assert im.manifest.layers[0] not in sink.order
    assert events[0] == Found(root)
    assert events[1:4] == [Found(im.manifest.config), *map(Found, im.manifest.layers)]
    assert Present(im.manifest.layers[0]) in events
    assert events[-2:] == [Started(root), Done(root)]
    sink.order.clear()
    copy(source, root, sink)
    assert sink.order == []


def test_progress() -> None:
    source = Memory()
    im = sample(b"a" * 2_000_000)
    (root,) = kept(source, im)
    events: list[object] = []
    copy(source, root, Memory(), on=events.append)
    offsets = [e.offset for e in events if isinstance(e, Progress)]
    assert offsets == sorted(offsets)
    assert 2 <= len(offsets) <= 4


def test_one_blob_needs_no_document() -> None:
    source, sink = Memory(), Memory()
    blob = source.add(media_types.OCTETS, b"x")
    copy(source, blob, sink)
    assert sink.has(blob)


def test_platforms() -> None:
    source, sink = Memory(), Memory()
    one, other = sample(b"a"), sample(b"b", platform=ARM)
    root = index(source, one, other)
    events: list[object] = []
    copy(source, root, sink, choice=Choice(platforms=(ARM64,)), on=events.append)
    assert sink.has(root)
    assert sink.has(other.root)
    assert not sink.has(one.root)
    assert [e.reason for e in events if isinstance(e, Skipped)] == ["other platform"]
    # what one platform's copy left out, another one brings
    copy(source, root, sink)
    assert validate(sink, root) == []


def test_foreign_layers() -> None:
    source = Memory()
    im = sample(b"a")
    kept(source, im)
    foreign = source.add(media_types.OCI_FOREIGN_LAYER_GZIP, b"windows")
    root = source.add(media_types.OCI_MANIFEST, Manifest.of(im.manifest.config, [foreign, *im.manifest.layers]).raw)
    sink = Memory()
    events: list[object] = []
    copy(source, root, sink, on=events.append)
    assert Skipped(foreign, "foreign layer") in events
    assert not sink.has(foreign)
    copy(source, root, sink, choice=Choice(foreign=True))
    assert sink.has(foreign)


def test_a_manifest_that_came_as_a_layer_has_no_children_yet() -> None:
    """An image with another image's manifest as "layer" must not make that other image look complete."""
    source, sink = Memory(), Memory()
    victim, evil = sample(b"victim"), sample(b"evil")
    kept(source, victim, evil)
    disguised = Descriptor(media_types.OCI_LAYER, victim.root.digest, victim.root.size)
    root = source.add(media_types.OCI_MANIFEST, Manifest.of(evil.manifest.config, [disguised]).raw)
    copy(source, root, sink)
    assert sink.has(victim.root)
    copy(source, victim.root, sink)
    assert validate(sink, victim.root) == []


def test_a_near_store_spares_the_far_one() -> None:
    near, far = Memory(), Recorder()
    (root,) = kept(far, sample(b"a"))
    copy(far, root, near)
    far.opened.clear()
    copy(Preferring(near, far), root, near)
    assert far.opened == []
    near.delete(root.digest)
    copy(Preferring(near, far), root, near)
    assert far.opened == [root]


def test_missing_blobs_stop_it_before_the_root() -> None:
    source, sink = Memory(), Memory()
    im = sample(b"a", b"b", b"c")
    (root,) = kept(source, im)
    source.delete(im.manifest.layers[1].digest)
    with pytest.raises(NotFound, match=im.manifest.layers[1].digest.hex):
        copy(source, root, sink)
    assert not sink.has(root)


class Swapped(Memory):
    """Gives other bytes for one blob, without verifying."""

    def __init__(self, lie: Descriptor) -> None:
        super().__init__()
        self.lie = lie

    def open(self, blob: Descriptor) -> BinaryIO:
        return io.BytesIO(b"?" * blob.size) if blob == self.lie else super().open(blob)


def test_a_lying_source_is_caught() -> None:
    im = sample(b"a")
    for lie in (im.root, im.manifest.config, *im.manifest.layers):
        source, sink = Swapped(lie), Memory()
        kept(source, im)
        with pytest.raises(Corrupt, match=f"{lie.digest}: the content is sha256:"):
            copy(source, im.root, sink)
        assert not sink.has(lie)
        assert not sink.has(im.root)


class Slow(Memory):
    """Blocks reads until one blob has failed."""

    def __init__(self, broken: Descriptor) -> None:
        super().__init__()
        self.broken = broken
        self.failing = threading.Event()
        self.reads = 0

    def open(self, blob: Descriptor) -> BinaryIO:
        if blob == self.broken:
            self.failing.set()
            raise Unavailable("connection refused")
        inner = super().open(blob)
        if media_types.is_layer(blob.media_type):
            self.failing.wait(10)
        return inner


def test_an_error_stops_the_others_in_the_middle() -> None:
    im = sample(b"a" * 50_000_000, b"broken")
    source, sink = Slow(im.manifest.layers[1]), Memory()
    kept(source, Image(im.source, im.root))
    source.failing.clear()
    with pytest.raises(Unavailable, match="connection refused"):
        copy(source, im.root, sink, jobs=4)
    assert not sink.has(im.root)
    assert threading.active_count() == 1


def test_observers_are_called_one_at_a_time_and_their_errors_arrive() -> None:
    source = Memory()
    (root,) = kept(source, sample(*(bytes([i]) * 100_000 for i in range(20))))
    busy = threading.Lock()

    def on(_: object) -> None:
        assert busy.acquire(blocking=False)
        busy.release()

    copy(source, root, Memory(), jobs=8, on=on)

    def broken(_: object) -> None:
        raise Unavailable("the terminal is gone")

    with pytest.raises(Unavailable, match="terminal"):
        copy(source, root, Memory(), jobs=8, on=broken)


def test_embedded_data_needs_no_source() -> None:
    source, sink = Memory(), Memory()
    im = sample(b"a")
    kept(source, im)
    layer = im.manifest.layers[0]
    inline = Descriptor(layer.media_type, layer.digest, layer.size, data=b"a")
    root = source.add(media_types.OCI_MANIFEST, Manifest.of(im.manifest.config, [inline]).raw)
    source.delete(layer.digest)
    copy(source, root, sink)
    assert validate(sink, root) == []


def test_nesting_is_bounded() -> None:
    source = Memory()
    (node,) = kept(source, sample(b"a"))
    for _ in range(8):
        node = source.add(media_types.OCI_INDEX, Index.of([node]).raw)
    copy(source, node, Memory())
    assert validate(source, node) == []
    for _ in range(3):
        node = source.add(media_types.OCI_INDEX, Index.of([node]).raw)
    with pytest.raises(Corrupt, match="nested too deep"):
        copy(source, node, Memory())
    assert "nested more than 8 indexes deep" in validate(source, node)[0]


def test_children_are_told_once_in_order() -> None:
    source = Memory()
    im = sample(b"a", b"b", b"a")
    (root,) = kept(source, im)
    a, b, _ = im.manifest.layers
    assert children(source, root) == (im.manifest.config, a, b)
    assert children(source, a) == ()
    with pytest.raises(NotFound):
        children(source, Descriptor(media_types.OCI_INDEX, missing("x").digest, 1))


def test_select() -> None:
    source = Memory()
    amd, arm = sample(b"a"), sample(b"b", platform=ARM)
    root = index(source, amd, arm)
    assert select(source, root, AMD64).digest == amd.root.digest
    assert select(source, root, ARM64).digest == arm.root.digest
    assert select(source, arm.root, AMD64) == arm.root
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x") as caught:
        select(source, root, Platform("linux", "s390x"))
    assert caught.value.hint == "there is linux/amd64, linux/arm/v7"
    silent = index(source, amd, arm, platforms=False)
    assert select(source, silent, ARM).digest == arm.root.digest
    nested = source.add(media_types.OCI_INDEX, Index.of([silent]).raw)
    assert select(source, nested, ARM).digest == arm.root.digest
    with pytest.raises(NotFound) as caught:
        select(source, source.add(media_types.OCI_INDEX, Index.of([]).raw), ARM)
    assert caught.value.hint == "there is nothing"


def test_select_prefers_the_first_of_equals() -> None:
    source = Memory()
    one, two = sample(b"1"), sample(b"2")
    assert select(source, index(source, one, two), AMD64).digest == one.root.digest


def test_one_manifest_may_serve_several_platforms() -> None:
    memory = Memory()
    kept(memory, sample(b"x"))
    root = sample(b"x").root
    entries = [
        Descriptor(root.media_type, root.digest, root.size, Platform("linux", machine))
        for machine in ("arm64", "amd64")
    ]
    both = memory.add(media_types.OCI_INDEX, Index.of(entries).raw)
    assert select(memory, both, AMD64).digest == root.digest
