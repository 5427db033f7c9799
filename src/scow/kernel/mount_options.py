"""Mount flags, and the option words of fstab and the OCI runtime specification (config.md, "Linux mount options")."""

from __future__ import annotations

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_SYNCHRONOUS = 16
MS_REMOUNT = 32
MS_MANDLOCK = 64
MS_DIRSYNC = 128
MS_NOSYMFOLLOW = 256
MS_NOATIME = 1024
MS_NODIRATIME = 2048
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_SILENT = 32768
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_I_VERSION = 1 << 23
MS_STRICTATIME = 1 << 24
MS_LAZYTIME = 1 << 25

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x100000
MOUNT_ATTR_NOSYMFOLLOW = 0x200000

PROPAGATION = {
    "private": MS_PRIVATE,
    "rprivate": MS_PRIVATE | MS_REC,
    "shared": MS_SHARED,
    "rshared": MS_SHARED | MS_REC,
    "slave": MS_SLAVE,
    "rslave": MS_SLAVE | MS_REC,
    "unbindable": MS_UNBINDABLE,
    "runbindable": MS_UNBINDABLE | MS_REC,
}

# word: (flags it sets, flags it clears)
_WORDS = {
    "defaults": (0, 0),
    "async": (0, MS_SYNCHRONOUS),
    "sync": (MS_SYNCHRONOUS, 0),
    "atime": (0, MS_NOATIME),
    "noatime": (MS_NOATIME, MS_STRICTATIME | MS_RELATIME),
    "bind": (MS_BIND, 0),
    "rbind": (MS_BIND | MS_REC, 0),
    "dev": (0, MS_NODEV),
    "nodev": (MS_NODEV, 0),
    "diratime": (0, MS_NODIRATIME),
    "nodiratime": (MS_NODIRATIME, 0),
    "dirsync": (MS_DIRSYNC, 0),
    "exec": (0, MS_NOEXEC),
    "noexec": (MS_NOEXEC, 0),
    "iversion": (MS_I_VERSION, 0),
    "noiversion": (0, MS_I_VERSION),
    "lazytime": (MS_LAZYTIME, 0),
    "nolazytime": (0, MS_LAZYTIME),
    "loud": (0, MS_SILENT),
    "silent": (MS_SILENT, 0),
    "mand": (MS_MANDLOCK, 0),
    "nomand": (0, MS_MANDLOCK),
    "relatime": (MS_RELATIME, MS_NOATIME | MS_STRICTATIME),
    "norelatime": (0, MS_RELATIME),
    "remount": (MS_REMOUNT, 0),
    "ro": (MS_RDONLY, 0),
    "rw": (0, MS_RDONLY),
    "strictatime": (MS_STRICTATIME, MS_NOATIME | MS_RELATIME),
    "nostrictatime": (0, MS_STRICTATIME),
    "suid": (0, MS_NOSUID),
    "nosuid": (MS_NOSUID, 0),
    "symfollow": (0, MS_NOSYMFOLLOW),
    "nosymfollow": (MS_NOSYMFOLLOW, 0),
}
# The recursive words are done with mount_setattr(AT_RECURSIVE): (attributes set, attributes cleared).
_RECURSIVE = {
    "rro": (MOUNT_ATTR_RDONLY, 0),
    "rrw": (0, MOUNT_ATTR_RDONLY),
    "rnosuid": (MOUNT_ATTR_NOSUID, 0),
    "rsuid": (0, MOUNT_ATTR_NOSUID),
    "rnodev": (MOUNT_ATTR_NODEV, 0),
    "rdev": (0, MOUNT_ATTR_NODEV),
    "rnoexec": (MOUNT_ATTR_NOEXEC, 0),
    "rexec": (0, MOUNT_ATTR_NOEXEC),
    "rnodiratime": (MOUNT_ATTR_NODIRATIME, 0),
    "rdiratime": (0, MOUNT_ATTR_NODIRATIME),
    "rnoatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "ratime": (0, MOUNT_ATTR__ATIME),
    "rrelatime": (0, MOUNT_ATTR__ATIME),
    "rnorelatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "rstrictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "rnostrictatime": (0, MOUNT_ATTR__ATIME),
    "rnosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
    "rsymfollow": (0, MOUNT_ATTR_NOSYMFOLLOW),
}
_EXTENSIONS = ("idmap", "ridmap", "tmpcopyup")
_ATTRS = {
    MS_RDONLY: MOUNT_ATTR_RDONLY,
    MS_NOSUID: MOUNT_ATTR_NOSUID,
    MS_NODEV: MOUNT_ATTR_NODEV,
    MS_NOEXEC: MOUNT_ATTR_NOEXEC,
    MS_NODIRATIME: MOUNT_ATTR_NODIRATIME,
    MS_NOSYMFOLLOW: MOUNT_ATTR_NOSYMFOLLOW,
    MS_NOATIME: MOUNT_ATTR_NOATIME,
    MS_STRICTATIME: MOUNT_ATTR_STRICTATIME,
}
# Words that belong to the superblock, which fsconfig(FSCONFIG_SET_FLAG) takes under these names.
SUPERBLOCK = {
    MS_RDONLY: "ro",
    MS_SYNCHRONOUS: "sync",
    MS_DIRSYNC: "dirsync",
    MS_LAZYTIME: "lazytime",
    MS_MANDLOCK: "mand",
}


@value
class Options:
    """Mount option words sorted by who takes them.

    ``flags``/``clear`` are MS_* bits asked for and asked away; ``propagation`` is MS_SHARED and so on (0: leave it);
    ``data`` goes to the file system; ``recursive_set``/``recursive_clear`` are MOUNT_ATTR_* bits for the whole tree;
    ``extensions`` are words only a runtime understands (``idmap``, ``ridmap``, ``tmpcopyup``).
    """

    flags: int
    clear: int
    propagation: int
    data: tuple[str, ...]
    recursive_set: int = 0
    recursive_clear: int = 0
    extensions: tuple[str, ...] = ()


def parse_options(options: Iterable[str]) -> Options:
    """Sort option words; of two that contradict each other the later one wins, and unknown words are the file
    system's.
    """
    flags = clear = propagation = rset = rclear = 0
    data: list[str] = []
    extensions: list[str] = []
    for word in options:
        if word in _WORDS:
            on, off = _WORDS[word]
            flags, clear = flags & ~off | on, clear & ~on | off
        elif word in PROPAGATION:
            propagation = PROPAGATION[word]
        elif word in _RECURSIVE:
            on, off = _RECURSIVE[word]
            rset, rclear = rset & ~off | on, rclear & ~on | off
            rclear |= MOUNT_ATTR__ATIME if on & MOUNT_ATTR__ATIME else 0
        elif word.split("=", 1)[0] in _EXTENSIONS:
            extensions.append(word)
        elif word:
            data.append(word)
    return Options(flags, clear, propagation, tuple(data), rset, rclear, tuple(extensions))


def attributes(flags: int) -> int:
    """The MOUNT_ATTR_* bits for those of the MS_* ``flags`` that belong to a mount and not to its superblock."""
    attrs = 0
    for bit, attr in _ATTRS.items():
        if flags & bit:
            attrs |= attr
    return attrs
