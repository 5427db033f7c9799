"""The graph of content: what a document points to, and which image of an index to take."""

from __future__ import annotations

from scow.errors import NotFound
from scow.oci import manifest, media_types
from scow.oci.config import ImageConfig
from scow.oci.manifest import Index, Manifest
from scow.oci.platform import Platform, rank
from scow.oci.verify import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.oci.protocols import Opener

MAX_NESTING = 8
"""How many indexes deep a manifest may lie."""


def is_document(node: Descriptor) -> bool:
    """Whether ``node`` is a manifest or an index, and so has children."""
    return media_types.is_index(node.media_type) or media_types.is_manifest(node.media_type)


def document(source: Opener, node: Descriptor) -> Manifest | Index:
    """The manifest or index that ``node`` points to, its bytes verified."""
    return manifest.parse(read(source, node), node.media_type)


def children(source: Opener, node: Descriptor) -> tuple[Descriptor, ...]:
    """What ``node`` points to directly, each digest once; () for blobs that are no documents.

    A manifest's ``subject`` is no child: it points the other way, and may rightly be absent.
    """
    return references(document(source, node)) if is_document(node) else ()


def references(doc: Manifest | Index) -> tuple[Descriptor, ...]:
    """What a document points to: an index its manifests, a manifest its config and layers; each digest once."""
    found = doc.manifests if isinstance(doc, Index) else (doc.config, *doc.layers)
    once: dict[Digest, Descriptor] = {}
    for child in found:
        once.setdefault(child.digest, child)
    return tuple(once.values())


def select(source: Opener, root: Descriptor, platform: Platform) -> Descriptor:
    """The manifest under ``root`` that serves ``platform`` best; ``root`` itself if it is no index.

    Indexes within indexes are searched too. Entries that do not say their platform are asked: their config knows.
    NotFound, with what there is as the hint, if nothing runs there.
    """
    if not media_types.is_index(root.media_type):
        return root
    best: tuple[tuple[int, int], Descriptor] | None = None
    offers = []
    for entry in _manifests(source, root, MAX_NESTING):
        offered = entry.platform or _platform_of(source, entry)
        offers.append(str(offered))
        fit = rank(platform, offered)
        if fit is not None and (best is None or fit < best[0]):
            best = fit, entry
    if best is None:
        there = ", ".join(sorted(set(offers) - {"unknown/unknown"})) or "nothing"
        raise NotFound(f"no matching manifest for {platform} in the manifest list entries", f"there is {there}")
    return best[1]


def _manifests(source: Opener, index: Descriptor, depth: int) -> Iterator[Descriptor]:
    found = document(source, index)
    for entry in found.manifests if isinstance(found, Index) else ():  # one manifest may serve several platforms
        if media_types.is_manifest(entry.media_type):
            yield entry
        elif media_types.is_index(entry.media_type) and depth:
            yield from _manifests(source, entry, depth - 1)


def _platform_of(source: Opener, node: Descriptor) -> Platform:
    doc = document(source, node)
    if isinstance(doc, Manifest) and media_types.is_config(doc.config.media_type):
        return ImageConfig(read(source, doc.config)).platform
    return Platform("unknown", "unknown")
