"""``import``: a root file system's tar becomes an image of one layer."""

from __future__ import annotations

import time

from scow.engine.register import register
from scow.errors import Invalid
from scow.oci import platform as platforms
from scow.oci.config import History, ImageConfig
from scow.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.engine.images import ImportRequest
    from scow.store.store import Store


def import_rootfs(store: Store, request: ImportRequest) -> str:
    """Make the image; its id. Errors: Invalid (reference, changes), Corrupt (the archive)."""
    from scow.store.timestamps import format_rfc3339
    from scow.wire.compress import decompress

    reference = Reference.parse(request.reference) if request.reference else None
    if reference is not None and reference.digest:
        raise Invalid("refusing to create a tag with a digest reference")
    chosen = platforms.Platform.parse(request.platform) if request.platform else platforms.host()
    config = ImageConfig.of(chosen)
    if request.changes:
        from scow.engine.changes import apply

        config = apply(config, request.changes)
    with store.leases.acquire("import") as lease:
        layer = store.layers.ingest(decompress(request.stream))
        from scow.store import leases

        lease.add(leases.layer(layer.diff_id))
        created = format_rfc3339(time.time_ns() if request.created is None else request.created * 10**9)
        entry = History(created=created, comment=request.message or "Imported from -")
        config = config.with_layers([layer.diff_id], [entry]).with_changes(created=created)
        return str(register(store, lease, config, [layer.size], reference))
