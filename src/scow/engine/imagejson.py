"""What ``image inspect`` and ``history`` show of an image, in docker's shapes (Engine API v1.51, ImageInspect)."""

from __future__ import annotations

from scow.oci.image import Image, chain_ids
from scow.oci.reference import Reference
from scow.store import usage
from scow.store.content import layer_content_size
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.store.images import ImageRecord
    from scow.store.store import Store

# Fields of the image's run configuration that docker always shows, with what it shows when they are unset.
SHOWN: tuple[tuple[str, Any], ...] = (
    ("Hostname", ""), ("Domainname", ""), ("User", ""), ("AttachStdin", False), ("AttachStdout", False),
    ("AttachStderr", False), ("Tty", False), ("OpenStdin", False), ("StdinOnce", False), ("Env", None), ("Cmd", None),
    ("Image", ""), ("Volumes", None), ("WorkingDir", ""), ("Entrypoint", None), ("OnBuild", None), ("Labels", None),
)  # fmt: skip


@value
class HistoryEntry:
    """One line of ``history``, newest first; ``id`` "" where docker shows ``<missing>``, ``size`` in bytes."""

    id: str
    created: int
    created_by: str
    size: int
    comment: str
    tags: tuple[str, ...] = ()


def familiar(name: str) -> str:
    """A full reference as docker shows it."""
    return Reference.parse(name).familiar()


def run_config(found: dict[str, Any]) -> dict[str, Any]:
    """The image's ``config`` object with the fields docker always shows."""
    shown = dict(SHOWN)
    shown.update(found)
    return shown


def inspect(store: Store, record: ImageRecord) -> dict[str, Any]:
    """The image as ``docker image inspect`` shows it."""
    image = Image(store.content, record.manifest)
    config = image.config
    doc = config.doc
    shown: dict[str, Any] = {
        "Id": str(record.id),
        "RepoTags": [familiar(n) for n in record.names],
        "RepoDigests": [familiar(n) for n in record.repo_digests],
        "Parent": str(record.parent) if record.parent else "",
        "Comment": config.history[-1].comment if config.history else doc.get("comment", ""),
        "Created": config.created or "0001-01-01T00:00:00Z",
        "DockerVersion": doc.get("docker_version", ""),
        "Author": config.author,
        "Architecture": config.architecture,
        "Os": config.os,
    }
    if config.variant:
        shown["Variant"] = config.variant
    tops = [str(c) for c in chain_ids(record.diff_ids)][-1:]
    shown.update(
        {
            "Size": record.size,
            "GraphDriver": {"Data": {"TopLayer": tops[0] if tops else ""}, "Name": "scow"},
            "RootFS": {"Type": "layers", "Layers": [str(d) for d in record.diff_ids]},
            "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
            "Descriptor": record.manifest.to_json(),
            "Config": run_config(config.run),
        }
    )
    return shown


def history(store: Store, record: ImageRecord) -> list[HistoryEntry]:
    """How the image was made, newest first; an image whose config tells nothing gets a line per layer."""
    from scow.store.timestamps import parse_rfc3339

    config = Image(store.content, record.manifest).config
    sizes = [_size(store, d) for d in record.diff_ids]
    entries = []
    told = iter(sizes)
    for entry in config.history:
        size = 0 if entry.empty_layer else next(told, 0)
        created = parse_rfc3339(entry.created) if entry.created else 0
        entries.append(HistoryEntry("", created, entry.created_by, size, entry.comment))
    entries.extend(HistoryEntry("", record.created, "", size, "") for size in told)
    if entries:
        last = entries[-1]
        names = tuple(familiar(n) for n in record.names)
        entries[-1] = HistoryEntry(str(record.id), last.created, last.created_by, last.size, last.comment, names)
        _name_parents(store, record, entries)
    return entries[::-1]


def _name_parents(store: Store, record: ImageRecord, entries: list[HistoryEntry]) -> None:
    """Give the entries that end an image this one was committed from that image's id, while it is still here."""
    from scow.store import images as rows
    from scow.values import replace

    above = rows.get(store.state, record.parent) if record.parent else None
    while above is not None:
        count = len(Image(store.content, above.manifest).config.history)
        if 0 < count < len(entries):
            entries[count - 1] = replace(entries[count - 1], id=str(above.id))
        above = rows.get(store.state, above.parent) if above.parent else None


def _size(store: Store, diff_id: Any) -> int:
    known = layer_content_size(store.paths, diff_id)
    if known is not None:
        return known
    return usage.sizes(store.state).get(str(diff_id), (0, 0))[0]
