"""What a plan needs to know of the host."""

from __future__ import annotations

import os

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@value
class Host:
    """Facts that change a plan.

    ``mknod``: device nodes can be made and used (real root); ``cgroups``: (name, directory) of the container's own
    groups, for its view of /sys/fs/cgroup; ``links``: (alias, name) of controllers that share a hierarchy.
    """

    mknod: bool = True
    cgroups: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()


def in_user_namespace(spec: dict[str, Any]) -> bool:
    """Whether a container of this spec is in another user namespace than the host's first one."""
    if any(n["type"] == "user" for n in spec["linux"]["namespaces"]):
        return True
    return not initial_user_namespace()


def initial_user_namespace() -> bool:
    """Whether we are the machine's root: all ids map to themselves."""
    with open("/proc/self/uid_map", encoding="ascii") as f:
        return os.geteuid() == 0 and f.read().split() == ["0", "0", "4294967295"]
