"""What becomes of a result: an image in the store, or files of the user's.

The image's configuration is the frontend's; here it gets the layers' diff ids and the times of its history. Layers
stay uncompressed: the store keeps them so, and whoever pushes compresses. With SOURCE_DATE_EPOCH all times are that,
so the same inputs give the same digests. Media types are OCI's unless docker's are asked for.
"""

from __future__ import annotations

import io
import os
import time

from scow import errors
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from scow.build.world import World
    from scow.oci.config import ImageConfig
    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.store.local import Local


@value
class Built:
    """An image to be exported: ``layers`` bottom first; ``config`` the frontend's document; ``epoch`` in seconds."""

    layers: tuple[Digest, ...]
    config: Mapping[str, Any]
    epoch: int | None = None
    docker: bool = False
    annotations: tuple[tuple[str, str], ...] = ()


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC as Go writes it: nanoseconds where there are any."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    part = f"{seconds % 1:.9f}"[1:].rstrip("0").rstrip(".")
    return f"{whole}{part}Z"


def finished_config(built: Built, made: Sequence[float]) -> ImageConfig:
    """The configuration with its layers, and with as many history entries for layers as there are.

    ``made``: when each layer was made (seconds), which is what the history says unless there is an epoch. So a build
    that was all in the cache gives the same image again, as BuildKit's does.
    """
    from scow.oci import fields
    from scow.oci.config import ImageConfig

    doc = dict(built.config)
    times = [timestamp(t if built.epoch is None else built.epoch) for t in made]
    history = _fitted([dict(h) for h in doc.get("history") or []], len(built.layers))
    at = -1
    for entry in history:
        at += not entry.get("empty_layer")
        if times:
            entry.setdefault("created", times[max(at, 0)])
    now = times[-1] if times else timestamp(built.epoch or 0)
    doc["history"] = history
    doc["rootfs"] = {"type": "layers", "diff_ids": [str(d) for d in built.layers]}
    doc["created"] = max((h.get("created", now) for h in history), default=now) if built.epoch is None else now
    return ImageConfig(fields.dumps(dict(sorted(doc.items()))))


def _fitted(history: list[dict[str, Any]], layers: int) -> list[dict[str, Any]]:
    """As BuildKit's ``normalizeLayersAndHistory``: entries for layers beyond those there are become empty ones,
    missing ones are added.
    """
    made = 0
    for entry in history:
        if entry.get("empty_layer"):
            continue
        if made == layers:
            entry["empty_layer"] = True
        else:
            made += 1
    added = {"created_by": "scow build", "comment": "buildkit.exporter.image.v0"}
    return history + [dict(added) for _ in range(layers - made)]


def put_image(
    built: Built, world: World, names: Sequence[str] = (), *, enter: bool = True
) -> tuple[Descriptor, ImageConfig]:
    """Store the image and let ``names`` stand for it; with ``enter`` it is listed even without a name.

    Nothing is named before all of it is there.
    """
    from scow.oci import media_types
    from scow.oci.descriptor import Descriptor
    from scow.oci.manifest import Manifest

    local: Local = world.store.local(world.lease)
    config = finished_config(built, [_made(world, d) for d in built.layers])
    kind = media_types.DOCKER_CONFIG if built.docker else media_types.OCI_CONFIG
    layer_kind = media_types.DOCKER_LAYER if built.docker else media_types.OCI_LAYER
    config_blob = Descriptor.of(kind, config.raw)
    layers = [Descriptor(layer_kind, d, int(world.layers.layers.meta(d)["size"])) for d in built.layers]
    root_kind = media_types.DOCKER_MANIFEST if built.docker else media_types.OCI_MANIFEST
    manifest = Manifest.of(config_blob, layers, root_kind)
    if built.annotations:
        manifest = manifest.with_fields(annotations=dict(built.annotations))
    root = manifest.descriptor()
    for blob, raw in ((config_blob, config.raw), (root, manifest.raw)):
        if not local.has(blob):  # an image from the cache is there already: nothing is written and synced again
            local.put(blob, io.BytesIO(raw))
    for name in names:
        local.tag(name, root)
    if enter and not names:
        local.enter(root)
    return root, config


def _made(world: World, layer: Digest) -> float:
    """When a layer came into the store."""
    return os.stat(world.store.paths.layer_meta(layer)).st_mtime


def refuse_unknown(kind: str) -> errors.Error:
    """An output that there is none of."""
    return errors.Unsupported(f"--output type={kind}", hint="one of image, docker, oci, local, tar, cacheonly")
