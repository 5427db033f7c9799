"""Image: a lazy view of one manifest in any source, and the verbs that make new images from old ones.

A changed image is a new view over the same source: only its manifest and config are new bytes, layers are not touched.
"""

from __future__ import annotations

from scow.errors import Corrupt, Invalid
from scow.oci import fields, media_types
from scow.oci.config import History, ImageConfig
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.graph import document
from scow.oci.lazy import lazy
from scow.oci.manifest import Index, Manifest
from scow.oci.overlay import Nowhere, Overlay, constant
from scow.oci.verify import read, verified
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import BinaryIO

    from scow.oci.platform import Platform
    from scow.oci.protocols import Opener

MAX_LAYERS = 4096
"""More than any snapshotter can stack; overlay's own limit is 500."""


@value
class Layer:
    """One layer of an image."""

    descriptor: Descriptor
    diff_id: Digest
    """Digest of the uncompressed tar."""
    open: Callable[[], BinaryIO]
    """The blob as the descriptor names it, so compressed if its media type says so; verified while read."""
    history: History | None = None
    """How it came about, if that is known."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self.diff_id)

    def _key(self) -> tuple[object, ...]:
        return (self.descriptor, self.diff_id, self.history)


@value
class Image:
    """One image: ``root`` is its manifest's descriptor (``graph.select`` finds that in an index)."""

    source: Opener
    root: Descriptor

    @lazy
    def manifest(self) -> Manifest:
        """The manifest; Invalid if the root is an index."""
        found = document(self.source, self.root)
        if isinstance(found, Index):
            raise Invalid(f"{self.root.digest} is an index of images", "choose one of them by its platform")
        return found

    @lazy
    def config(self) -> ImageConfig:
        """The configuration; Invalid if this is no image but some other artifact."""
        found = self.manifest.config
        if not media_types.is_config(found.media_type):
            raise Invalid(f"{self.root.digest} is no image: its config is {found.media_type!r}")
        return ImageConfig(read(self.source, found))

    @property
    def id(self) -> Digest:
        """Digest of the configuration, which docker calls the image id."""
        return self.manifest.config.digest

    @lazy
    def layers(self) -> tuple[Layer, ...]:
        """The layers, bottom first; Corrupt unless manifest and config name equally many."""
        found, ids = self.manifest.layers, self.config.diff_ids
        if len(found) != len(ids):
            raise Corrupt(f"{self.root.digest}: the manifest has {len(found)} layers, the config {len(ids)} diff ids")
        if len(found) > MAX_LAYERS:
            raise Corrupt(f"{self.root.digest}: {len(found)} layers are more than the limit of {MAX_LAYERS}")
        made = [entry for entry in self.config.history if not entry.empty_layer]
        history = made if len(made) == len(found) else [None] * len(found)
        return tuple([self._layer(*facts) for facts in zip(found, ids, history, strict=True)])

    def _layer(self, descriptor: Descriptor, diff_id: Digest, history: History | None) -> Layer:
        return Layer(descriptor, diff_id, lambda: verified(self.source.open(descriptor), descriptor), history)


def chain_ids(diff_ids: Iterable[Digest]) -> tuple[Digest, ...]:
    """The chain id of every stack of layers, lowest first (OCI image-spec config.md, "Layer ChainID")."""
    chain: list[Digest] = []
    for diff_id in diff_ids:
        chain.append(Digest.of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)


def empty(platform: Platform, media_type: str = media_types.OCI_MANIFEST) -> Image:
    """An image without layers, of the OCI family or docker's: what ``FROM scratch`` begins with."""
    config = ImageConfig.of(platform)
    config_type = media_types.same_family(media_types.OCI_CONFIG, media_type)
    blob = Descriptor(config_type, config.digest, len(config.raw))
    manifest = Manifest.of(blob, (), media_type)
    own = {config.digest: constant(config.raw), manifest.digest: constant(manifest.raw)}
    return Image(Overlay(Nowhere(), own), manifest.descriptor())


def append(image: Image, *layers: Layer) -> Image:
    """The image with ``layers`` on top. Layer types are put into the family (OCI or docker) of the manifest."""
    if not layers:
        return image
    # History has an entry per layer or none; where the base says nothing, empty entries keep the rest aligned.
    said = [entry for entry in image.config.history if not entry.empty_layer]
    blanks = [History()] * max(len(image.config.diff_ids) - len(said), 0)
    known = any(layer.history for layer in layers) or bool(image.config.history)
    added = [*blanks, *(layer.history or History() for layer in layers)] if known else []
    config = image.config.with_layers([layer.diff_id for layer in layers], added)
    kind = image.manifest.media_type
    fresh = [
        {**la.descriptor.to_json(), "mediaType": media_types.same_family(la.descriptor.media_type, kind)}
        for la in layers
    ]
    stack = [*fields.objects(image.manifest.doc, "layers", "manifest"), *fresh]
    return _changed(image, config, {"layers": stack}, {la.descriptor.digest: la.open for la in layers})


def with_config(image: Image, config: ImageConfig) -> Image:
    """The image with another configuration; Invalid unless it names the same layers."""
    if config.diff_ids != image.config.diff_ids:
        raise Invalid(f"the new config of {image.root.digest} names other layers", "append adds layers")
    return _changed(image, config, {}, {})


def _changed(
    image: Image,
    config: ImageConfig,
    changes: Mapping[str, object],
    blobs: Mapping[Digest, Callable[[], BinaryIO]],
) -> Image:
    old = image.manifest.config
    blob = Descriptor(old.media_type, config.digest, len(config.raw), None, old.annotations, extra=old.extra)
    manifest = image.manifest.with_fields(config=blob, **changes)
    own = {**blobs, config.digest: constant(config.raw), manifest.digest: constant(manifest.raw)}
    root = Descriptor(manifest.media_type, manifest.digest, len(manifest.raw), image.root.platform)
    return Image(Overlay(image.source, own), root)
