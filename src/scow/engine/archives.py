"""``save`` and ``load``: images as files."""

from __future__ import annotations

import io

from scow.errors import Invalid, NotFound
from scow.oci import graph
from scow.oci.crew import Crew
from scow.oci.image import Image
from scow.oci.platform import Platform, host
from scow.oci.reference import Reference
from scow.oci.verify import read
from scow.store import images as rows
from scow.store import leases
from scow.store.archive.contents import ArchiveImage
from scow.store.archive.plain import Plain
from scow.store.archive.reading import open_archive
from scow.store.content import layer_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.oci.image import Layer
    from scow.store.archive.contents import Archive
    from scow.store.archive.writing import Out
    from scow.store.leases import Lease
    from scow.store.store import Store

JOBS = 2
"""Layers taken in at once: reading one overlaps with digesting another."""


def save(store: Store, names: list[str], out: Out, *, platform: str = "") -> None:
    """Write the images called ``names`` to ``out`` as one archive; NotFound.

    A repository without a tag stands for all its tags, as with docker. Layers go out uncompressed, as they are kept.
    """
    from scow.store.archive import writing

    plain = Plain(store.content, lambda diff_id: layer_size(store.paths, diff_id))
    found: dict[Digest, list[str]] = {}
    for name in names:
        for record, shown in meant(store, name):
            listed = found.setdefault(record, [])
            listed.extend(s for s in shown if s not in listed)
    images = []
    for key, shown in found.items():
        node = rows.get(store.state, key).manifest
        if platform:
            node = graph.select(store.content, node, Platform.parse(platform))
        images.append(ArchiveImage(plain.convert(node), tuple(shown)))
    writing.save(out, plain, images)


def meant(store: Store, name: str) -> list[tuple[Digest, list[str]]]:
    """The images that one word of ``save`` means, and the names to save them by."""
    record = None
    try:
        record = rows.find(store.state, name)
    except NotFound as e:
        problem = e
    try:
        reference = Reference.parse(name, default_tag=None)
    except Invalid:
        reference = None
    if reference is not None and not reference.tag and not reference.digest:
        tagged = [
            (r.id, [n for n in r.names if Reference.parse(n).name == reference.name])
            for r in rows.list_all(store.state)
        ]
        several = [(image, shown) for image, shown in tagged if shown]
        if several:
            return several
    if record is None:
        raise problem
    if reference is not None and reference.tag and str(reference) in record.names:
        return [(record.id, [str(reference)])]
    return [(record.id, [])]


def load(store: Store, stream: BinaryIO, *, platform: str = "") -> list[str]:
    """Take in every image of an archive; the lines docker prints.

    Raises Invalid if it is no image archive, Corrupt if it is a broken or hostile one: then nothing of it is named.
    """
    archive = open_archive(stream, store.paths.tmp)
    wanted = Platform.parse(platform) if platform else host()
    try:
        with store.leases.acquire("load") as lease:
            loaded = [(image, _take_in(store, lease, archive, image.root, wanted)) for image in archive.images]
            lines: list[str] = []
            for image, (found, root) in loaded:
                lines += _name(store, image, found, root)
            return lines
    finally:
        archive.close()


def _take_in(
    store: Store, lease: Lease, archive: Archive, root: Descriptor, platform: Platform
) -> tuple[Digest, Descriptor]:
    """Keep one image: layers in the layer store, config and manifest as content. Its id and its manifest."""
    image = Image(archive, graph.select(archive, root, platform))
    crew = Crew(JOBS)
    for layer in image.layers:
        crew.add(lambda layer=layer: _ingest(store, lease, layer))  # type: ignore[misc]
    crew.run()
    plain = Plain(archive, lambda diff_id: layer_size(store.paths, diff_id))
    node = plain.convert(image.root)
    content = store.content.under(lease)
    for blob in (image.manifest.config, node):
        content.put(blob, io.BytesIO(read(plain, blob)))
    found = store.local(lease).enter(node)
    if found is None:
        raise Invalid(f"{root.digest} is no image that this machine can run", hint="name a platform with --platform")
    return found, node


def _ingest(store: Store, lease: Lease, layer: Layer) -> None:
    from scow.wire.compress import decompress

    lease.add(leases.layer(layer.diff_id))
    if store.layers.layers.find(layer.diff_id) is None:
        with layer.open() as stream:
            store.layers.ingest(decompress(stream), layer.diff_id)


def _name(store: Store, image: ArchiveImage, found: Digest, root: Descriptor) -> list[str]:
    lines = []
    for name in image.names:
        reference = Reference.parse(name)
        before = rows.tag(store.state, reference, found, root)
        shown = reference.familiar()
        if before is not None and not rows.get(store.state, before).names:
            lines.append(f"The image {shown} already exists, renaming the old one with ID {before} to empty string")
        lines.append(f"Loaded image: {shown}")
    return lines or [f"Loaded image ID: {found}"]
