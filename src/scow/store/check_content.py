"""Checks of bytes: blobs and layers against their digests, images against their parts."""

from __future__ import annotations

import os
from functools import partial

from scow.errors import Corrupt, Error, NotFound
from scow.oci import graph, media_types
from scow.oci.digest import Digest, hasher
from scow.oci.manifest import Manifest
from scow.oci.reference import Reference
from scow.store import images as image_rows
from scow.store.content import layer_size
from scow.store.faults import Fault
from scow.store.gc import remove_tree
from scow.store.layers.points import is_mount, release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from scow.oci.descriptor import Descriptor
    from scow.store.faults import Finding
    from scow.store.images import ImageRecord
    from scow.store.store import Store

_CHUNK = 1 << 20
_AGAIN = "pull, load or build the image again"


def blobs(store: Store) -> Iterator[Finding]:
    """Blobs whose bytes differ from their name. Mended by removal, so that the next pull fetches them."""
    files = store.content.blobs
    for digest, _ in files.walk():
        try:
            found, _ = _hash(files.open(digest), digest.algorithm)
        except NotFound:  # collected meanwhile
            continue
        except OSError as e:
            what = f"blob cannot be read: {e.strerror}"
        else:
            what = f"blob has the digest {found}" if found != digest else ""
        if what:
            yield Fault(what, store.paths.blob(digest), f"remove it, and {_AGAIN}"), partial(files.delete, digest)


def layers(store: Store) -> Iterator[Finding]:
    """Layers without what makes them layers, and layers whose tar differs from their diff id."""
    for name in sorted(os.listdir(store.paths.layers)):
        path = f"{store.paths.layers}/{name}"
        problem = _layer_problem(store, name)
        if problem:
            yield Fault(problem, path, f"remove it, and {_AGAIN}"), partial(_remove_layer, store, name)


def _layer_problem(store: Store, name: str) -> str:
    try:
        diff_id = Digest("sha256", name)
        size = layer_size(store.paths, diff_id)
        if size is None:
            return "directory is no layer: it has no meta.json"
        with store.layers.open(diff_id) as stream:
            found, length = _hash(stream, "sha256")
    except Error as e:
        return f"layer is damaged: {e}" if os.path.exists(f"{store.paths.layers}/{name}") else ""
    except OSError as e:
        return f"layer cannot be read: {e.strerror}"
    if found != diff_id:
        return f"layer has the digest {found}"
    if length != size:
        return f"layer has {length} bytes, not {size}"
    return _index_problem(store, diff_id)


def _index_problem(store: Store, diff_id: Digest) -> str:
    """Whether the layer can be mounted, which says whether its index is one: it is no part of the digest."""
    mounted = is_mount(store.paths.layer_mount(diff_id))
    try:
        store.layers.layers.lower(diff_id)
    except Corrupt as e:
        return str(e)
    if not mounted:
        release(store.paths, diff_id)
    return ""


def _remove_layer(store: Store, name: str) -> None:
    try:
        store.layers.remove(Digest("sha256", name))
    except Error:  # too damaged to be removed as a layer
        remove_tree(f"{store.paths.layers}/{name}")


def images(store: Store) -> Iterator[Finding]:
    """Images with missing parts. Only the user knows where to get them again."""
    for record in image_rows.list_all(store.state):
        missing = _missing(store, record)
        if missing:
            name = record.names[0] if record.names else str(record.id)
            yield Fault(f"image lacks {', '.join(missing)}", name, f"{_AGAIN}, or remove it"), None
    rows = store.state.rows("SELECT name, root FROM names WHERE image IS NULL ORDER BY name")
    for name, _ in rows:
        root = image_rows.resolve(store.state, Reference.parse(name))
        if store.content.size(root.digest) != root.size:
            yield Fault(f"name stands for {root.digest}, which is missing", name, "pull it again, or remove it"), None


def _missing(store: Store, record: ImageRecord) -> list[str]:
    try:
        document = graph.document(store.content, record.manifest)
    except (NotFound, Corrupt):
        return [f"its manifest {record.manifest.digest}"]
    assert isinstance(document, Manifest)
    lacking = []
    if store.content.size(document.config.digest) != document.config.size:
        lacking.append(f"its config {document.config.digest}")
    for position, blob in enumerate(document.layers):
        diff_id = record.diff_ids[position] if position < len(record.diff_ids) else None
        if not _has_layer(store, blob, diff_id):
            lacking.append(f"layer {diff_id or blob.digest}")
    return lacking


def _has_layer(store: Store, blob: Descriptor, diff_id: Digest | None) -> bool:
    """A layer is here as itself or as a blob to unpack it from; foreign ones may rightly be neither."""
    if media_types.is_foreign(blob.media_type) or store.content.size(blob.digest) == blob.size:
        return True
    return diff_id is not None and layer_size(store.paths, diff_id) is not None


def _hash(stream: BinaryIO, algorithm: str) -> tuple[Digest, int]:
    state, size = hasher(algorithm), 0
    with stream:
        while data := stream.read(_CHUNK):
            state.update(data)
            size += len(data)
    return Digest(algorithm, state.hexdigest()), size
