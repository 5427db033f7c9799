"""Descriptors, manifests and indexes, friendly and hostile."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scow.errors import Corrupt, Error, Invalid, Unsupported
from scow.oci import fields, manifest, media_types
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.manifest import Index, Manifest
from scow.oci.platform import Platform

D = str(Digest.of(b"x"))
CONFIG = {"mediaType": media_types.OCI_CONFIG, "digest": D, "size": 1}
LAYER = {
    "mediaType": media_types.OCI_LAYER_GZIP,
    "digest": D,
    "size": 1,
    "urls": ["https://a.b/c"],
    "annotations": {"k": "<v>"},
    "data": "eA==",
    "platform": {"architecture": "arm", "os": "linux", "variant": "v7"},
    "artifactType": "a/b",
    "future": {"deep": [1, None]},
}
DOC: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": media_types.OCI_MANIFEST,
    "artifactType": "x/y",
    "config": CONFIG,
    "layers": [LAYER],
    "subject": CONFIG,
    "annotations": {"a": "b"},
    "unknown": [1],
}
INDEX: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [LAYER, CONFIG]}


def raw(doc: object) -> bytes:
    return json.dumps(doc, indent=3).encode()


def test_descriptor_round_trip_keeps_everything() -> None:
    found = Descriptor.from_json(LAYER)
    assert found.to_json() == LAYER
    assert list(found.to_json()) == list(LAYER)
    assert found.platform == Platform("linux", "arm", "v7")
    assert found.data == b"x"
    assert found.extra == {"future": {"deep": [1, None]}}
    assert hash(found) == hash(Descriptor.from_json(copy.deepcopy(LAYER)))
    assert found == Descriptor.from_json(copy.deepcopy(LAYER))
    assert Descriptor.from_json(CONFIG).to_json() == CONFIG


def test_descriptors_are_not_changed_by_accident() -> None:
    one = Descriptor.of("a/b", b"x")
    with pytest.raises(AttributeError):
        one.size = 3  # type: ignore[misc]
    with pytest.raises(Invalid, match="negative"):
        Descriptor("a/b", one.digest, -1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mediaType": None}, "at.mediaType is missing"),
        ({"mediaType": 3}, "at.mediaType is a number, not a string"),
        ({"digest": None}, "at.digest is missing"),
        ({"digest": "sha256:abc"}, "at.digest: invalid checksum digest length: sha256:abc"),
        ({"digest": "../../x"}, "at.digest: invalid checksum digest format: '../../x'"),
        ({"size": None}, "at.size is missing"),
        ({"size": -1}, "at.size is negative: -1"),
        ({"size": True}, "at.size is a boolean, not a number"),
        ({"size": 1.0}, "at.size is a number, not a number"),
        ({"size": "1"}, "at.size is a string, not a number"),
        ({"size": 1 << 63}, "at.size is out of range"),
        ({"urls": "x"}, "at.urls is a string, not an array"),
        ({"urls": [1]}, r"at.urls[0] is a number, not a string"),
        ({"annotations": {"k": 1}}, "at.annotations['k'] is a number, not a string"),
        ({"annotations": []}, "at.annotations is an array, not an object"),
        ({"platform": {"os": []}}, "at.platform.os is an array, not a string"),
        ({"data": "e"}, "at.data: "),
        ({"data": "e A = ="}, "at.data: "),
        ({"data": "eQ=="}, f"at.data is {Digest.of(b'y')}, not {D}"),
    ],
)
def test_wrong_fields_are_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Corrupt) as caught:
        Descriptor.from_json({**LAYER, **changes}, "at")
    assert str(caught.value).startswith(words)


def test_manifest_is_a_reading_of_its_bytes() -> None:
    text = raw(DOC)
    found = manifest.parse(text)
    assert isinstance(found, Manifest)
    assert found.raw is text
    assert found.digest == Digest.of(text)
    assert found.config == Descriptor.from_json(CONFIG)
    assert found.layers == (Descriptor.from_json(LAYER),)
    assert found.subject == Descriptor.from_json(CONFIG)
    assert (found.artifact_type, found.annotations) == ("x/y", {"a": "b"})
    assert found.descriptor() == Descriptor(media_types.OCI_MANIFEST, Digest.of(text), len(text))


def test_with_fields_keeps_the_rest() -> None:
    found = Manifest(raw(DOC)).with_fields(layers=[Descriptor.from_json(CONFIG)], annotations=None)
    expected = {k: v for k, v in DOC.items() if k != "annotations"} | {"layers": [CONFIG]}
    assert json.loads(found.raw) == expected
    assert list(json.loads(found.raw)) == list(expected)


def test_index() -> None:
    found = manifest.parse(raw(INDEX))
    assert isinstance(found, Index)
    assert found.manifests[0].platform == Platform("linux", "arm", "v7")
    assert found.subject is None
    assert (found.annotations, found.artifact_type) == ({}, "")
    assert found.with_fields(annotations={"a": "b"}).annotations == {"a": "b"}
    assert found.descriptor().size == len(found.raw)


def test_new_documents() -> None:
    config, layer = Descriptor.from_json(CONFIG), Descriptor.from_json(LAYER)
    made = Manifest.of(config, [layer], media_types.DOCKER_MANIFEST)
    assert (made.config, made.layers) == (config, (layer,))
    assert made.raw.startswith(
        b'{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",'
    )
    assert b"\\u003cv\\u003e" in made.raw
    assert Index.of([layer]).manifests == (layer,)


def test_the_type_is_read_from_the_document_if_nobody_says_it() -> None:
    assert isinstance(manifest.parse(raw({**DOC, "mediaType": None})), Manifest)
    assert isinstance(manifest.parse(raw({**INDEX, "mediaType": None})), Index)
    docker = manifest.parse(raw({**INDEX, "mediaType": media_types.DOCKER_LIST}))
    assert (type(docker), docker.media_type) == (Index, media_types.DOCKER_LIST)
    with pytest.raises(Unsupported, match="schema 1"):
        manifest.parse(raw({"schemaVersion": 1, "fsLayers": []}))
    with pytest.raises(Unsupported, match="schema 1"):
        manifest.parse(b"", media_types.DOCKER_SCHEMA1_SIGNED)
    with pytest.raises(Corrupt, match="'text/plain' is no media type"):
        manifest.parse(raw(DOC), "text/plain")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "manifest: not a JSON document"),
        (b"[]", "manifest: the document is an array, not an object"),
        (b"null", "manifest: the document is null, not an object"),
        (b"\xff{}", "manifest: not a JSON document"),
        (b"\xef\xbb\xbf{}", "manifest: not a JSON document"),
        ('{"schemaVersion":2}'.encode("utf-16"), "manifest: not a JSON document"),
        (b'{"schemaVersion":2} x', "manifest: not a JSON document"),
        (b'{"a":NaN}', "manifest: not a JSON document: NaN"),
        (b'{"a":-Infinity}', "manifest: not a JSON document"),
        (b'{"a":1e999}', "manifest: not a JSON document: 1e999 is out of range"),
        (b'{"a":' + b"9" * 5000 + b"}", "manifest: not a JSON document"),
        (b'{"a":"\\ud800"}', "manifest: not a JSON document"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "manifest: nested more than 64 deep"),
        (b'{"a":' + b"[" * 1_000_000, "manifest: nested more than 64 deep"),
        (b'{"a":' * 1_000_00, "manifest: nested more than 64 deep"),
        (b" " * (fields.MAX_BYTES + 1), "manifest: 4194305 bytes are more than the limit"),
        (b"{}", "manifest.schemaVersion is 0, not 2"),
        (raw({**DOC, "schemaVersion": "2"}), "manifest.schemaVersion is a string"),
        (raw({**DOC, "mediaType": media_types.OCI_INDEX}), "manifest.mediaType is"),
        (raw({**DOC, "manifests": [CONFIG]}), "manifest has the field 'manifests', which makes it ambiguous"),
        (raw({**DOC, "fsLayers": [1]}), "manifest has the field 'fsLayers'"),
        (raw({**DOC, "config": None}), "manifest.config is missing"),
        (raw({**DOC, "config": []}), "manifest.config is an array"),
        (raw({**DOC, "layers": {}}), "manifest.layers is an object"),
        (raw({**DOC, "layers": [LAYER, 7]}), "manifest.layers[1] is a number, not an object"),
        (raw({**DOC, "layers": [LAYER, {**LAYER, "size": -2}]}), "manifest.layers[1].size is negative: -2"),
        (raw({**DOC, "annotations": {"a": None}}), "manifest.annotations['a'] is null, not a string"),
    ],
)
def test_hostile_manifests(text: bytes, words: str) -> None:
    with pytest.raises(Corrupt) as caught:
        read_everything(Manifest(text))
    assert str(caught.value).startswith(words)


def test_hostile_indexes() -> None:
    for key in ("config", "layers"):
        with pytest.raises(Corrupt, match="ambiguous"):
            read_everything(Index(raw({**INDEX, key: DOC[key]})))
    with pytest.raises(Corrupt, match=r"index.manifests\[1\].digest is missing"):
        read_everything(Index(raw({**INDEX, "manifests": [LAYER, {**LAYER, "digest": ""}]})))


def test_depth_that_is_allowed() -> None:
    assert Manifest(b'{"schemaVersion":2,"a":' + b"[" * 63 + b"]" * 63 + b"}").doc["schemaVersion"] == 2
    many = raw({**DOC, "layers": [LAYER] * 2000})
    assert len(Manifest(many).layers) == 2000


def read_everything(doc: Manifest | Index) -> None:
    for name in ("digest", "doc", "config", "layers", "manifests", "annotations", "artifact_type", "subject"):
        getattr(doc, name, None)
    doc.descriptor()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def paths(doc: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = doc.items() if isinstance(doc, dict) else enumerate(doc) if isinstance(doc, list) else ()
    return [at, *(p for key, item in inner for p in paths(item, (*at, key)))]


@settings(max_examples=400)
@given(st.sampled_from([DOC, INDEX]), st.data())
def test_any_field_may_be_anything(doc: dict[str, Any], data: st.DataObject) -> None:
    changed = copy.deepcopy(doc)
    *above, key = data.draw(st.sampled_from(paths(doc)[1:]))
    target: Any = changed
    for step in above:
        target = target[step]
    target[key] = data.draw(JSON)
    no_error_but_ours(raw(changed))


@settings(max_examples=400)
@given(st.sampled_from([raw(DOC), raw(INDEX)]), st.data())
def test_any_byte_may_be_anything(text: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 8, len(text))))
    no_error_but_ours(text[:start] + data.draw(st.binary(max_size=4)) + text[end:])


def no_error_but_ours(text: bytes) -> None:
    try:
        found = manifest.parse(text)
        read_everything(found)
        found.with_fields(annotations={"a": "b"})
    except Error:
        pass


def test_media_types() -> None:
    for name, kind in (("INDEXES", "index"), ("MANIFESTS", "manifest"), ("CONFIGS", "config"), ("LAYERS", "layer")):
        for media_type in getattr(media_types, name):
            checks = [
                k for k in ("index", "manifest", "config", "layer") if getattr(media_types, f"is_{k}")(media_type)
            ]
            assert checks == [kind]
    assert media_types.compression_of(media_types.OCI_LAYER) == "none"
    assert media_types.compression_of(media_types.OCI_LAYER_ZSTD) == "zstd"
    assert media_types.compression_of(media_types.DOCKER_LAYER_GZIP) == "gzip"
    assert media_types.compression_of("") == "none"
    assert media_types.layer_type("gzip", media_types.DOCKER_MANIFEST) == media_types.DOCKER_LAYER_GZIP
    assert media_types.layer_type("none") == media_types.OCI_LAYER
    assert media_types.same_family(media_types.DOCKER_CONFIG, media_types.OCI_MANIFEST) == media_types.OCI_CONFIG
    assert media_types.same_family("a/b", media_types.DOCKER_MANIFEST) == "a/b"
    assert media_types.is_foreign(media_types.DOCKER_FOREIGN_LAYER_GZIP)
