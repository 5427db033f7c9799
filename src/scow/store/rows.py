"""What the table modules share: JSON columns and docker's way to say a thing by name, id or the beginning of its id."""

from __future__ import annotations

from scow import light
from scow.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from scow.store.state import State

_HEX = frozenset("0123456789abcdef")
NAME_RULE = "[a-zA-Z0-9][a-zA-Z0-9_.-]"


def dump(document: object) -> str:
    """Compact JSON for a column; ASCII, so that arguments which are no UTF-8 (lone surrogates) survive."""
    return light.dumps(document)


def labels(text: str) -> dict[str, str]:
    """A labels column; most are empty, so those skip the parser."""
    return {} if text == "{}" else light.loads(text)


def find_id(state: State, table: str, text: str, what: str) -> str:
    """The id in ``table`` meant by ``text``: the full id, else a name, else a unique beginning of an id, as docker.

    ``what`` is docker's word for the thing. Raises NotFound, or Invalid where the beginning fits several.
    """
    query = f"SELECT id FROM {table} WHERE "  # noqa: S608  table is one of our own names
    row = state.row(query + "id = ?", text) or state.row(query + "name = ?", text.removeprefix("/"))
    if row:
        return str(row[0])
    found = ids_with_prefix(state, table, text) if text and set(text) <= _HEX else []
    if len(found) > 1:
        raise ambiguous(text)
    if not found:
        raise NotFound(f"No such {what}: {text}")
    return found[0]


def ids_with_prefix(state: State, table: str, prefix: str) -> list[str]:
    """At most two ids in ``table`` that begin with ``prefix`` (hexadecimal, perhaps after an algorithm)."""
    query = f"SELECT id FROM {table} WHERE id >= ? AND id < ? LIMIT 2"  # noqa: S608
    return [str(found) for (found,) in state.rows(query, prefix, prefix + "g")]


def ambiguous(prefix: str) -> Invalid:
    """Docker's error for the beginning of more than one id."""
    return Invalid(f"multiple IDs found with provided prefix: {prefix}", hint="write more of the id")


def check_name(name: str, what: str) -> None:
    """Raise Invalid, in docker's words for ``what``, unless :func:`is_name`."""
    if not is_name(name):
        raise Invalid(f"Invalid {what} name ({name}), only {NAME_RULE} are allowed")


def is_name(name: str) -> bool:
    """Docker's rule for names: two characters or more of a safe alphabet, the first a letter or digit."""
    first, rest = name[:1], name[1:]
    return first.isascii() and first.isalnum() and bool(rest) and all(_allowed(c) for c in rest)


def _allowed(c: str) -> bool:
    return c.isascii() and (c.isalnum() or c in "_.-")


def matches(wanted: Mapping[str, str | None], have: Mapping[str, Any]) -> bool:
    """Docker's ``label`` filter: each wanted label is there, with the wanted value unless that is None."""
    return all(k in have and (v is None or have[k] == v) for k, v in wanted.items())
