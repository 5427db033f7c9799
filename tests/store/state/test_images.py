"""Images: names, ids, repository digests, parents; and the summary rows that a tag through Local enters."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scow.errors import Invalid, NotFound
from scow.oci import media_types
from scow.oci.copy import copy
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.manifest import Index, Manifest
from scow.oci.memory import Memory
from scow.oci.platform import Platform
from scow.oci.reference import Reference
from scow.store import images, open_store, usage
from scow.store.images import ImageRecord
from scow.store.state import State
from scow.store.timestamps import format_rfc3339, parse_rfc3339

if TYPE_CHECKING:
    from scow.store.store import Store


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(str(tmp_path / "scow.db"))


def image(text: str, parent: Digest | None = None, created: int = 0) -> ImageRecord:
    manifest = Descriptor.of(media_types.OCI_MANIFEST, b"manifest of " + text.encode())
    return ImageRecord(
        Digest.of(text.encode()), manifest, parent, created, 9, "linux/amd64", {"l": text}, (Digest.of(b"d"),)
    )


def ref(text: str) -> Reference:
    return Reference.parse(text)


def test_put_tag_list(state: State) -> None:
    one, two = image("one", created=1), image("two", created=2)
    images.put(state, one)
    images.put(state, two)
    assert images.tag(state, ref("busybox"), one.id, one.manifest) is None
    images.tag(state, ref("ghcr.io/a/b:1"), one.id, one.manifest)
    images.tag(state, ref(f"busybox@{one.manifest.digest}"), one.id, one.manifest)
    newest, oldest = images.list_all(state)
    assert newest == two
    assert oldest.names == ("docker.io/library/busybox:latest", "ghcr.io/a/b:1")
    assert oldest.repo_digests == (f"docker.io/library/busybox@{one.manifest.digest}",)
    assert oldest == images.get(state, one.id)
    assert (oldest.labels, oldest.diff_ids, oldest.size) == (one.labels, one.diff_ids, one.size)


def test_a_moved_name_tells_what_it_left_dangling(state: State) -> None:
    one, two = image("one"), image("two")
    images.put(state, one)
    images.put(state, two)
    images.tag(state, ref("app"), one.id, one.manifest)
    assert images.tag(state, ref("app"), one.id, one.manifest) is None
    assert images.tag(state, ref("app"), two.id, two.manifest) == one.id
    assert images.dangling(state) == [one.id]
    assert images.resolve(state, ref("app")) == two.manifest


def test_find(state: State) -> None:
    one = image("one")
    images.put(state, one)
    images.tag(state, ref("abc:1"), one.id, one.manifest)
    images.tag(state, ref(f"abc@{one.manifest.digest}"), one.id, one.manifest)
    full = str(one.id)
    for text in (full, one.id.hex, one.id.hex[:12], full[:15], one.id.hex[:1], "abc:1", f"abc@{one.manifest.digest}"):
        assert images.find(state, text).id == one.id, text
    for text in ("abc", "abc:2", "0" * 64, "sha256:" + "0" * 64, f"abc@{one.id}", "sha256:" + "f" * 63):
        with pytest.raises(NotFound, match=r"^No such image: "):
            images.find(state, text)
    with pytest.raises(Invalid):
        images.find(state, "UPPER")


@pytest.mark.parametrize(
    ("text", "said"),
    [("abc", "abc:latest"), ("foo:1", "foo:1"), ("sha256:abcd", "sha256:abcd"), ("0" * 64, "sha256:" + "0" * 64)],
)
def test_not_found_in_dockers_words(state: State, text: str, said: str) -> None:
    with pytest.raises(NotFound) as e:
        images.find(state, text)
    assert str(e.value) == f"No such image: {said}"


def test_a_name_wins_over_the_beginning_of_an_id(state: State) -> None:
    one, two = image("one"), image("two")
    images.put(state, one)
    images.put(state, two)
    images.tag(state, ref(one.id.hex[:5]), two.id, two.manifest)
    assert images.find(state, one.id.hex[:5]).id == two.id
    assert images.find(state, one.id.hex[:6]).id == one.id


def test_ambiguous_prefix(state: State) -> None:
    found: dict[str, ImageRecord] = {}
    for i in range(40):
        record = image(str(i))
        if record.id.hex[0] in found:
            break
        found[record.id.hex[0]] = record
        images.put(state, record)
    images.put(state, record)
    with pytest.raises(Invalid, match=f"multiple IDs found with provided prefix: {record.id.hex[0]}"):
        images.find(state, record.id.hex[0])


def test_untag_and_remove(state: State) -> None:
    one = image("one")
    images.put(state, one)
    for text in ("a:1", "b:1", f"a@{one.manifest.digest}"):
        images.tag(state, ref(text), one.id, one.manifest)
    assert images.untag(state, ref("a:1")) == one.id
    assert images.untag(state, ref(f"a@{one.manifest.digest}")) == one.id
    with pytest.raises(NotFound, match="No such image: a:1"):
        images.untag(state, ref("a:1"))
    assert images.roots(state) == [one.manifest]
    images.remove(state, one.id)
    assert images.roots(state) == []
    with pytest.raises(NotFound):
        images.remove(state, one.id)


def test_parents(state: State) -> None:
    base = image("base")
    child = image("child", base.id)
    images.put(state, base)
    images.put(state, child)
    assert images.children(state, base.id) == [child.id]
    assert images.dangling(state) == [child.id]  # a parent is not dangling: docker prunes from the leaves
    images.remove(state, base.id)
    assert images.get(state, child.id).parent is None


def test_tagging_an_image_that_is_gone(state: State) -> None:
    with pytest.raises(NotFound):
        images.tag(state, ref("a"), Digest.of(b"gone"), image("x").manifest)


def test_listing_fifty_images_is_fast(state: State) -> None:
    with state.change():
        for i in range(50):
            record = image(str(i))
            images.put(state, record)
            images.tag(state, ref(f"app:{i}"), record.id, record.manifest)
    images.list_all(state)
    began = time.perf_counter()
    assert len(images.list_all(state)) == 50
    assert time.perf_counter() - began < 0.1  # about 1 ms on a quiet machine


class TestLocal:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(str(tmp_path / "root"), str(tmp_path / "run"))

    def build(self, memory: Memory, platform: Platform, **config: object) -> Manifest:
        doc = {**platform.to_json(), "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(b"tar"))]}, **config}
        parts = memory.add(media_types.OCI_CONFIG, json.dumps(doc).encode())
        manifest = Manifest.of(parts, [memory.add(media_types.OCI_LAYER_GZIP, b"gzipped")])
        memory.add(manifest.media_type, manifest.raw)
        return manifest

    def test_an_image_gets_its_row(self, store: Store) -> None:
        memory = Memory()
        config = {"created": "2024-02-29T12:00:00.5+01:00", "config": {"Labels": {"a": "b"}}}
        manifest = self.build(memory, Platform("linux", "arm64"), **config)
        local = store.local()
        copy(memory, manifest.descriptor(), local)
        usage.touch(store.state, [(Digest.of(b"tar"), 4096)])
        local.tag("web:1", manifest.descriptor())
        record = images.find(store.state, "web:1")
        assert record.id == manifest.config.digest
        assert record.platform == "linux/arm64"
        assert format_rfc3339(record.created) == "2024-02-29T11:00:00.5Z"
        assert (record.size, record.labels, record.diff_ids) == (4096, {"a": "b"}, (Digest.of(b"tar"),))
        assert local.resolve("web:1") == local.resolve(record.id.hex[:10]) == manifest.descriptor()

    def test_of_an_index_the_machines_platform_is_the_image(self, store: Store) -> None:
        from scow.oci.platform import host
        from scow.values import replace

        memory = Memory()
        mine = self.build(memory, host())
        other = self.build(memory, Platform("linux", "s390x"))
        entries = [replace(other.descriptor(), platform=Platform("linux", "s390x"))]
        entries.append(replace(mine.descriptor(), platform=host()))
        index = Index.of(entries)
        root = memory.add(index.media_type, index.raw)
        local = store.local()
        copy(memory, root, local)
        local.tag("multi", root)
        assert local.resolve("multi") == root
        assert images.find(store.state, "multi").id == mine.config.digest

    def test_an_index_without_this_platform_has_a_name_but_no_image(self, store: Store) -> None:
        from scow.values import replace

        memory = Memory()
        other = self.build(memory, Platform("windows", "s390x"))
        index = Index.of([replace(other.descriptor(), platform=Platform("windows", "s390x"))])
        root = memory.add(index.media_type, index.raw)
        local = store.local()
        copy(memory, root, local)
        local.tag("odd", root)
        assert local.resolve("odd") == root
        assert images.list_all(store.state) == []
        assert images.roots(store.state) == [root]

    def test_an_artifact_is_its_own_manifest(self, store: Store) -> None:
        memory = Memory()
        manifest = Manifest.of(memory.add(media_types.OCI_EMPTY, b"{}"), [memory.add("text/plain", b"sbom")])
        root = memory.add(manifest.media_type, manifest.raw)
        local = store.local()
        copy(memory, root, local)
        local.tag("registry.example/sbom:1", root)
        assert images.find(store.state, "registry.example/sbom:1").id == root.digest

    def test_a_name_for_nothing_is_refused(self, store: Store) -> None:
        with pytest.raises(NotFound):
            store.local().tag("x", image("x").manifest)
        bad = Descriptor.of(media_types.OCI_MANIFEST, b"{}")
        store.content.put(bad, io.BytesIO(b"{}"))
        with pytest.raises(Exception, match="schemaVersion"):
            store.local().tag("x", bad)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2000-03-01T00:00:00.000000001Z", 951868800_000000001),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("2024-12-31T23:59:60Z", 1735689600_000000000),
        ("2024-02-29T12:00:00-05:30", 1709227800_000000000),
        ("1901-02-28T23:59:59Z", -2172355201_000000000),
    ],
)
def test_timestamps(text: str, at: int) -> None:
    assert parse_rfc3339(text) == at
    assert parse_rfc3339(format_rfc3339(at)) == at


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2024-02-29", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00", "T" * 30, "0001-01-01T00:00:00Z"],
)
def test_unreadable_times_are_zero(text: str) -> None:
    assert parse_rfc3339(text) == 0
