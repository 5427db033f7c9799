"""``ps``: which containers, in which order, and docker's words for what they do."""

from __future__ import annotations

import time

from scow.engine.container import mounted, networking, states
from scow.store.timestamps import parse_rfc3339
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from scow.engine.container.states import State
    from scow.engine.images import Images
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store

    Age = Callable[[float], str]


@value
class Wanted:
    """One ``ps``: ``last`` newest whatever they do (-1: all); without ``everything`` only those that run."""

    everything: bool = False
    last: int = -1
    filters: tuple[str, ...] = ()
    size: bool = False


@value
class Listed:
    """One container of a listing; ``image`` as docker shows it, sizes in bytes (-1: not asked)."""

    record: ContainerRecord
    state: State
    image: str
    size: int = -1
    virtual: int = -1


def ls(store: Store, images: Images, wanted: Wanted) -> list[Listed]:
    """The containers wanted, newest first."""
    from scow.store import containers as rows

    records = rows.list_all(store.state)
    chosen = [(r, states.read(store.paths, r.id)) for r in records]
    if wanted.filters:
        from scow.engine.container.psfilters import choose

        chosen, everything = choose(store, images, chosen, wanted.filters)
    else:
        everything = False
    if not (wanted.everything or everything or wanted.last > 0):
        chosen = [(r, s) for r, s in chosen if s.running]
    if wanted.last > 0:
        chosen = chosen[: wanted.last]
    names = _Names(images)
    return [_listed(store, r, s, names.of(r), size=wanted.size) for r, s in chosen]


def _listed(store: Store, record: ContainerRecord, state: State, image: str, *, size: bool) -> Listed:
    if not size:
        return Listed(record, state, image)
    own, virtual = sizes(store, record)
    return Listed(record, state, image, own, virtual)


def sizes(store: Store, record: ContainerRecord) -> tuple[int, int]:
    """Bytes of what the container has changed, and of that with its image."""
    from scow.engine.container.create import upper_of
    from scow.oci.digest import Digest
    from scow.store import images as image_rows
    from scow.store.layers.usage import content_size

    own = content_size(upper_of(store, record))

    image = image_rows.get(store.state, Digest.parse(record.image)) if record.image else None
    return own, own + (image.size if image else 0)


class _Names:
    """How the images of containers are called: as the user wrote it while that means the same image, else the id."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self._known: dict[str, str] = {}

    def of(self, record: ContainerRecord) -> str:
        """The IMAGE column."""
        from scow.errors import Error

        written = str(record.config["Config"]["Image"])
        if written not in self._known:
            try:
                self._known[written] = str(self._images.find(written).id)
            except Error:
                self._known[written] = ""
        return written if self._known[written] == record.image else record.image.removeprefix("sha256:")[:12]


def command_of(record: ContainerRecord) -> str:
    """The COMMAND column, not yet quoted: the path, and the arguments with those that have blanks in quotes."""
    from scow.engine.container.spec import args_of

    words = args_of(record.config["Config"])
    return " ".join([words[0], *(f"'{w}'" if " " in w else w for w in words[1:])])


def status(state: State, age: Age, now: float | None = None) -> str:
    """The STATUS column: ``Up 3 minutes (Paused)``, ``Exited (0) 2 hours ago``; ``age`` puts seconds into words."""
    now = time.time() if now is None else now
    if state.status in ("running", "paused"):
        words = f"Up {age(now - seconds(state.started_at))}"
        return words + (" (Paused)" if state.status == "paused" else "")
    if state.status == "restarting":
        return f"Restarting ({state.exit_code}) {age(now - seconds(state.finished_at))} ago"
    if state.status == "exited":
        ended = seconds(state.finished_at)
        return f"Exited ({state.exit_code}) {age(now - ended)} ago" if ended > 0 else f"Exited ({state.exit_code})"
    return "Created"


def seconds(stamp: str) -> float:
    """Seconds since 1970 of a time in a state file."""
    return parse_rfc3339(stamp) / 1e9


def ports_text(record: ContainerRecord, state: State) -> str:
    """The PORTS column (docker/cli's ``DisplayablePorts``): ``0.0.0.0:8080->80/tcp``, neighbours joined."""
    rows = sorted(networking.published(record, state), key=lambda p: (p[2], p[3], p[0], p[1]))
    groups: list[list[Any]] = []  # host ip, first host port, first and last port inside, protocol
    for ip, port, inside, protocol in rows:
        outside = int(port) if port else 0
        for g in groups:
            follows = g[0] == ip and g[4] == protocol and g[3] + 1 == inside
            if follows and (not ip or (g[1] + inside - g[2] == outside)):
                g[3] = inside
                break
        else:
            groups.append([ip, outside, inside, inside, protocol])
    return ", ".join(_group(*g) for g in groups)


def _group(ip: str, outside: int, first: int, last: int, protocol: str) -> str:
    inside = f"{first}" if first == last else f"{first}-{last}"
    if not ip:
        return f"{inside}/{protocol}"
    shown = f"{outside}" if first == last else f"{outside}-{outside + last - first}"
    return f"{f'[{ip}]' if ':' in ip else ip}:{shown}->{inside}/{protocol}"


def mounts_text(record: ContainerRecord, *, trunc: bool = True) -> str:
    """The Mounts field: names of volumes and sources of binds, long ones cut short."""
    found = [m.get("Name") or m["Source"] for m in mounted.shown(record.config["Mounts"])]
    return ",".join(n[:14] + "…" if trunc and len(n) > 15 else n for n in found)
