"""``commit``: what a container has changed becomes a layer on its image."""

from __future__ import annotations

import contextlib
import time

from scow.engine.container import states
from scow.engine.container.scaffold import scaffold
from scow.engine.register import register
from scow.errors import NotFound
from scow.oci.config import History, ImageConfig
from scow.oci.digest import Digest
from scow.oci.reference import Reference
from scow.store import images as image_rows
from scow.store import leases
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from scow.engine.images import Images
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store

# What of a container's Config is about this container and not about those to come of the image.
_OWN = (
    "Hostname",
    "Domainname",
    "AttachStdin",
    "AttachStdout",
    "AttachStderr",
    "Tty",
    "OpenStdin",
    "StdinOnce",
    "Image",
)


@value
class CommitRequest:
    """All of ``docker commit`` but the container; ``reference`` "" leaves the image without a name."""

    reference: str = ""
    author: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    pause: bool = True


def commit(store: Store, images: Images, record: ContainerRecord, request: CommitRequest) -> str:
    """Make the image; its id. Invalid (reference, changes); NotFound if the container's image is gone."""
    from scow.engine.changes import apply
    from scow.store.timestamps import format_rfc3339

    reference = Reference.parse(request.reference) if request.reference else None
    with store.leases.acquire("commit") as lease:
        base = _base(store, record)
        old = images.config(base)
        config = apply(_configured(old, record.config["Config"]), request.changes)
        with _at_rest(store, record, pause=request.pause):
            left = frozenset([path.encode() for path in scaffold(store, record)])
            layer = store.layers.commit(record.id, skip=left)
        lease.add(leases.layer(layer.diff_id), *(leases.layer(d) for d in base.diff_ids))
        created = format_rfc3339(time.time_ns())
        by = " ".join(record.config["Config"].get("Cmd") or ())
        entry = History(created=created, created_by=by, author=request.author, comment=request.message)
        config = config.with_layers([layer.diff_id], [entry]).with_changes(created=created)
        if request.author:
            config = config.with_changes(author=request.author)
        sizes = [_size(store, d) for d in base.diff_ids]
        return str(register(store, lease, config, [*sizes, layer.size], reference, base.id))


def _base(store: Store, record: ContainerRecord) -> image_rows.ImageRecord:
    try:
        return image_rows.get(store.state, Digest.parse(record.image))
    except NotFound:
        raise NotFound(f"the image of container {record.name} is gone: {record.image}") from None


def _configured(old: ImageConfig, config: dict[str, Any]) -> ImageConfig:
    """The image's configuration with the container's command, environment and so on in its place."""
    kept = {key: found for key, found in config.items() if key not in _OWN}
    return old.with_changes(config={key: found or None for key, found in kept.items()})


@contextlib.contextmanager
def _at_rest(store: Store, record: ContainerRecord, *, pause: bool) -> Iterator[None]:
    """Hold a running container still while its files are read."""
    from scow.engine.container import stop

    if not pause or states.read(store.paths, record.id).status != "running":
        yield
        return
    stop.pause(store, record)
    try:
        yield
    finally:
        stop.unpause(store, record)


def _size(store: Store, diff_id: Digest) -> int:
    layer = store.layers.layers.find(diff_id)
    if layer is None:
        raise NotFound(f"layer {diff_id} is not here", hint="run scow system check")
    return int(layer.size)
