"""How a value is printed: fmt.Print's form of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def show(v: Any) -> str:
    """What ``{{.X}}`` prints: fmt.Print's form of a value."""
    if v is None:
        return "<no value>"
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, dict):
        return "map[" + " ".join(f"{show(k)}:{show(v[k])}" for k in sorted(v, key=str)) + "]"
    if isinstance(v, list | tuple):
        return "[" + " ".join(show(x) for x in v) + "]"
    if isinstance(v, float):
        return f"{v:g}" if abs(v) < 1e21 else f"{v:e}"
    return str(v)
