"""Local: the images on this machine as one end of ``scow.oci.copy``: content together with names (Source and Sink)."""

from __future__ import annotations

from scow.errors import Invalid, NotFound
from scow.oci import graph, media_types
from scow.oci.config import ImageConfig
from scow.oci.manifest import Manifest
from scow.oci.platform import Platform, host
from scow.oci.reference import Reference
from scow.oci.verify import read
from scow.store import images, usage
from scow.store.content import layer_content_size
from scow.store.images import ImageRecord
from scow.store.timestamps import parse_rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.store.content import Content
    from scow.store.paths import Paths
    from scow.store.state import State


class Local:
    """Source and Sink over one store; names are read as docker reads them (``busybox`` is in docker.io/library)."""

    def __init__(self, paths: Paths, content: Content, state: State, platform: Platform | None = None) -> None:
        self._paths = paths
        self._content = content
        self._state = state
        self._platform = platform

    def resolve(self, name: str) -> Descriptor:
        """The root that a reference, or the manifest that an id or its beginning, stands for. NotFound, Invalid."""
        try:
            return images.resolve(self._state, Reference.parse(name))
        except (NotFound, Invalid):
            return images.find(self._state, name).manifest

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``, verified while they are read."""
        return self._content.open(blob)

    def has(self, blob: Descriptor) -> bool:
        """Whether ``blob`` is here."""
        return self._content.has(blob)

    def put(self, blob: Descriptor, content: BinaryIO) -> None:
        """Keep ``content`` as ``blob``."""
        self._content.put(blob, content)

    def tag(self, name: str, root: Descriptor) -> None:
        """Let ``name`` stand for ``root``, and enter its image for this machine's platform, if it has one."""
        reference = Reference.parse(name)
        if self._content.size(root.digest) != root.size:
            raise NotFound(f"manifest {root.digest} is not in the store")
        images.tag(self._state, reference, self.enter(root), root)

    def enter(self, root: Descriptor, parent: Digest | None = None) -> Digest | None:
        """Enter the row of the image of ``root`` for the chosen platform, without naming it; its id.

        None where ``root`` is an index without a manifest for the platform, or no manifest at all.
        """
        platform = self._platform or host()
        try:
            chosen = graph.select(self._content, root, platform)
        except NotFound:
            return None
        if not media_types.is_manifest(chosen.media_type) or self._content.size(chosen.digest) != chosen.size:
            return None
        record = summary(self._content, chosen, parent)
        if record.diff_ids:
            record = with_size(self._paths, self._state, record)
        images.put(self._state, record)
        return record.id


def summary(content: Content, node: Descriptor, parent: Digest | None = None) -> ImageRecord:
    """The row of the image whose manifest is ``node``; its size is that of the blobs as the manifest lists them."""
    document = graph.document(content, node)
    assert isinstance(document, Manifest)
    size = sum(layer.size for layer in document.layers)
    if not media_types.is_config(document.config.media_type):
        return ImageRecord(node.digest, node, None, 0, size, "unknown", {}, ())
    config = ImageConfig(read(content, document.config))
    created = parse_rfc3339(config.created)
    platform = str(config.platform)
    return ImageRecord(config.digest, node, parent, created, size, platform, config.labels, config.diff_ids)


def with_size(paths: Paths, state: State, record: ImageRecord) -> ImageRecord:
    """``record`` with the size of the files in its layers, where all of them are in the layer store or remembered."""
    from scow.values import replace

    remembered = usage.sizes(state)
    total = 0
    for diff_id in record.diff_ids:
        known = layer_content_size(paths, diff_id)
        if known is None and str(diff_id) in remembered:
            known = remembered[str(diff_id)][0]
        if known is None:
            return record
        total += known
    return replace(record, size=total)
