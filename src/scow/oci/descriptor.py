"""Descriptor: a typed pointer to content (OCI image-spec, descriptor.md)."""

from __future__ import annotations

from scow.errors import Corrupt, Invalid
from scow.oci import fields
from scow.oci.digest import Digest
from scow.oci.platform import Platform
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

_NOTHING: Mapping[str, Any] = {}
_KNOWN = frozenset(("mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"))


@value
class Descriptor:
    """What some content is, its digest and its size in bytes; equal ones point to the same thing in the same words."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = _NOTHING
    urls: tuple[str, ...] = ()
    artifact_type: str | None = None
    data: bytes | None = None
    """The content itself, where the document embeds it."""
    extra: Mapping[str, Any] = _NOTHING
    """Fields this version does not know, kept for ``to_json``."""

    def __post_init__(self) -> None:
        if self.size < 0:
            raise Invalid(f"size of {self.digest} is negative: {self.size}")

    @classmethod
    def of(cls, media_type: str, data: bytes) -> Self:
        """The descriptor of ``data``."""
        return cls(media_type, Digest.of(data), len(data))

    @classmethod
    def from_json(cls, doc: Mapping[str, Any], where: str = "descriptor") -> Self:
        """Read a JSON object; Corrupt names the field that is wrong, beginning with ``where``."""
        platform = fields.mapping(doc, "platform", where)
        known = Platform.from_json(platform, f"{where}.platform") if platform else None
        return cls(
            _required(doc, "mediaType", where),
            digest(doc, "digest", where),
            _size(doc, where),
            known,
            fields.text_map(doc, "annotations", where) or _NOTHING,
            fields.texts(doc, "urls", where),
            fields.text(doc, "artifactType", where) or None,
            _data(doc, where),
            {k: v for k, v in doc.items() if k not in _KNOWN} or _NOTHING,
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON object, fields in the specification's order, unknown ones last."""
        doc: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.urls:
            doc["urls"] = list(self.urls)
        if self.annotations:
            doc["annotations"] = dict(sorted(self.annotations.items()))
        if self.data is not None:
            import binascii

            doc["data"] = binascii.b2a_base64(self.data, newline=False).decode()
        if self.platform:
            doc["platform"] = self.platform.to_json()
        if self.artifact_type:
            doc["artifactType"] = self.artifact_type
        doc.update(self.extra)
        return doc

    def __hash__(self) -> int:
        return hash(self.digest.hex)


def digest(doc: Mapping[str, Any], key: str, where: str) -> Digest:
    """A field that must hold a digest."""
    try:
        return Digest.parse(_required(doc, key, where))
    except Invalid as error:
        raise Corrupt(f"{where}.{key}: {error}") from None


def _required(doc: Mapping[str, Any], key: str, where: str) -> str:
    found = fields.text(doc, key, where)
    if not found:
        raise Corrupt(f"{where}.{key} is missing")
    return found


def _size(doc: Mapping[str, Any], where: str) -> int:
    if doc.get("size") is None:
        raise Corrupt(f"{where}.size is missing")
    size = fields.integer(doc, "size", where)
    if size < 0:
        raise Corrupt(f"{where}.size is negative: {size}")
    return size


def _data(doc: Mapping[str, Any], where: str) -> bytes | None:
    encoded = fields.text(doc, "data", where)
    if not encoded:
        return None
    import binascii

    try:
        data = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise Corrupt(f"{where}.data: {error}") from None
    named = digest(doc, "digest", where)
    found = Digest.of(data, named.algorithm)
    if found != named:
        raise Corrupt(f"{where}.data is {found}, not {named}")
    return data
