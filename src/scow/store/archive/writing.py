"""``save``: images as one tar, in the form of docker 25 and later.

It is an OCI layout, for containerd, podman, skopeo and new docker, and beside it has manifest.json for docker 1.10 on.
The same images give the same bytes: documents first, then blobs in the order of the graph; times and owners are zero.
"""

from __future__ import annotations

import io

from scow.errors import NotFound
from scow.oci import fields, graph, media_types
from scow.oci.config import ImageConfig
from scow.oci.manifest import Index, Manifest
from scow.oci.platform import host
from scow.oci.reference import Reference
from scow.oci.verify import read
from scow.store.archive.contents import blob_path
from scow.store.archive.oci_layout import LAYOUT, annotated
from scow.wire.tar import Entry, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.oci.protocols import Opener
    from scow.store.archive.contents import ArchiveImage

    class Out(Protocol):
        """Where the tar goes."""

        def write(self, data: bytes | memoryview, /) -> object:
            """Take all of ``data``."""


def save(out: Out, source: Opener, images: Sequence[ArchiveImage], *, docker: bool = True) -> None:
    """Write ``images`` with everything below their roots to ``out``, which is left open.

    ``docker=False`` leaves manifest.json and repositories out: a plain OCI archive. Layers are copied as they are;
    wrap ``source`` in ``plain.Plain`` for uncompressed ones. NotFound if ``source`` lacks a blob.
    """
    blobs: dict[Digest, Descriptor] = {}
    for image in images:
        _collect(source, image.root, blobs, graph.MAX_NESTING)
    writer = Writer(out)
    for name, raw in sorted(_documents(source, images, docker=docker).items()):
        writer.add(Entry(name.encode(), "file", 0o644, size=len(raw)), raw)
    for name in ("blobs", *sorted({f"blobs/{digest.algorithm}" for digest in blobs})):
        writer.add(Entry(name.encode(), "dir", 0o755))
    for digest, blob in blobs.items():
        with source.open(blob) as content:
            writer.add(Entry(blob_path(digest).encode(), "file", 0o644, size=blob.size), content)
    writer.close()


def _collect(source: Opener, node: Descriptor, blobs: dict[Digest, Descriptor], depth: int) -> None:
    if node.digest in blobs:
        return
    blobs[node.digest] = node
    if depth >= 0:
        for child in graph.children(source, node):
            if not media_types.is_foreign(child.media_type):
                _collect(source, child, blobs, depth - 1)


def _documents(source: Opener, images: Sequence[ArchiveImage], *, docker: bool) -> dict[str, bytes]:
    entries = [annotated(image.root, name) for image in images for name in (image.names or ("",))]
    found = {"oci-layout": LAYOUT, "index.json": Index.of(entries).raw}
    if docker:
        listed = [item for image in images if (item := _listed(source, image))]
        found["manifest.json"] = _array(listed)
        found["repositories"] = fields.dumps(_repositories(listed))
    return found


def _listed(source: Opener, image: ArchiveImage) -> dict[str, Any] | None:
    """The entry of manifest.json; None for what is no image. Of an index, the image of this machine's platform."""
    try:
        root = graph.select(source, image.root, host())
    except NotFound:
        return None
    document = graph.document(source, root)
    if not isinstance(document, Manifest) or not media_types.is_config(document.config.media_type):
        return None
    diff_ids = ImageConfig(read(source, document.config)).diff_ids
    return {
        "Config": blob_path(document.config.digest),
        "RepoTags": [Reference.parse(name).familiar() for name in image.names] or None,
        "Layers": [blob_path(layer.digest) for layer in document.layers],
        "LayerSources": {
            str(diff_id): {"mediaType": layer.media_type, "size": layer.size, "digest": str(layer.digest)}
            for diff_id, layer in zip(diff_ids, document.layers, strict=False)
        },
    }


def _array(documents: list[dict[str, Any]]) -> bytes:
    return b"[" + b",".join([fields.dumps(d) for d in documents]) + b"]\n"


def _repositories(listed: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """``{repository: {tag: top layer}}``, which docker still writes and podman still looks at."""
    found: dict[str, dict[str, str]] = {}
    for item in listed:
        for name in item["RepoTags"] or ():
            repository, _, tag = name.rpartition(":")
            top = item["Layers"][-1] if item["Layers"] else ""
            found.setdefault(repository, {})[tag] = top.rpartition("/")[2]
    return found


def to_bytes(source: Opener, images: Sequence[ArchiveImage], *, docker: bool = True) -> bytes:
    """The archive in memory; for small ones."""
    out = io.BytesIO()
    save(out, source, images, docker=docker)
    return out.getvalue()
