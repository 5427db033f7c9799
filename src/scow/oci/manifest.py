"""Manifest and Index: the documents that tie content together (OCI image-spec manifest.md, image-index.md).

The raw bytes are the truth: the digest is theirs, they are what is stored and sent, and fields are a reading of them,
checked when they are read. Docker's schema 2 forms have the same fields under other media types.
"""

from __future__ import annotations

from scow.errors import Corrupt, Unsupported
from scow.oci import fields, media_types
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.lazy import lazy
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Self


@value
class Manifest:
    """One image or artifact: a config and layers."""

    raw: bytes
    media_type: str = media_types.OCI_MANIFEST

    @classmethod
    def of(cls, config: Descriptor, layers: Iterable[Descriptor], media_type: str = media_types.OCI_MANIFEST) -> Self:
        """A new manifest; ``with_fields`` adds what else it should say."""
        doc = {"config": config.to_json(), "layers": [layer.to_json() for layer in layers]}
        return cls(fields.dumps({"schemaVersion": 2, "mediaType": media_type, **doc}), media_type)

    @lazy
    def digest(self) -> Digest:
        """Digest of the raw bytes."""
        return Digest.of(self.raw)

    @lazy
    def doc(self) -> dict[str, Any]:
        """The whole document; treat as read-only."""
        return _document(self.raw, self.media_type, "manifest", foreign=("manifests", "fsLayers"))

    @lazy
    def config(self) -> Descriptor:
        """The config blob."""
        found = fields.mapping(self.doc, "config", "manifest")
        if not found:
            raise Corrupt("manifest.config is missing")
        return Descriptor.from_json(found, "manifest.config")

    @lazy
    def layers(self) -> tuple[Descriptor, ...]:
        """The layers, bottom first."""
        return _descriptors(self.doc, "layers", "manifest")

    @property
    def annotations(self) -> dict[str, str]:
        """Annotations, {} if there are none."""
        return fields.text_map(self.doc, "annotations", "manifest")

    @property
    def artifact_type(self) -> str:
        """What kind of artifact this is, "" for plain images."""
        return fields.text(self.doc, "artifactType", "manifest")

    @property
    def subject(self) -> Descriptor | None:
        """The manifest this one says something about, if any."""
        return _subject(self.doc, "manifest")

    def descriptor(self) -> Descriptor:
        """The pointer to this document."""
        return Descriptor(self.media_type, self.digest, len(self.raw))

    def with_fields(self, **changes: object) -> Manifest:
        """A new document with some fields replaced (None removes one) and all others kept."""
        return Manifest(fields.dumps(_changed(self.doc, changes)), self.media_type)


@value
class Index:
    """Several manifests under one name, one per platform; also docker's manifest list."""

    raw: bytes
    media_type: str = media_types.OCI_INDEX

    @classmethod
    def of(cls, manifests: Iterable[Descriptor], media_type: str = media_types.OCI_INDEX) -> Self:
        """A new index."""
        doc = {"manifests": [m.to_json() for m in manifests]}
        return cls(fields.dumps({"schemaVersion": 2, "mediaType": media_type, **doc}), media_type)

    @lazy
    def digest(self) -> Digest:
        """Digest of the raw bytes."""
        return Digest.of(self.raw)

    @lazy
    def doc(self) -> dict[str, Any]:
        """The whole document; treat as read-only."""
        return _document(self.raw, self.media_type, "index", foreign=("config", "layers", "fsLayers"))

    @lazy
    def manifests(self) -> tuple[Descriptor, ...]:
        """What the index lists, in its order."""
        return _descriptors(self.doc, "manifests", "index")

    @property
    def annotations(self) -> dict[str, str]:
        """Annotations, {} if there are none."""
        return fields.text_map(self.doc, "annotations", "index")

    @property
    def artifact_type(self) -> str:
        """What kind of artifact this is, "" for plain images."""
        return fields.text(self.doc, "artifactType", "index")

    @property
    def subject(self) -> Descriptor | None:
        """The manifest this index says something about, if any."""
        return _subject(self.doc, "index")

    def descriptor(self) -> Descriptor:
        """The pointer to this document."""
        return Descriptor(self.media_type, self.digest, len(self.raw))

    def with_fields(self, **changes: object) -> Index:
        """A new document with some fields replaced (None removes one) and all others kept."""
        return Index(fields.dumps(_changed(self.doc, changes)), self.media_type)


def parse(raw: bytes, media_type: str = "") -> Manifest | Index:
    """The document in ``raw``. Without ``media_type`` (docker and old tools may not say) its own fields decide."""
    media_type = media_type or _sniff(raw)
    if media_types.is_index(media_type):
        return Index(raw, media_type)
    if media_types.is_manifest(media_type):
        return Manifest(raw, media_type)
    if media_type in (media_types.DOCKER_SCHEMA1, media_types.DOCKER_SCHEMA1_SIGNED):
        raise Unsupported(
            "image manifest version 2, schema 1 is not supported", "push the image again with a newer tool"
        )
    raise Corrupt(f"{media_type!r} is no media type of a manifest or index")


def _sniff(raw: bytes) -> str:
    doc = fields.loads(raw, "manifest")
    said = fields.text(doc, "mediaType", "manifest")
    if said:
        return said
    if fields.integer(doc, "schemaVersion", "manifest") == 1:
        return media_types.DOCKER_SCHEMA1
    return media_types.OCI_INDEX if "manifests" in doc else media_types.OCI_MANIFEST


def _document(raw: bytes, media_type: str, what: str, foreign: tuple[str, ...]) -> dict[str, Any]:
    doc = fields.loads(raw, what)
    version = fields.integer(doc, "schemaVersion", what)
    if version != 2:
        raise Corrupt(f"{what}.schemaVersion is {version}, not 2")
    said = fields.text(doc, "mediaType", what)
    if said and said != media_type:
        raise Corrupt(f"{what}.mediaType is {said!r}, but the document came as {media_type!r}")
    for key in foreign:
        if doc.get(key):
            # One that reads as both would be a different image to different tools: CVE-2021-41190.
            raise Corrupt(f"{what} has the field {key!r}, which makes it ambiguous")
    return doc


def _descriptors(doc: Mapping[str, Any], key: str, what: str) -> tuple[Descriptor, ...]:
    found = fields.objects(doc, key, what)
    return tuple([Descriptor.from_json(item, f"{what}.{key}[{i}]") for i, item in enumerate(found)])


def _subject(doc: Mapping[str, Any], what: str) -> Descriptor | None:
    found = fields.mapping(doc, "subject", what)
    return Descriptor.from_json(found, f"{what}.subject") if found else None


def _changed(doc: Mapping[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    merged = {**doc, **{key: _plain(item) for key, item in changes.items()}}
    return {key: item for key, item in merged.items() if item is not None}


def _plain(item: object) -> object:
    if isinstance(item, Descriptor):
        return item.to_json()
    if isinstance(item, (tuple, list)):
        return [_plain(inner) for inner in item]
    return item
