"""``export`` and ``diff``: a container's files as one tar, and what it has changed."""

from __future__ import annotations

from scow.wire.tar import Entry, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from scow.store.containers import ContainerRecord
    from scow.store.store import Store
    from scow.store.tree import Info, Tree

    class Out(Protocol):
        """Where the tar goes."""

        def write(self, data: bytes | memoryview, /) -> object: ...  # noqa: D102


def export(store: Store, record: ContainerRecord, out: Out) -> None:
    """Write all of the container's root file system: image and changes, without volumes and what is mounted."""
    parent = (*store.layers.parent(record.id), record.id)
    writer = Writer(out)
    with store.layers.tree(parent) as tree:
        seen: dict[object, bytes] = {}
        for path, info in tree.walk():
            if info.kind == "socket":
                continue
            _add(writer, tree, path, info, seen)
    writer.close()


def _add(writer: Writer, tree: Tree, path: bytes, info: Info, seen: dict[object, bytes]) -> None:
    name = path.lstrip(b"/")
    linked = info.links > 1 and info.kind != "dir" and info.identity is not None
    first = seen.setdefault(info.identity, name) if linked else name
    kind, target, size = info.kind, info.target, info.size if info.kind == "file" else 0
    if first != name:
        kind, target, size = "hardlink", first, 0
    entry = Entry(
        name=name,
        kind=kind,
        mode=info.mode & 0o7777,
        uid=info.uid,
        gid=info.gid,
        size=size,
        mtime=info.mtime,
        linkname=target,
        major=info.device[0],
        minor=info.device[1],
        xattrs=tree.xattrs(path, follow=False) if kind != "hardlink" else {},
    )
    if kind == "file":
        with tree.open(path) as content:
            writer.add(entry, content)
    else:
        writer.add(entry)


def diff(store: Store, record: ContainerRecord) -> list[tuple[str, str]]:
    """What the container has changed: ("A" added, "C" changed, "D" deleted) and the path, as docker lists it."""
    return store.layers.changes(record.id)
