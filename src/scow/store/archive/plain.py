"""Images as ``save`` gives them out: with their layers uncompressed, straight from the layer store.

A layer's blob is then the very file the store keeps, its digest the diff id, so a save is one sequential copy and the
loader decompresses nothing. The image id, the config's digest, is the same; the manifest's digest is another.
"""

from __future__ import annotations

from scow.oci import graph, media_types
from scow.oci.config import ImageConfig
from scow.oci.descriptor import Descriptor
from scow.oci.manifest import Manifest
from scow.oci.overlay import Overlay, constant
from scow.oci.verify import read
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from scow.oci.digest import Digest
    from scow.oci.protocols import Opener


class Plain:
    """An opener over ``source`` that also has the manifests :meth:`convert` makes."""

    def __init__(self, source: Opener, layer_size: Callable[[Digest], int | None]) -> None:
        self._source = source
        self._layer_size = layer_size
        self._made: dict[Digest, Callable[[], BinaryIO]] = {}

    def convert(self, root: Descriptor) -> Descriptor:
        """The manifest of the same image with uncompressed layers; ``root`` itself where that cannot be had.

        It cannot if ``root`` is an index or no image, or if some layer is not in the layer store.
        """
        document = graph.document(self._source, root) if media_types.is_manifest(root.media_type) else None
        if not isinstance(document, Manifest) or not media_types.is_config(document.config.media_type):
            return root
        diff_ids = ImageConfig(read(self._source, document.config)).diff_ids
        sizes = [self._layer_size(diff_id) for diff_id in diff_ids]
        layers = [Descriptor(_TYPE, d, size) for d, size in zip(diff_ids, sizes, strict=True) if size is not None]
        if len(layers) < len(diff_ids) or len(diff_ids) != len(document.layers):
            return root
        if [layer.digest for layer in layers] == [layer.digest for layer in document.layers]:
            return root
        kind = media_types.same_family(_TYPE, document.media_type)
        made = document.with_fields(layers=[replace(layer, media_type=kind) for layer in layers])
        self._made[made.digest] = constant(made.raw)
        return made.descriptor()

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``."""
        return Overlay(self._source, self._made).open(blob)


_TYPE = media_types.OCI_LAYER
