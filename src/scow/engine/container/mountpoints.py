"""Where things are mounted in a container: docker's ``Mounts``, from the request, the image and other containers.

What wins where several name one target, as in moby (daemon/volumes_unix.go): the request's own mounts, then those of
``--volumes-from`` (the first container named), then the volumes of the image.
"""

from __future__ import annotations

import os

from scow.engine.container import copyup, hostconfig, volumes
from scow.engine.container.mounted import shown
from scow.engine.requests import MountRequest
from scow.errors import Invalid, NotFound
from scow.store import containers as rows
from scow.store import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.engine.requests import ContainerRequest
    from scow.oci.config import ImageConfig
    from scow.oci.digest import Digest
    from scow.store.store import Store


def plan(store: Store, request: ContainerRequest, image: ImageConfig) -> list[dict[str, Any]]:
    """The mount points of a new container. Besides docker's fields they say, in lower case, whether the volume is
    ``anonymous`` (made for this container) and whether to ``fill`` it from the image.
    """
    found = {m.target: _point(store, m) for m in request.mounts if not hostconfig.is_tmpfs_text(m)}
    taken = {m.target for m in request.mounts}
    for text in request.volumes_from:
        for m in borrowed(store, text):
            if m["Destination"] not in taken:
                found.setdefault(m["Destination"], m)
    for path in image.volumes:
        target = os.path.normpath(path)
        if target not in taken and target not in found:
            found[target] = _volume(store, MountRequest("volume", "", target))
    return list(found.values())


def make(store: Store, mounts: list[dict[str, Any]], layers: tuple[Digest, ...]) -> None:
    """Make the volumes that are not there, and fill those that are empty from the image. May be done again."""
    for m in mounts:
        if m["Type"] != "volume":
            continue
        with locks.exclusive(store.paths.lock("volume", m["Name"])):
            volumes.ensure(store, m["Name"], anonymous=bool(m.get("anonymous")))
            if m.get("fill") and not os.listdir(m["Source"]):
                with store.layers.tree(layers) as tree:
                    copyup.fill(tree, m["Destination"], m["Source"])


def discard(store: Store, names: list[str]) -> None:
    """Delete volumes that went with a container."""
    for name in names:
        try:
            volumes.remove(store, name)
        except NotFound:
            pass


def _point(store: Store, m: MountRequest) -> dict[str, Any]:
    if m.kind == "volume":
        if m.source:
            check_name(m.source)
        return _volume(store, m)
    if m.kind == "tmpfs":
        found = {"Type": "tmpfs", "Source": "", "Destination": m.target, "Mode": ""}
        return {**found, "RW": not m.read_only, "Propagation": ""}
    if not os.path.exists(m.source):
        if not m.create:
            raise Invalid(f'invalid mount config for type "bind": bind source path does not exist: {m.source}')
        os.makedirs(m.source, 0o755, exist_ok=True)
    return {
        "Type": "bind",
        "Source": m.source,
        "Destination": m.target,
        "Mode": hostconfig.modes_of(m) if m.create else "",
        "RW": not m.read_only,
        "Propagation": m.propagation or "rprivate",
    }


def check_name(name: str) -> None:
    """Invalid, in docker's words, for what cannot be the name of a volume."""
    from scow.store.rows import check_name as check

    if len(name) == 1:
        raise Invalid(f"create {name}: volume name is too short, names should be at least two alphanumeric characters")
    try:
        check(name, "volume")
    except Invalid:
        raise Invalid(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        ) from None


def _volume(store: Store, m: MountRequest) -> dict[str, Any]:
    name = m.source or volumes.anonymous_name()
    return {
        "Type": "volume",
        "Name": name,
        "Source": volumes.data(store.paths, name),
        "Destination": m.target,
        "Driver": volumes.DRIVER,
        "Mode": hostconfig.modes_of(m) or ("z" if m.source else ""),
        "RW": not m.read_only,
        "Propagation": "",
        "fill": not m.no_copy,
        **({} if m.source else {"anonymous": True}),
    }


def borrowed(store: Store, text: str) -> list[dict[str, Any]]:
    """The mount points of another container, by ``NAME[:ro|rw]``. NotFound, Invalid."""
    name, _, mode = text.partition(":")
    if mode not in ("", "ro", "rw"):
        raise Invalid(f'invalid mode for volumes-from: "{mode}"')
    record = rows.get(store.state, name)
    kept = shown([m for m in record.config["Mounts"] if m["Type"] != "tmpfs"])
    return [{**m, "Mode": "", "RW": m["RW"] and mode != "ro"} for m in kept]
