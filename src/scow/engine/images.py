"""The image service: docker's image verbs over the store."""

from __future__ import annotations

import time

from scow.engine import filters
from scow.errors import Conflict, Invalid, NotFound
from scow.oci.reference import Reference
from scow.store import containers as container_rows
from scow.store import images as rows
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO

    from scow.engine.imagejson import HistoryEntry
    from scow.oci.config import ImageConfig
    from scow.store.images import ImageRecord
    from scow.store.store import Store


FILTERS = ("before", "since", "dangling", "label", "reference", "until")
PRUNE_FILTERS = ("until", "label", "label!", "dangling")


@value
class ImportRequest:
    """One ``import``: ``stream`` is a root file system's tar, perhaps compressed; ``created`` in seconds, None: now."""

    stream: BinaryIO
    reference: str = ""
    changes: tuple[str, ...] = ()
    message: str = ""
    platform: str = ""
    created: int | None = None


@value
class Removed:
    """One line of ``rmi``: ``kind`` is "Untagged" or "Deleted"."""

    kind: str
    name: str


@value
class Pruned:
    """What a prune took away; ``space`` in bytes."""

    removed: tuple[Removed, ...]
    space: int


class Images:
    """Images of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def find(self, text: str) -> ImageRecord:
        """The image meant by a name, digest, id or beginning of one; NotFound in docker's words."""
        return rows.find(self.store.state, text)

    def config(self, record: ImageRecord) -> ImageConfig:
        """The image's configuration."""
        from scow.oci.image import Image

        return Image(self.store.content, record.manifest).config

    def ls(self, names: Iterable[str] = (), wanted: Iterable[str] = ()) -> list[ImageRecord]:
        """Images newest first. ``names``: patterns of references; ``wanted``: ``--filter`` texts."""
        found = filters.parse(wanted, FILTERS)
        records = rows.list_all(self.store.state)
        dangling = filters.boolean(found, "dangling")
        if dangling is not None:
            records = [r for r in records if bool(r.names) != dangling]
        records = [r for r in records if filters.labels_match(found, r.labels)]
        for name, newer in (("since", True), ("before", False)):
            for text in found.get(name, ()):
                edge = self.find(text).created
                records = [r for r in records if (r.created > edge if newer else r.created < edge)]
        for text in found.get("until", ()):
            moment = filters.since_text(text, time.time())
            records = [r for r in records if r.created < moment]
        patterns = [*names, *found.get("reference", ())]
        return [m for r in records for m in [_matching(r, patterns)] if m] if patterns else records

    def inspect(self, text: str) -> dict[str, Any]:
        """The image as docker shows it."""
        from scow.engine.imagejson import inspect

        return inspect(self.store, self.find(text))

    def history(self, text: str) -> list[HistoryEntry]:
        """How it was made, newest first."""
        from scow.engine.imagejson import history

        return history(self.store, self.find(text))

    def tag(self, source: str, target: str) -> None:
        """Let ``target`` stand for the image ``source``. Invalid for a bad target, NotFound."""
        reference = _target(target)
        record = self.find(source)
        root = record.manifest
        try:
            named = rows.resolve(self.store.state, Reference.parse(source))
            root = named if rows.find(self.store.state, source).id == record.id else root
        except (NotFound, Invalid):
            pass
        rows.tag(self.store.state, reference, record.id, root)

    def remove(self, text: str, *, force: bool = False, prune: bool = True) -> list[Removed]:
        """``rmi``: take the name away, and the image when it was the last. NotFound; Conflict when it is in use."""
        record = self.find(text)
        meant = _name_meant(record, text)
        by_id = meant is None
        names = [meant] if meant else []
        if by_id:
            names = [*record.names, *record.repo_digests]
            repositories = {Reference.parse(n).name for n in record.names}
            if len(repositories) > 1 and not force:
                raise Conflict(
                    f"conflict: unable to delete {record.id.hex[:12]} (must be forced) - "
                    "image is referenced in multiple repositories"
                )
        last = set(names) >= set(record.names)
        if last:
            if by_id or not force:
                self._check_unused(record, text, by_id=by_id, force=force)
            names = [*names, *(d for d in record.repo_digests if d not in names)]
        removed = [self._untag(n) for n in names]
        if not last or (not by_id and self._runs(record)):
            return removed  # as docker: --force takes the name from a running container's image, and leaves the image
        return removed + self._delete(record, prune=prune)

    def _untag(self, name: str) -> Removed:
        reference = Reference.parse(name)
        rows.untag(self.store.state, reference)
        return Removed("Untagged", reference.familiar())

    def _check_unused(self, record: ImageRecord, text: str, *, by_id: bool, force: bool) -> None:
        children = rows.children(self.store.state, record.id)
        short = record.id.hex[:12]
        if children and by_id:
            raise Conflict(f"conflict: unable to delete {short} (cannot be forced) - image has dependent child images")
        users = [c for c in container_rows.list_all(self.store.state) if c.image == str(record.id)]
        for user in users:
            running = self._is_running(user.id)
            if force and not running:
                continue
            must = "(cannot be forced)" if running and by_id else "(must be forced)" if by_id else "(must force)"
            what = "running container" if running else "stopped container"
            if by_id:
                problem = f"unable to delete {short} {must} - image is being used by {what} {user.id[:12]}"
            else:
                problem = f'unable to remove repository reference "{text}" {must} - '
                problem += f"container {user.id[:12]} is using its referenced image {short}"
            raise Conflict(f"conflict: {problem}")

    def _runs(self, record: ImageRecord) -> bool:
        users = [c for c in container_rows.list_all(self.store.state) if c.image == str(record.id)]
        return any(self._is_running(c.id) for c in users)

    def _is_running(self, container: str) -> bool:
        from scow.runtime.statefile import owner

        return owner(self.store.paths.container_run(container)) != 0

    def _delete(self, record: ImageRecord, *, prune: bool) -> list[Removed]:
        """Forget an image without names, then parents that have become dangling, then collect what nobody needs."""
        removed = []
        current: ImageRecord | None = record
        while current is not None:
            if rows.children(self.store.state, current.id):
                break
            rows.remove(self.store.state, current.id)
            removed.append(Removed("Deleted", str(current.id)))
            above = rows.get(self.store.state, current.parent) if current.parent and prune else None
            current = above if above is not None and not above.names and not self._used(above) else None
        self.collect()
        return removed

    def _used(self, record: ImageRecord) -> bool:
        return any(c.image == str(record.id) for c in container_rows.list_all(self.store.state))

    def collect(self) -> int:
        """Let the store drop what nothing names any more; bytes freed."""
        from scow.store.gc import collect

        return collect(self.store.paths, self.store.state, self.store.layers).bytes

    def prune(self, *, everything: bool = False, wanted: Iterable[str] = ()) -> Pruned:
        """``image prune``: dangling images, or with ``everything`` all that no container uses."""
        found = filters.parse(wanted, PRUNE_FILTERS)
        if filters.boolean(found, "dangling") is False:
            everything = True
        before = [filters.since_text(t, time.time()) for t in found.get("until", ())]
        used = {c.image for c in container_rows.list_all(self.store.state)}
        removed: list[Removed] = []
        for record in rows.list_all(self.store.state):
            if str(record.id) in used or (record.names and not everything):
                continue
            if before and record.created >= min(before):
                continue
            if not filters.labels_match(found, record.labels):
                continue
            if "label!" in found and filters.labels_match(found, record.labels, "label!"):
                continue
            if rows.children(self.store.state, record.id):
                continue
            removed += [self._untag(n) for n in (*record.names, *record.repo_digests)]
            rows.remove(self.store.state, record.id)
            removed.append(Removed("Deleted", str(record.id)))
        return Pruned(tuple(removed), self.collect())

    def check_saved(self, names: Iterable[str]) -> None:
        """NotFound for the first of ``names`` that ``save`` would not find: before anything is written."""
        from scow.engine.archives import meant

        for name in names:
            try:
                meant(self.store, name)
            except NotFound:
                raise NotFound(f"No such image: {name}") from None

    def save(self, names: Iterable[str], out: Any, *, platform: str = "") -> None:
        """``save``: write an archive of the images to ``out`` (an object with ``write``)."""
        from scow.engine.archives import save

        save(self.store, list(names), out, platform=platform)

    def load(self, stream: BinaryIO, *, platform: str = "") -> list[str]:
        """``load``: take in an archive; the lines docker prints, one an image."""
        from scow.engine.archives import load

        return load(self.store, stream, platform=platform)

    def import_(self, request: ImportRequest) -> str:
        """``import``: an image of one layer from a root file system; returns its id."""
        from scow.engine.importing import import_rootfs

        return import_rootfs(self.store, request)


def _target(text: str) -> Reference:
    try:
        reference = Reference.parse(text)
    except Invalid as e:
        raise Invalid(f'Error parsing reference: "{text}" is not a valid repository/tag: {e}') from None
    if reference.digest:
        raise Invalid("refusing to create a tag with a digest reference")
    return reference


def _name_meant(record: ImageRecord, text: str) -> str | None:
    """The one of the image's names that ``text`` is; None when it meant the image by its id."""
    try:
        reference = Reference.parse(text)
    except Invalid:
        return None
    if reference.digest:
        name = f"{reference.name}@{reference.digest}"
        return name if name in record.repo_digests else None
    return str(reference) if str(reference) in record.names else None


def _matching(record: ImageRecord, patterns: Iterable[str]) -> ImageRecord | None:
    """The record with only those names that match one of the patterns; None when none does."""
    from scow.values import replace

    def fits(name: str, pattern: str) -> bool:
        expression = filters.glob(pattern)
        shown = Reference.parse(name).familiar()
        repository = shown.rpartition("@")[0] if "@" in shown else shown.rpartition(":")[0]
        return any(expression.fullmatch(form) for form in (shown, repository, name))

    names = tuple(n for n in record.names if any(fits(n, p) for p in patterns))
    digests = tuple(n for n in record.repo_digests if any(fits(n, p) for p in patterns))
    return replace(record, names=names, repo_digests=digests) if names or digests else None
