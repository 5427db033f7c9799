"""The tables of images: a summary row per image, the names that point at it, and the digests it was pulled by.

An image's id is the digest of its config, as docker's; where a manifest has no image config (an artifact), it is the
manifest's own digest. A name resolves to its *root*, an index or a manifest, and also tells which *image* of the root
this machine runs. An image without names is dangling: it stays until it is removed or pruned. Listing reads these rows
and no blob.
"""

from __future__ import annotations

import time

from scow.errors import NotFound
from scow.light import loads
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.reference import Reference
from scow.store.rows import ambiguous, dump, ids_with_prefix, labels
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from scow.store.state import State

_SELECT = "SELECT id, manifest, parent, created, size, platform, labels, diff_ids FROM images "
_HEX = frozenset("0123456789abcdef")
_SHORTEST_PREFIX = 1


@value
class ImageRecord:
    """One image. ``created`` in ns (0: not said), ``size`` of the uncompressed layers in bytes.

    ``names`` are references in full with a tag, ``repo_digests`` ``repository@digest``, both sorted.
    """

    id: Digest
    manifest: Descriptor
    parent: Digest | None
    created: int
    size: int
    platform: str
    labels: dict[str, str]
    diff_ids: tuple[Digest, ...]
    names: tuple[str, ...] = ()
    repo_digests: tuple[str, ...] = ()


def put(state: State, image: ImageRecord) -> None:
    """Enter an image, or renew its row; names and repository digests are left alone (see :func:`tag`)."""
    row = (
        str(image.id),
        dump(image.manifest.to_json()),
        str(image.parent) if image.parent else None,
        image.created,
        image.size,
        image.platform,
        dump(image.labels),
        " ".join([d.hex for d in image.diff_ids]),
    )
    with state.change() as db:
        db.execute("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def tag(state: State, reference: Reference, image: Digest | None, root: Descriptor) -> Digest | None:
    """Let ``reference`` stand for ``root`` and its ``image``; the id it stood for before, if that is another image.

    A reference with a digest alone is a repository digest, which several images of an index share.
    """
    text = dump(root.to_json())
    found = str(image) if image else None
    with state.change() as db:
        if found and not db.execute("SELECT 1 FROM images WHERE id = ?", (found,)).fetchone():
            raise NotFound(f"No such image: {found}")
        if reference.digest and found:
            pair = (reference.name, str(reference.digest), found, text)
            db.execute("INSERT OR REPLACE INTO repo_digests VALUES (?, ?, ?, ?)", pair)
        if not reference.tag and reference.digest:
            return None
        name = _name(reference)
        before = db.execute("SELECT image FROM names WHERE name = ?", (name,)).fetchone()
        db.execute("INSERT OR REPLACE INTO names VALUES (?, ?, ?, ?)", (name, found, text, time.time_ns()))
    return Digest.parse(before[0]) if before and before[0] and before[0] != found else None


def untag(state: State, reference: Reference) -> Digest | None:
    """Take a name, or a repository digest, away; the id it stood for. Raises NotFound."""
    with state.change() as db:
        if reference.tag:
            row = db.execute("DELETE FROM names WHERE name = ? RETURNING image", (_name(reference),)).fetchone()
        else:
            query = "DELETE FROM repo_digests WHERE repository = ? AND digest = ? RETURNING image"
            row = db.execute(query, (reference.name, str(reference.digest))).fetchone()
    if not row:
        raise NotFound(f"No such image: {reference.familiar()}")
    return Digest.parse(row[0]) if row[0] else None


def remove(state: State, image: Digest) -> None:
    """Forget an image with all its names and repository digests; its content goes at the next collection."""
    found = (str(image),)
    with state.change() as db:
        db.execute("DELETE FROM names WHERE image = ?", found)
        db.execute("DELETE FROM repo_digests WHERE image = ?", found)
        db.execute("UPDATE images SET parent = NULL WHERE parent = ?", found)
        if not db.execute("DELETE FROM images WHERE id = ?", found).rowcount:
            raise NotFound(f"No such image: {image}")


def list_all(state: State) -> list[ImageRecord]:
    """All images, newest first; three queries, no blob."""
    names: dict[str, list[str]] = {}
    for name, image in state.rows("SELECT name, image FROM names WHERE image IS NOT NULL ORDER BY name"):
        names.setdefault(image, []).append(name)
    digests = _grouped_digests(state.rows("SELECT repository, digest, image FROM repo_digests ORDER BY 1, 2"))
    rows = state.rows(_SELECT + "ORDER BY created DESC, id")
    return [_record(row, names.get(row[0], ()), digests.get(row[0], ())) for row in rows]


def get(state: State, image: Digest) -> ImageRecord:
    """The image with this id. Raises NotFound."""
    found = str(image)
    row = state.row(_SELECT + "WHERE id = ?", found)
    if not row:
        raise NotFound(f"No such image: {found}")
    names = [name for (name,) in state.rows("SELECT name FROM names WHERE image = ? ORDER BY name", found)]
    query = "SELECT repository, digest, image FROM repo_digests WHERE image = ? ORDER BY 1, 2"
    return _record(row, names, _grouped_digests(state.rows(query, found)).get(found, ()))


def find(state: State, text: str) -> ImageRecord:
    """The image meant by ``text``, in docker's order: id, then name or repository digest, then the beginning of an id.

    Raises NotFound ("No such image: ..."), or Invalid where the beginning fits several.
    """
    bare = text.removeprefix("sha256:")
    is_hex = bool(bare) and set(bare) <= _HEX
    if is_hex and len(bare) == 64 and state.row("SELECT 1 FROM images WHERE id = ?", f"sha256:{bare}"):
        return get(state, Digest("sha256", bare))
    found = None if text.startswith("sha256:") or len(bare) == 64 else _by_reference(state, Reference.parse(text))
    if found:
        return get(state, found)
    if is_hex and len(bare) >= _SHORTEST_PREFIX:
        ids = ids_with_prefix(state, "images", f"sha256:{bare}")
        if len(ids) > 1:
            raise ambiguous(text)
        if ids:
            return get(state, Digest.parse(ids[0]))
    by_id = text.startswith("sha256:") or len(bare) == 64
    raise NotFound(f"No such image: {f'sha256:{bare}' if by_id else Reference.parse(text).familiar()}")


def resolve(state: State, reference: Reference) -> Descriptor:
    """The root that a name or repository digest stands for. Raises NotFound."""
    if reference.digest:
        query = "SELECT root FROM repo_digests WHERE repository = ? AND digest = ?"
        row = state.row(query, reference.name, str(reference.digest))
    else:
        row = state.row("SELECT root FROM names WHERE name = ?", _name(reference))
    if not row:
        raise NotFound(f"No such image: {reference.familiar()}")
    return Descriptor.from_json(loads(row[0]))


def children(state: State, image: Digest) -> list[Digest]:
    """Images that were committed from this one."""
    rows = state.rows("SELECT id FROM images WHERE parent = ? ORDER BY id", str(image))
    return [Digest.parse(found) for (found,) in rows]


def dangling(state: State) -> list[Digest]:
    """Images that no name points at, and that no image was committed from."""
    query = (
        "SELECT id FROM images i WHERE NOT EXISTS (SELECT 1 FROM names WHERE image = i.id) "
        "AND NOT EXISTS (SELECT 1 FROM images WHERE parent = i.id) ORDER BY id"
    )
    return [Digest.parse(found) for (found,) in state.rows(query)]


def roots(state: State) -> list[Descriptor]:
    """Every index and manifest that a name, repository digest or image row needs: where collection begins to mark."""
    query = "SELECT root FROM names UNION SELECT root FROM repo_digests UNION SELECT manifest FROM images"
    return [Descriptor.from_json(loads(text)) for (text,) in state.rows(query)]


def layers_in_use(state: State) -> dict[Digest, int]:
    """How many images use each layer, by diff id."""
    counts: dict[Digest, int] = {}
    for (text,) in state.rows("SELECT diff_ids FROM images"):
        for diff_id in _diff_ids(text):
            counts[diff_id] = counts.get(diff_id, 0) + 1
    return counts


def _by_reference(state: State, reference: Reference) -> Digest | None:
    if reference.digest:
        query = "SELECT image FROM repo_digests WHERE repository = ? AND digest = ?"
        row = state.row(query, reference.name, str(reference.digest))
    else:
        row = state.row("SELECT image FROM names WHERE name = ?", _name(reference))
    return Digest.parse(row[0]) if row and row[0] else None


def _name(reference: Reference) -> str:
    return str(reference.with_digest(None))


def _grouped_digests(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for repository, digest, image in rows:
        grouped.setdefault(image, []).append(f"{repository}@{digest}")
    return grouped


def _diff_ids(text: str) -> tuple[Digest, ...]:
    return tuple([Digest("sha256", d) for d in text.split()])


def _record(row: tuple[Any, ...], names: Iterable[str], digests: Iterable[str]) -> ImageRecord:
    key, manifest, parent, created, size, platform, label_text, diff_ids = row
    return ImageRecord(
        Digest.parse(key),
        Descriptor.from_json(loads(manifest)),
        Digest.parse(parent) if parent else None,
        created,
        size,
        platform,
        labels(label_text),
        _diff_ids(diff_ids),
        tuple(names),
        tuple(digests),
    )
