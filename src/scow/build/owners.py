"""``--chown``: names as the image's ``/etc/passwd`` and ``/etc/group`` have them, read through the tree."""

from __future__ import annotations

from scow import errors
from scow.build.files import lookup, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.build.files import Files
    from scow.build.ops import Owner, User


def resolve(owner: Owner | None, tree: Callable[[int], Files]) -> tuple[int, int] | None:
    """(uid, gid) of an owner; None keeps what the source has. ``tree`` gives the input that names are looked up in.

    Without a group it is that of the user's entry, or the user's number again, as BuildKit has it.
    """
    if owner is None:
        return None
    uid, primary = _user(owner.user, tree)
    gid = primary
    if owner.group is not None:
        gid = owner.group.id
        if owner.group.name:
            gid = _number(owner.group.name, "group", _lines(tree(owner.group.input), "etc/group"))[0]
    return uid, gid


def _user(user: User | None, tree: Callable[[int], Files]) -> tuple[int, int]:
    if user is None:
        return 0, 0
    if not user.name:
        return user.id, user.id
    fields = _number(user.name, "user", _lines(tree(user.input), "etc/passwd"))
    return fields[0], fields[1]


def _number(name: str, kind: str, lines: list[list[str]]) -> list[int]:
    """The numbers of the entry of a name; a number that no entry has stands for itself."""
    for fields in lines:
        if fields[0] == name and len(fields) > 3 - (kind == "group"):
            try:
                return [int(f) for f in fields[2:4] if f.isdigit()] if kind == "user" else [int(fields[2])]
            except ValueError:
                break
    if name.isdigit() and int(name) < 1 << 32:
        return [int(name), int(name)]
    raise errors.Invalid(
        f"unable to convert uid/gid chown string to host mapping: can't find {kind} for {name}: "
        f"no matching entries in {'passwd' if kind == 'user' else 'group'} file"
    )


def _lines(files: Files, path: str) -> list[list[str]]:
    info = lookup(files, path)
    if info is None or info.kind != "file":
        return []
    text = read(files, info).decode("utf-8", "surrogateescape")
    return [line.split(":") for line in text.splitlines() if line and not line.startswith("#")]
