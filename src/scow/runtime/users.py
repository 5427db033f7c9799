"""Who a container runs as: ``--user`` and ``--group-add`` looked up in the container's own files.

The rules are those of ``github.com/moby/sys/user`` (GetExecUser, GetAdditionalGroups), so that the same text means the
same ids and fails with the same words: a name or number, optionally ``:group``; the first entry that fits wins; a
number needs no entry; a malformed number in a file counts as 0; supplementary groups come from ``/etc/group`` unless a
group is named.
"""

from __future__ import annotations

import os
import stat

from scow.errors import Invalid
from scow.kernel.openat import open_in_root
from scow.runtime.program import reason
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_ID = (1 << 31) - 1
MOST_BYTES = 16 << 20
"""A longer passwd or group file is an attack or a mistake; moby reads it all."""


@value
class Identity:
    """What a process becomes: ids, supplementary groups, and its home directory."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/"


def read_accounts(root: int, path: str) -> list[list[str]]:
    """The fields of each line of ``/etc/passwd`` or ``/etc/group`` in the root open as ``root``; none if it is missing.

    The path is resolved inside the root. A FIFO or device in its place is refused, not waited on.
    """
    try:
        fd = open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as e:
        raise Invalid(f"{path}: {reason(e)}") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise Invalid(f"{path} in the container is not a regular file")
        if found.st_size > MOST_BYTES:
            raise Invalid(f"{path} in the container is too large: {found.st_size} bytes")
        chunks = []
        while chunk := os.read(fd, 1 << 20):
            chunks.append(chunk)
            if len(chunks) > 64:  # it grows while it is read
                raise Invalid(f"{path} in the container is too large")
    finally:
        os.close(fd)
    lines = b"".join(chunks).decode("utf-8", "surrogateescape").split("\n")
    return [line.strip().split(":") for line in lines if line.strip()]


def lookup(root: int, name: str, groups: Iterable[str] = ()) -> Identity:
    """The identity ``name`` (``user[:group]``, "" for the root user) and ``groups`` mean in the container."""
    users = read_accounts(root, "/etc/passwd")
    teams = read_accounts(root, "/etc/group") if name.strip(":") or users or groups else []
    found = _user(name, users, teams)
    extra = [_group_id(g, teams) for g in groups]
    everyone = dict.fromkeys([found.gid, *found.groups, *extra])
    return Identity(found.uid, found.gid, tuple(everyone), found.home)


def home_of(root: int, uid: int) -> str:
    """The home directory of ``uid`` by the container's passwd file, ``/`` where it has none."""
    for entry in read_accounts(root, "/etc/passwd"):
        if _number(_field(entry, 2)) == uid:
            return _field(entry, 5) or "/"
    return "/"


def _user(spec: str, users: list[list[str]], teams: list[list[str]]) -> Identity:
    name, _, group = spec.partition(":")
    wanted = _decimal(name) if name else 0
    entry = next((u for u in users if (_number(_field(u, 2)) == wanted if wanted is not None else u[0] == name)), None)
    if entry is not None:
        uid, gid, home = _number(_field(entry, 2)), _number(_field(entry, 3)), _field(entry, 5) or "/"
    elif wanted is None:
        raise Invalid(f"unable to find user {name}: no matching entries in passwd file")
    else:
        uid, gid, home = _in_range(wanted), 0, "/"
    if group:
        return Identity(uid, _find_group(group, teams), (), home)
    return Identity(uid, gid, tuple(_memberships(entry[0], teams)) if entry else (), home)


def _find_group(name: str, teams: list[list[str]]) -> int:
    wanted = _decimal(name)
    for team in teams:
        gid = _number(_field(team, 2))
        if gid == wanted if wanted is not None else team[0] == name:
            return gid
    if wanted is None:
        raise Invalid(f"unable to find group {name}: no matching entries in group file")
    return _in_range(wanted)


def _group_id(name: str, teams: list[list[str]]) -> int:
    """One of ``--group-add``: a name of the group file, or any number."""
    for team in teams:
        if team[0] == name:
            return _number(_field(team, 2))
    wanted = _decimal(name)
    if wanted is None:
        raise Invalid(f"unable to find group {name}: no matching entries in group file")
    return _in_range(wanted)


def _memberships(user: str, teams: list[list[str]]) -> Iterator[int]:
    return (_number(_field(t, 2)) for t in teams if user in _field(t, 3).split(","))


def _field(entry: list[str], number: int) -> str:
    return entry[number] if number < len(entry) else ""


def _decimal(text: str) -> int | None:
    """What Go's strconv.Atoi reads: an optional sign and ASCII digits."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None


def _number(text: str) -> int:
    return _decimal(text) or 0


def _in_range(number: int) -> int:
    if not 0 <= number <= MOST_ID:
        raise Invalid(f"uids and gids must be in range 0-{MOST_ID}")
    return number
