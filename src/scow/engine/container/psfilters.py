"""``ps --filter``: docker's filters of containers (moby daemon/list.go)."""

from __future__ import annotations

import re

from scow.engine import filters
from scow.engine.container import states
from scow.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.engine.container.states import State
    from scow.engine.images import Images
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store

    Pair = tuple[ContainerRecord, State]

KNOWN = ("ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
         "publish", "since", "status", "volume")  # fmt: skip
HEALTH = ("none", "starting", "healthy", "unhealthy")


def choose(store: Store, images: Images, pairs: list[Pair], texts: tuple[str, ...]) -> tuple[list[Pair], bool]:
    """The containers that fit all filters, and whether those that do not run are wanted too (as some filters imply)."""
    found = filters.parse(texts, KNOWN)
    check(found)
    chosen = _neighbours(store, pairs, found)
    tests = [_exited, _status, _labels, _names, _networks, _volumes, _ports]
    chosen = [p for p in chosen if all(test(p, found) for test in tests)]
    if "ancestor" in found:
        wanted = _ancestors(store, images, found["ancestor"])
        chosen = [p for p in chosen if p[0].image in wanted]
    return chosen, "status" in found or "exited" in found


def check(found: dict[str, list[str]]) -> None:
    """Invalid, in docker's words, for values that cannot be."""
    for text in found.get("status", ()):
        if text not in states.STATES:
            problem = f"invalid value for state ({text}): must be one of {', '.join(states.STATES)}"
            raise Invalid(f"invalid filter 'status={text}': {problem}")
    for text in found.get("exited", ()):
        if not text.lstrip("-").isdigit():
            raise Invalid(f"invalid filter 'exited={text}': strconv.Atoi: parsing \"{text}\": invalid syntax")
    for text in found.get("health", ()):
        if text not in HEALTH:
            problem = f"invalid value for health ({text}): must be one of {', '.join(HEALTH)}"
            raise Invalid(f"invalid filter 'health={text}': {problem}")
    for name in ("publish", "expose"):
        for text in found.get(name, ()):
            _range(text, name)


def _range(text: str, name: str) -> tuple[range, str]:
    ports, _, protocol = text.partition("/")
    low, dash, high = ports.partition("-")
    for part in (low, high if dash else low):
        if not part.isdigit():
            raise Invalid(
                f'error while looking up for {name} {text}: strconv.ParseUint: parsing "{part}": invalid syntax'
            )
    return range(int(low), int(high if dash else low) + 1), protocol or "tcp"


def _neighbours(store: Store, pairs: list[Pair], found: dict[str, list[str]]) -> list[Pair]:
    from scow.store import containers as rows

    for name, newer in (("since", True), ("before", False)):
        for text in found.get(name, ()):
            edge = rows.get(store.state, text).created
            pairs = [p for p in pairs if (p[0].created > edge if newer else p[0].created < edge)]
    return pairs


def _ancestors(store: Store, images: Images, texts: list[str]) -> set[str]:
    """Ids of the images named, and of all that were made from them: an image whose layers begin with theirs."""
    from scow.store import images as rows

    wanted: set[str] = set()
    known = rows.list_all(store.state)
    for text in texts:
        try:
            image = images.find(text)
        except (NotFound, Invalid):
            continue
        count = len(image.diff_ids)
        wanted.update(str(i.id) for i in known if i.id == image.id or (count and i.diff_ids[:count] == image.diff_ids))
    return wanted


def _exited(pair: Pair, found: dict[str, list[str]]) -> bool:
    _, state = pair
    wanted = found.get("exited")
    return wanted is None or (state.status == "exited" and state.exit_code in [int(t) for t in wanted])


def _status(pair: Pair, found: dict[str, list[str]]) -> bool:
    wanted = found.get("status")
    return (wanted is None or pair[1].status in wanted) and _health(found)


def _health(found: dict[str, list[str]]) -> bool:
    """No container has a health check that runs."""
    return "health" not in found or "none" in found["health"]


def _labels(pair: Pair, found: dict[str, list[str]]) -> bool:
    return filters.labels_match(found, pair[0].labels)


def _names(pair: Pair, found: dict[str, list[str]]) -> bool:
    record = pair[0]
    if "id" in found and not any(record.id.startswith(t) or _search(t, record.id) for t in found["id"]):
        return False
    return "name" not in found or any(_search(t, record.name) or _search(t, f"/{record.name}") for t in found["name"])


def _search(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return pattern in text


def _networks(pair: Pair, found: dict[str, list[str]]) -> bool:
    mode = pair[0].config["HostConfig"].get("NetworkMode", "bridge")
    return "network" not in found or mode in found["network"]


def _volumes(pair: Pair, found: dict[str, list[str]]) -> bool:
    if "volume" not in found:
        return True
    mounts = pair[0].config["Mounts"]
    have = {m.get("Name") or m["Source"] for m in mounts} | {m["Destination"] for m in mounts}
    return any(t in have for t in found["volume"])


def _ports(pair: Pair, found: dict[str, list[str]]) -> bool:
    config, host = pair[0].config["Config"], pair[0].config["HostConfig"]
    have = {"expose": config.get("ExposedPorts") or {}, "publish": host.get("PortBindings") or {}}
    for name, ports in have.items():
        if name in found:
            wanted = [_range(t, name) for t in found[name]]
            if not any(f"{n}/{protocol}" in ports for numbers, protocol in wanted for n in numbers):
                return False
    return True
