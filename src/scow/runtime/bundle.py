"""What is needed to make one container: the bundle of the OCI runtime specification, as a value."""

from __future__ import annotations

import os

from scow.kernel.mount import Mount
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@value
class Bundle:
    """One container to be.

    ``spec`` is an OCI runtime-spec config; ``rootfs`` the mounts that make its root (the one without a target is
    ``/``); ``directory`` (ROOT/containers/<id>) lives as long as the container, ``state`` (RUN/containers/<id>) until
    reboot. Either directory may be "" for a container without a supervisor (a build step).
    """

    id: str
    spec: dict[str, Any]
    rootfs: tuple[Mount, ...]
    directory: str = ""
    state: str = ""


def to_json(bundle: Bundle) -> dict[str, Any]:
    """The bundle as plain JSON values."""
    rootfs = [[m.type, m.source, m.target, list(m.options)] for m in bundle.rootfs]
    return {
        "id": bundle.id,
        "spec": bundle.spec,
        "rootfs": rootfs,
        "directory": bundle.directory,
        "state": bundle.state,
    }


def from_json(found: dict[str, Any]) -> Bundle:
    """The bundle ``to_json`` made this of."""
    rootfs = tuple([Mount(kind, source, target, tuple(words)) for kind, source, target, words in found["rootfs"]])
    return Bundle(found["id"], found["spec"], rootfs, found["directory"], found["state"])


def load(directory: str, state: str = "") -> Bundle:
    """A bundle directory as other runtimes have it: ``config.json`` and the root named in it, bound as it is."""
    from scow.errors import Invalid
    from scow.runtime import light

    with open(os.path.join(directory, "config.json"), "rb") as f:
        spec = light.loads(f.read(16 << 20))
    if not isinstance(spec, dict) or not isinstance(spec.get("root"), dict):
        raise Invalid(f"{directory}/config.json: no root")
    root = os.path.join(directory, spec["root"].get("path", "rootfs"))
    name = os.path.basename(os.path.abspath(directory))
    return Bundle(name, spec, (Mount("bind", root, "", ("rbind",)),), directory, state)
