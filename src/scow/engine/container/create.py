"""``create``: a request and an image become a container that can be started."""

from __future__ import annotations

import os
import time

from scow.engine.container import config, hostconfig, networking, spec
from scow.errors import Conflict, Invalid, NotFound
from scow.oci.config import ImageConfig
from scow.oci.digest import Digest
from scow.store import containers as rows
from scow.store.containers import ContainerRecord
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.engine.images import Images
    from scow.engine.requests import ContainerRequest
    from scow.store.images import ImageRecord
    from scow.store.store import Store

TRIES = 8


@value
class Created:
    """What ``create`` made, and sentences for the user."""

    record: ContainerRecord
    warnings: tuple[str, ...] = ()


def create(store: Store, images: Images, request: ContainerRequest) -> Created:
    """Enter a new container and make what it needs. NotFound, Invalid, Conflict, Unsupported in docker's words.

    The record comes first and keeps the image and the snapshot from collection; whatever is killed after that is done
    again by ``make_ready`` when the container is started, and taken away by ``rm``.
    """
    image = find_image(images, request)
    found = config_of(store, images, image)
    check_platform(request, found.platform)
    name = new_id()
    kept = hostconfig.host_config_of(request)
    spec.check(kept)
    networking.check(kept, ports=bool(request.networking.ports))
    if request.log_options:
        from scow.engine.container.logoptions import limits

        limits(dict(request.log_options))
    document: dict[str, Any] = {
        "Config": config.config_of(request, found, name),
        "HostConfig": kept,
        "Mounts": plan(store, request, found),
    }
    check_names(document["Mounts"])
    record = enter(store, request, image, (name, document))
    try:
        make_ready(store, record)
    except BaseException:
        from scow.engine.container.remove import delete

        delete(store, record, volumes=True)
        raise
    return Created(record, warnings_of(request))


def find_image(images: Images, request: ContainerRequest) -> ImageRecord:
    """The image asked for. NotFound in docker's words; pulling it is the caller's to do, who shows it."""
    return images.find(request.image)


def plan(store: Store, request: ContainerRequest, image: ImageConfig) -> list[dict[str, Any]]:
    """The mount points; most containers have none, and do not load what makes them."""
    if not (request.mounts or request.volumes_from or image.volumes):
        return []
    from scow.engine.container import mountpoints

    return mountpoints.plan(store, request, image)


def warnings_of(request: ContainerRequest) -> tuple[str, ...]:
    """What was asked for in vain, in docker's words."""
    found = []
    if request.namespaces.network == "host" and (request.networking.ports or request.networking.publish_all):
        found.append("Published ports are discarded when using host network mode")
    return tuple(found)


def config_of(store: Store, images: Images, image: ImageRecord) -> ImageConfig:
    """The image's configuration, which is the blob the image is called by.

    It was verified when it came here; doing that again at every ``run`` would cost the import of a hash library.
    """
    try:
        with open(store.paths.blob(image.id), "rb") as f:
            return ImageConfig(f.read())
    except FileNotFoundError:
        return images.config(image)


def check_names(mounts: list[dict[str, Any]]) -> None:
    """Conflict if two mount points have one destination."""
    seen: set[str] = set()
    for m in mounts:
        if m["Destination"] in seen:
            raise Conflict(f"Duplicate mount point: {m['Destination']}")
        seen.add(m["Destination"])


def check_platform(request: ContainerRequest, platform: object) -> None:
    """NotFound if the image is for another platform than the one asked for."""
    if not request.platform:
        return
    from scow.oci.platform import Platform

    wanted = Platform.parse(request.platform)
    if str(wanted) != str(platform):
        raise NotFound(
            f"image with reference {request.image} was found but its platform ({platform}) does not match "
            f"the specified platform ({wanted})"
        )


def new_id() -> str:
    """64 hexadecimal digits, of which the first twelve are no number (docker's stringid: they could be a host name)."""
    while True:
        name = os.urandom(32).hex()
        if not name[:12].isdigit():
            return name


def enter(
    store: Store, request: ContainerRequest, image: ImageRecord, made: tuple[str, dict[str, Any]]
) -> ContainerRecord:
    """Add the row, under the name asked for or one that is free. Conflict, Invalid, NotFound (the image has gone)."""
    name, document = made
    settings = document["Config"]
    for attempt in range(TRIES):
        record = ContainerRecord(
            id=name,
            name=request.name.removeprefix("/") or rows.free_name(store.state),
            image=str(image.id),
            created=time.time_ns(),
            labels=settings["Labels"],
            layers=tuple(str(d) for d in image.diff_ids),
            config=document,
        )
        try:
            rows.add(store.state, record)
            break
        except Conflict:
            if request.name or attempt == TRIES - 1:
                raise
    return record


def layers_of(record: ContainerRecord) -> tuple[Digest, ...]:
    """The layers of the container's image, bottom first: what its snapshot stands on."""
    return tuple([Digest.parse(text) for text in record.layers])


def upper_of(store: Store, record: ContainerRecord) -> str:
    """The directory that holds what the container has changed."""
    return f"{store.paths.snapshot(record.id)}/upper"


def make_ready(store: Store, record: ContainerRecord) -> None:
    """The container's directory, volumes and snapshot, as far as they are not there."""
    try:
        os.mkdir(store.paths.container(record.id), 0o700)
    except FileExistsError:
        pass
    layers = layers_of(record)
    if record.config["Mounts"]:
        from scow.engine.container import mountpoints

        mountpoints.make(store, record.config["Mounts"], layers)
    if not os.path.isdir(store.paths.snapshot(record.id)):
        try:
            store.layers.prepare(record.id, layers)
        except Conflict:  # somebody else was as quick
            pass
        except NotFound as e:
            raise Invalid(f"image {record.config['Config']['Image']} is damaged: {e}", hint="load it again") from None
