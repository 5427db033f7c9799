"""mount(2) and its relatives as they have always been, one thin function each."""

from __future__ import annotations

from scow.kernel.mount_options import MS_BIND, MS_MOVE, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT
from scow.kernel.syscall import check, cstring

TYPE_CHECKING = False
if TYPE_CHECKING:
    Path = str | bytes

MNT_FORCE = 1
MNT_DETACH = 2
MNT_EXPIRE = 4
UMOUNT_NOFOLLOW = 8


def mount(source: Path, target: Path, fstype: str = "", flags: int = 0, data: Path | None = None) -> None:
    """mount(2)."""
    options = cstring(data) if data else None
    check("mount", cstring(source), cstring(target), cstring(fstype) or None, flags, options, path=target)


def umount(target: Path, flags: int = 0) -> None:
    """umount2(2); MNT_DETACH takes the mount away at once and lets its users finish."""
    check("umount2", cstring(target), flags, path=target)


def pivot_root(new: Path, old: Path) -> None:
    """pivot_root(2). ``pivot_root(".", ".")`` after chdir(new), then umount(".", MNT_DETACH), needs no directory for
    the old root.
    """
    check("pivot_root", cstring(new), cstring(old), path=new)


def set_propagation(target: Path, propagation: int = MS_REC | MS_PRIVATE) -> None:
    """Change how mount events below ``target`` travel (MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, with or without
    MS_REC).
    """
    mount("none", target, "", propagation)


def bind(source: Path, target: Path, *, recursive: bool = True, flags: int = 0) -> None:
    """Bind ``source`` at ``target``; ``flags`` such as MS_RDONLY take a second call: the first ignores them."""
    mount(source, target, "", MS_BIND | (MS_REC if recursive else 0))
    if flags:
        mount("none", target, "", MS_BIND | MS_REMOUNT | flags)


def remount_read_only(target: Path, keep: int = 0) -> None:
    """Make one mount (not its superblock) read-only; ``keep`` are flags it has that are locked in a user namespace."""
    mount("none", target, "", MS_BIND | MS_REMOUNT | MS_RDONLY | keep)


def move(source: Path, target: Path) -> None:
    """Move a mount; the parent of ``source`` must not be shared."""
    mount(source, target, "", MS_MOVE)
