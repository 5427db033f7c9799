"""What starting a container leaves in its files: places to mount on that its image does not have.

Docker keeps these in a layer of their own below the container's, so that ``diff`` and ``commit`` never see them; here
they are in the container's upper directory, and are told apart. Whoever works inside the container cannot touch them:
something is mounted over each.
"""

from __future__ import annotations

import os
import stat

from scow.errors import NotFound
from scow.kernel.openat import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store
    from scow.store.tree import Info, Tree

PLACES = ("etc/hostname", "etc/hosts", "etc/resolv.conf", "proc", "sys", "dev")
_PARENT = "etc"


def scaffold(store: Store, record: ContainerRecord) -> frozenset[str]:
    """Paths without the leading slash, in the container's upper directory, that are of no one's making."""
    from scow.engine.container.create import upper_of

    upper = os.open(upper_of(store, record), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = {p for p in (*PLACES, _PARENT) if _look(upper, p) is not None}
        if not found:
            return frozenset()
        with store.layers.tree(store.layers.parent(record.id)) as image:
            ours = {p for p in found & set(PLACES) if _is_empty(upper, p) and _of(image, p) is None}
            if _PARENT in found and ours and _is_only(upper, {p.rpartition("/")[2] for p in ours if "/" in p}):
                before, now = _of(image, _PARENT), _look(upper, _PARENT)
                assert now is not None
                if before is None or _same(before, now):
                    ours.add(_PARENT)
            return frozenset(ours)
    finally:
        os.close(upper)


def _open(upper: int, path: str, flags: int) -> int:
    return openat2(upper, path, flags | os.O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)


def _look(upper: int, path: str) -> os.stat_result | None:
    try:
        fd = _open(upper, path, os.O_PATH)
    except OSError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _names(upper: int, path: str) -> list[str]:
    fd = _open(upper, path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def _is_empty(upper: int, path: str) -> bool:
    """Whether it is a file without content, or a directory with nothing in it."""
    found = _look(upper, path)
    if found is None:
        return False
    if stat.S_ISREG(found.st_mode):
        return found.st_size == 0
    return stat.S_ISDIR(found.st_mode) and not _names(upper, path)


def _is_only(upper: int, names: set[str]) -> bool:
    try:
        return set(_names(upper, _PARENT)) <= names
    except OSError:
        return False


def _of(image: Tree, path: str) -> Info | None:
    try:
        return image.stat(b"/" + path.encode(), follow=False)
    except NotFound:
        return None


def _same(before: Info, now: os.stat_result) -> bool:
    kept = (before.mode & 0o7777, before.uid, before.gid)
    return before.kind == "dir" and kept == (now.st_mode & 0o7777, now.st_uid, now.st_gid)
