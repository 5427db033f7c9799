"""Start a fresh, minimal interpreter of ours: the supervisor of a container, or a build's zygote.

A copy of that interpreter enters containers and becomes their first process. A hostile image can have it execute
``/proc/self/exe``, and would then hold a descriptor of the host's own Python binary, to be overwritten as soon as
nobody runs it (CVE-2019-5736). So it is started from a detached, read-only bind mount of the binary: whatever path
leads to that file from inside, opening it for writing is EROFS. This costs two system calls and leaves nothing behind.
"""

from __future__ import annotations

import os
import sys

from scow.kernel import mount_fd
from scow.kernel.mount_options import MOUNT_ATTR_RDONLY

FLAGS = ("-I", "-S", "-X", "utf8", "-X", "frozen_modules=on")
SOCKET = 3
"""Where the child finds its end of the socket."""
_ORIGIN_LIMIT = 1 << 20


def spawn(script: str, socket: int, args: tuple[str, ...] = ()) -> int:
    """Run ``script`` (a path) in a session of its own, with ``socket`` as descriptor 3; its pid.

    The standard streams are /dev/null: a supervisor outlives the terminal or pipe it was started from.
    """
    binary = os.path.realpath(sys.executable)
    tree = _read_only(binary)
    path = f"/proc/self/fd/{tree}" if tree >= 0 else binary
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, 0, 2),
        (os.POSIX_SPAWN_DUP2, socket, SOCKET),
    ]
    try:
        # argv[0] stays the interpreter's own name: it finds its library by that.
        argv = [sys.executable, *FLAGS, script, *args]
        return os.posix_spawn(path, argv, {"PATH": os.defpath}, file_actions=actions, setsid=True)
    finally:
        if tree >= 0:
            os.close(tree)


def _read_only(binary: str) -> int:
    """A detached read-only mount of one file; -1 where there is none to be had.

    A binary whose library lies at ``$ORIGIN`` would not find it from there, and someone who may not make a mount is not
    the owner of the binary either.
    """
    try:
        if os.stat(binary).st_size < _ORIGIN_LIMIT:
            with open(binary, "rb") as f:
                if b"$ORIGIN" in f.read():
                    return -1
        tree = mount_fd.open_tree(binary)
    except OSError:
        return -1
    mount_fd.mount_setattr(tree, MOUNT_ATTR_RDONLY)
    return tree
