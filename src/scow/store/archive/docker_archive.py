"""Docker's archives with a manifest.json (docker 1.10 to 24, podman, skopeo, kaniko, bazel): a source.

They have no OCI manifests, so one is made for each image: config and layers as the archive has them. The image id,
the config's digest, stays what it was.
"""

from __future__ import annotations

import io
import json

from scow.errors import Corrupt, Invalid
from scow.oci import fields, media_types
from scow.oci.config import ImageConfig
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest, hasher
from scow.oci.manifest import Manifest
from scow.oci.overlay import Nowhere, Overlay, constant
from scow.oci.verify import verified
from scow.store.archive.contents import ArchiveImage, find, full_name
from scow.store.archive.files import document
from scow.values import value
from scow.wire.compress import decompress, detect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

    from scow.store.archive.files import Files

_CHUNK = 1 << 20


@value
class Item:
    """One image as the archive lists it: the bytes of its config, its layers' member names, its references."""

    config: bytes
    layers: tuple[str, ...]
    names: tuple[str, ...]


class DockerArchive:
    """A source over ``files``, whose images are ``items``."""

    def __init__(self, files: Files, items: list[Item]) -> None:
        self.files = files
        self._layers: dict[str, Descriptor] = {}
        self._own: dict[Digest, Callable[[], BinaryIO]] = {}
        images: dict[Digest, ArchiveImage] = {}
        for item in items:
            root = self._manifest(item)
            names = images[root.digest].names if root.digest in images else ()
            images[root.digest] = ArchiveImage(root, tuple(dict.fromkeys((*names, *item.names))))
        self.images = tuple(images.values())
        self._opener = Overlay(Nowhere(), self._own)

    def resolve(self, name: str) -> Descriptor:
        """The manifest of the image with this reference or manifest digest. NotFound, Invalid."""
        return find(self.images, name, self.files.what)

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``, verified while they are read."""
        return verified(self._opener.open(blob), blob)

    def close(self) -> None:
        """Let go of the files."""
        self.files.close()

    def _manifest(self, item: Item) -> Descriptor:
        config = ImageConfig(item.config)
        diff_ids = config.diff_ids
        if len(diff_ids) != len(item.layers):
            raise Corrupt(
                f"{self.files.what}: invalid manifest, layers length mismatch: "
                f"expected {len(diff_ids)}, got {len(item.layers)}"
            )
        layers = [self._layer(name, diff_id) for name, diff_id in zip(item.layers, diff_ids, strict=True)]
        blob = Descriptor.of(media_types.OCI_CONFIG, item.config)
        manifest = Manifest.of(blob, layers)
        self._own[blob.digest] = constant(item.config)
        self._own[manifest.digest] = constant(manifest.raw)
        return manifest.descriptor()

    def _layer(self, name: str, diff_id: Digest) -> Descriptor:
        """The descriptor of a layer as it lies in the archive; only a compressed one has to be read for it."""
        with self.files.open(name) as f:
            kind = detect(f.read(6))
        if kind == "none":
            blob = Descriptor(media_types.OCI_LAYER, diff_id, self.files.size(name))
            self._own[diff_id] = lambda: self.files.open(name)
            return blob
        if name not in self._layers:
            self._layers[name] = self._compressed(name, kind, diff_id)
        return self._layers[name]

    def _compressed(self, name: str, kind: str, diff_id: Digest) -> Descriptor:
        if kind in ("gzip", "zstd"):
            digest, size = _measure(self.files.open(name))
            self._own[digest] = lambda: self.files.open(name)
            return Descriptor(media_types.layer_type(kind), digest, size)
        _, size = _measure(decompress(self.files.open(name)))  # no media type says xz or bzip2
        self._own[diff_id] = lambda: decompress(self.files.open(name))
        return Descriptor(media_types.OCI_LAYER, diff_id, size)


def read_manifest(files: Files) -> list[Item]:
    """The images that manifest.json lists. Corrupt names the field that is wrong."""
    found = []
    for i, entry in enumerate(array(document(files, "manifest.json"), f"{files.what}: manifest.json")):
        where = f"{files.what}: manifest.json[{i}]"
        config = fields.text(entry, "Config", where)
        if not config:
            raise Corrupt(f"{where}.Config is missing")
        names = tuple([_name(text, where) for text in fields.texts(entry, "RepoTags", where)])
        found.append(Item(document(files, config, fields.MAX_BYTES), fields.texts(entry, "Layers", where), names))
    return found


def array(raw: bytes, what: str) -> list[dict[str, Any]]:
    """The array of objects that a document is."""
    try:
        parsed = json.loads(raw.decode())
    except RecursionError:
        raise Corrupt(f"{what}: nested too deep") from None
    except ValueError as e:
        raise Corrupt(f"{what}: not a JSON document: {e}") from None
    return fields.objects({"images": parsed}, "images", what)


def _name(text: str, where: str) -> str:
    try:
        return full_name(text)
    except Invalid as e:
        raise Corrupt(f"{where}.RepoTags: {text!r}: {e}") from None


def _measure(stream: BinaryIO) -> tuple[Digest, int]:
    """Digest and size of a stream, which is closed."""
    state, size = hasher(), 0
    with io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream as f:
        while data := f.read(_CHUNK):
            state.update(data)
            size += len(data)
    return Digest("sha256", state.hexdigest()), size
