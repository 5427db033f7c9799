"""``rename``, in docker's words."""

from __future__ import annotations

from scow.errors import Conflict, Error, Invalid
from scow.store import containers as rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.store import Store


def rename(store: Store, text: str, name: str) -> None:
    """Give a container another name. NotFound, Invalid, Conflict."""
    if not text.strip() or not name.strip():
        raise Invalid("Neither old nor new names may be empty")
    record = rows.get(store.state, text)
    new = name.removeprefix("/")
    if new == record.name:
        raise Invalid("Renaming a container with the same name as its current name")
    try:
        rows.rename(store.state, record.id, new)
    except (Conflict, Invalid) as e:
        raise _allocating(e) from None


def _allocating(e: Error) -> Error:
    return type(e)(f"Error when allocating new name: {e}", e.hint)
