"""The mount points a record holds, read: apart from their making, because every listing needs it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def anonymous(mounts: list[dict[str, Any]]) -> list[str]:
    """Names of the volumes that were made for this container alone."""
    return [m["Name"] for m in mounts if m.get("anonymous")]


def shown(mounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mount points with docker's fields only."""
    return [{k: v for k, v in m.items() if k[0].isupper()} for m in mounts]
