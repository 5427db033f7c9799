"""Small images for tests."""

from __future__ import annotations

import io

from scow.oci import image, media_types
from scow.oci.config import History
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.image import Image, Layer
from scow.oci.manifest import Index
from scow.oci.platform import Platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.oci.memory import Memory

AMD64 = Platform("linux", "amd64")


def layer(data: bytes, media_type: str = media_types.OCI_LAYER) -> Layer:
    blob = Descriptor.of(media_type, data)
    return Layer(blob, blob.digest, lambda: io.BytesIO(data), History(created_by=f"make {len(data)}"))


def sample(*contents: bytes, platform: Platform = AMD64) -> Image:
    return image.append(image.empty(platform), *(layer(c) for c in contents))


def kept(memory: Memory, *images: Image) -> list[Descriptor]:
    """Put images into memory without ``copy``, and say where their manifests are."""
    for im in images:
        for blob in (im.manifest.config, *im.manifest.layers, im.root):
            memory.put(blob, im.source.open(blob))
    return [im.root for im in images]


def index(memory: Memory, *images: Image, platforms: bool = True) -> Descriptor:
    """Put images and an index of them into memory."""
    entries = []
    for root, im in zip(kept(memory, *images), images, strict=True):
        platform = im.config.platform if platforms else None
        entries.append(Descriptor(root.media_type, root.digest, root.size, platform))
    return memory.add(media_types.OCI_INDEX, Index.of(entries).raw)


def missing(text: str) -> Descriptor:
    return Descriptor(media_types.OCI_LAYER, Digest.of(text.encode()), len(text))
