"""The networks of a container: what its supervisor attaches, and what ``inspect`` and ``ps`` show of them."""

from __future__ import annotations

from scow.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.store.store import Store

BUILT_IN = ("bridge", "host", "none")


def orders(store: Store, host: dict[str, Any]) -> tuple[Any, ...]:
    """What the supervisor is to attach."""
    mode = host.get("NetworkMode", "bridge")
    if mode == "host" or mode.startswith("container:"):
        return ()
    raise Unsupported(f"network {mode}")
