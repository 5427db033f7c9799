"""Enters an image made here: config and manifest into content, a row, a name. ``import`` and ``commit`` end here."""

from __future__ import annotations

import io

from scow.oci import media_types
from scow.oci.descriptor import Descriptor
from scow.oci.manifest import Manifest
from scow.store import images as rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from scow.oci.config import ImageConfig
    from scow.oci.digest import Digest
    from scow.oci.reference import Reference
    from scow.store.leases import Lease
    from scow.store.store import Store


def register(
    store: Store,
    lease: Lease,
    config: ImageConfig,
    sizes: Iterable[int],
    reference: Reference | None,
    parent: Digest | None = None,
) -> Digest:
    """Keep an image whose layers are in the layer store, uncompressed, with ``sizes`` in bytes; its id.

    ``lease`` keeps what is new alive until the row names it.
    """
    content = store.content.under(lease)
    config_blob = Descriptor(media_types.OCI_CONFIG, config.digest, len(config.raw))
    content.put(config_blob, io.BytesIO(config.raw))
    layers = tuple(
        Descriptor(media_types.OCI_LAYER, diff_id, size) for diff_id, size in zip(config.diff_ids, sizes, strict=True)
    )
    manifest = Manifest.of(config_blob, layers)
    root = Descriptor(media_types.OCI_MANIFEST, manifest.digest, len(manifest.raw))
    content.put(root, io.BytesIO(manifest.raw))
    store.local(lease).enter(root, parent)
    if reference is not None:
        rows.tag(store.state, reference, config.digest, root)
    return config.digest
