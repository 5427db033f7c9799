from __future__ import annotations

import gzip
import io
import json

import pytest
from tests.oci.samples import AMD64, index, kept, layer, missing, sample

from scow.errors import Corrupt, Invalid, NotFound
from scow.oci import image, media_types
from scow.oci.config import History, ImageConfig
from scow.oci.copy import copy
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.image import Image, Layer, append, chain_ids, empty, with_config
from scow.oci.manifest import Index, Manifest
from scow.oci.memory import Memory
from scow.oci.overlay import Overlay
from scow.oci.platform import Platform
from scow.oci.validate import validate


def test_a_view_of_a_source() -> None:
    memory = Memory()
    (root,) = kept(memory, sample(b"a", b"b"))
    im = Image(memory, root)
    assert im.config.platform == AMD64
    assert [la.open().read() for la in im.layers] == [b"a", b"b"]
    assert [la.history for la in im.layers] == [History(created_by="make 1")] * 2
    assert im.id == im.manifest.config.digest == im.config.digest
    assert im.layers[0] == layer(b"a")
    assert im == Image(memory, root)


def test_nothing_is_read_before_it_is_asked_for() -> None:
    memory = Memory()
    (root,) = kept(memory, sample(b"a"))
    im = Image(memory, root)
    memory.delete(im.manifest.config.digest)
    assert len(im.manifest.layers) == 1
    with pytest.raises(NotFound):
        _ = im.config


def test_append_makes_a_new_image_over_the_same_bytes() -> None:
    base = sample(b"base")
    new = append(base, layer(b"top"), layer(b"more"))
    assert len(base.layers) == 1
    assert [la.open().read() for la in new.layers] == [b"base", b"top", b"more"]
    assert [h.created_by for h in new.config.history] == ["make 4", "make 3", "make 4"]
    assert append(base) is base
    memory = Memory()
    copy(new.source, new.root, memory)
    assert validate(memory, new.root) == []
    assert append(base, layer(b"top"), layer(b"more")).root == new.root


def test_many_appends_stay_flat() -> None:
    im = empty(AMD64)
    for i in range(300):
        im = append(im, layer(b"%d" % i))
    assert isinstance(im.source, Overlay)
    assert not isinstance(im.source.base, Overlay)
    assert im.layers[0].open().read() == b"0"


def test_history_stays_aligned_over_a_base_without_any() -> None:
    base = sample(b"a", b"b")
    silent = with_config(base, base.config.with_changes(history=None))
    assert silent.layers[0].history is None
    new = append(silent, layer(b"c"))
    assert [la.history for la in new.layers] == [History(), History(), History(created_by="make 1")]
    plain = append(silent, Layer(layer(b"c").descriptor, layer(b"c").diff_id, layer(b"c").open))
    assert plain.config.history == ()


def test_dockers_family_is_kept() -> None:
    base = empty(AMD64, media_types.DOCKER_MANIFEST)
    new = append(base, layer(b"x", media_types.OCI_LAYER_GZIP))
    assert new.manifest.media_type == new.root.media_type == media_types.DOCKER_MANIFEST
    assert new.manifest.config.media_type == media_types.DOCKER_CONFIG
    assert [d.media_type for d in new.manifest.layers] == [media_types.DOCKER_LAYER_GZIP]


def test_with_config() -> None:
    base = sample(b"a")
    new = with_config(base, base.config.with_changes(config={"Env": ["A=b"]}))
    assert new.config.env == ("A=b",)
    assert base.config.env == ()
    assert new.manifest.layers == base.manifest.layers
    assert new.id != base.id
    assert with_config(base, base.config).root.digest == base.root.digest
    with pytest.raises(Invalid, match="names other layers"):
        with_config(base, ImageConfig.of(AMD64))


def test_unknown_fields_survive_changes() -> None:
    memory = Memory()
    im = sample(b"a")
    kept(memory, im)
    odd = {**im.manifest.layers[0].to_json(), "future": 1}
    root = memory.add(media_types.OCI_MANIFEST, im.manifest.with_fields(layers=[odd], future={"x": 1}).raw)
    new = append(Image(memory, root), layer(b"b"))
    assert new.manifest.doc["future"] == {"x": 1}
    assert new.manifest.layers[0].extra == {"future": 1}


def test_what_is_no_image() -> None:
    memory = Memory()
    root = index(memory, sample(b"a"))
    with pytest.raises(Invalid, match="is an index"):
        _ = Image(memory, root).manifest
    blob = memory.add(media_types.OCI_EMPTY, b"{}")
    artifact = memory.add(media_types.OCI_MANIFEST, Manifest.of(blob, [blob]).raw)
    with pytest.raises(Invalid, match="is no image"):
        _ = Image(memory, artifact).config
    with pytest.raises(Corrupt, match="is no media type"):
        _ = Image(memory, blob).manifest


def test_layer_counts_must_agree() -> None:
    memory = Memory()
    im = sample(b"a")
    kept(memory, im)
    root = memory.add(media_types.OCI_MANIFEST, im.manifest.with_fields(layers=[]).raw)
    with pytest.raises(Corrupt, match="the manifest has 0 layers, the config 1 diff ids"):
        _ = Image(memory, root).layers


def test_too_many_layers() -> None:
    memory, n = Memory(), image.MAX_LAYERS + 1
    one = layer(b"a")
    config = ImageConfig.of(AMD64).with_layers([one.diff_id] * n)
    blob = memory.add(media_types.OCI_CONFIG, config.raw)
    root = memory.add(media_types.OCI_MANIFEST, Manifest.of(blob, [one.descriptor] * n).raw)
    with pytest.raises(Corrupt, match="more than the limit"):
        _ = Image(memory, root).layers


def test_chain_ids() -> None:
    a, b, c = (Digest.of(x) for x in (b"a", b"b", b"c"))
    ab = Digest.of(f"{a} {b}".encode())
    assert chain_ids([]) == ()
    assert chain_ids([a]) == (a,)
    assert chain_ids([a, b, c]) == (a, ab, Digest.of(f"{ab} {c}".encode()))


# validate


def faults(change: str) -> list[str]:
    """What is said of an image that was broken in one way."""
    memory = Memory()
    im = sample(b"a", b"b")
    kept(memory, im)
    doc = json.loads(im.manifest.raw)
    config = json.loads(im.config.raw)
    exec(change, {"doc": doc, "config": config, "memory": memory, "im": im, "Digest": Digest})
    raw = json.dumps(config).encode()
    blob = memory.add(media_types.OCI_CONFIG, raw)
    if config != im.config.doc:
        doc["config"].update(digest=str(blob.digest), size=blob.size)
    root = memory.add(media_types.OCI_MANIFEST, json.dumps(doc).encode())
    return validate(memory, root)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("pass", []),
        ("memory.delete(im.manifest.layers[0].digest)", ["is not in memory"]),
        ("memory.delete(im.manifest.config.digest)", ["is not in memory"]),
        ("doc['layers'][1]['size'] = 7", ["ended after 1 of 7 bytes"]),
        ("doc['layers'][1]['size'] = 0", ["more than 0 bytes"]),
        ("doc['layers'].pop()", ["the manifest has 1 layers, the config 2 diff ids"]),
        ("doc['layers'][0]['mediaType'] = 'a/b'", ["has the type 'a/b', which is no layer's"]),
        ("doc['schemaVersion'] = 3", ["schemaVersion is 3, not 2"]),
        ("del config['os']", ["os is missing"]),
        ("config['config'] = {'Env': 5}", ["config.Env is a number"]),
        ("config['history'].pop()", ["the history has 1 layers, rootfs 2 diff ids"]),
        ("config['rootfs']['type'] = 'x'", ["rootfs.type is 'x'"]),
        ("config['rootfs']['diff_ids'][0] = str(Digest.of(b'z'))", ["its uncompressed content is"]),
        (
            "memory.delete(im.manifest.layers[0].digest); config['rootfs']['type'] = ''; doc['layers'][1]['size'] = 9",
            ["rootfs.type is ''", "is not in memory", "ended after 1 of 9 bytes"],
        ),
    ],
)
def test_every_fault_is_told(change: str, words: list[str]) -> None:
    said = faults(change)
    assert len(said) == len(words), said
    for text, word in zip(said, words, strict=True):
        assert word in text
        assert text.startswith("sha256:")
        assert not text[71:].startswith(f": {text[:71]}")


def test_compressed_layers_are_checked_with_a_decompressor() -> None:
    memory = Memory()
    packed = gzip.compress(b"tar", mtime=0)
    blob = memory.add(media_types.OCI_LAYER_GZIP, packed)

    def build(diff_id: Digest) -> Descriptor:
        config = memory.add(media_types.OCI_CONFIG, ImageConfig.of(AMD64).with_layers([diff_id]).raw)
        return memory.add(media_types.OCI_MANIFEST, Manifest.of(config, [blob]).raw)

    def decompress(stream: object) -> io.BytesIO:
        return io.BytesIO(gzip.decompress(stream.read()))  # type: ignore[attr-defined]

    assert validate(memory, build(Digest.of(b"tar")), decompress) == []
    (said,) = validate(memory, build(Digest.of(b"other")), decompress)
    assert f"its uncompressed content is {Digest.of(b'tar')}, the config's diff id {Digest.of(b'other')}" in said


def test_indexes_are_validated_too() -> None:
    memory = Memory()
    root = index(memory, sample(b"a"), sample(b"b", platform=Platform("linux", "arm64")))
    assert validate(memory, root) == []
    im = sample(b"a")
    wrong = Descriptor(im.root.media_type, im.root.digest, im.root.size, Platform("linux", "s390x"))
    stray = Descriptor("a/b", missing("x").digest, 1)
    gone = Descriptor(media_types.OCI_MANIFEST, missing("y").digest, 1)
    said = validate(memory, memory.add(media_types.OCI_INDEX, Index.of([wrong, stray, gone]).raw))
    assert [
        word in text for word, text in zip(("says linux/s390x", "which is no manifest", "not in"), said, strict=True)
    ]
    assert "the index says linux/s390x, the config linux/amd64" in said[0]
    assert "of type 'a/b', which is no manifest" in said[1]
    assert "is not in memory" in said[2]


def test_one_digest_two_meanings() -> None:
    memory = Memory()
    im = sample(b"a")
    kept(memory, im)
    layer_of_config = Descriptor(media_types.OCI_LAYER, im.id, im.manifest.config.size)
    root = memory.add(media_types.OCI_MANIFEST, im.manifest.with_fields(layers=[layer_of_config]).raw)
    assert any("in one place" in said for said in validate(memory, root))
