"""How a child gets into a container's root: the files as ``cp`` shows them, and nothing of the host.

A container that runs has its root mounted already, in its own mount namespace: the child takes a copy of that
namespace, in which what every container gets anew (``/proc``, ``/sys``, ``/dev``) is taken away. For one that does not
run the child mounts root, volumes and binds in a namespace of its own. Neither leaves anything behind.
"""

from __future__ import annotations

import errno
import os

from scow.errors import Conflict
from scow.kernel import mount_fd
from scow.kernel.mount import MNT_DETACH, UMOUNT_NOFOLLOW, Mount, mount_tree, set_propagation, umount
from scow.kernel.namespaces import CLONE_NEWNS, setns, unshare
from scow.runtime import statefile
from scow.runtime.steps.mounts import Bind
from scow.runtime.steps.root import Root
from scow.runtime.steps.rootfs import Pivot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class View(Protocol):
        """A way into a container's root."""

        def enter(self) -> None:
            """Go there for good; the caller is a child with one thread."""
            ...


KERNEL = ("/proc", "/sys", "/dev")
"""Where every container gets something new at each start: what is copied there would be hidden by it."""


class Running:
    """The root of the container that process ``pid`` is of; ``started`` names that process for good.

    Of the mount points in ``KERNEL`` those in ``keep`` stay. ``bare``: the root's own files, without any mount in it.
    """

    def __init__(self, pid: int, started: int, keep: frozenset[str], *, bare: bool = False) -> None:
        self._keep = keep
        self._bare = bare
        try:
            self._namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, ProcessLookupError):
            raise Conflict("the container has just ended", hint="try again") from None
        if statefile.start_time(pid) != started:  # the number was given to another process meanwhile
            self.close()
            raise Conflict("the container has just ended", hint="try again")

    def enter(self) -> None:
        """Join the namespace, and take a copy of it."""
        setns(self._namespace, CLONE_NEWNS)
        if self._bare:
            os.fchdir(mount_fd.open_tree("/"))
            os.chroot(".")
            return
        unshare(CLONE_NEWNS)
        set_propagation("/")
        for path in KERNEL:
            if path in self._keep:
                continue
            try:
                umount(path, MNT_DETACH | UMOUNT_NOFOLLOW)
            except OSError as e:
                if e.errno not in (errno.EINVAL, errno.ENOENT):  # not mounted: a container may have done that itself
                    raise
        os.chdir("/")

    def close(self) -> None:
        """Let go of the namespace."""
        os.close(self._namespace)


class Stopped:
    """A root that is mounted for us: ``rootfs`` first (at the directory ``at``, unseen), then ``binds`` in it."""

    def __init__(self, rootfs: Mount, at: str, binds: tuple[Mount, ...]) -> None:
        self._rootfs, self._at = rootfs, at
        self._root = Root()
        self._binds = tuple([Bind(m) for m in binds])
        try:
            for step in self._binds:
                step.prepare(self._root)
        except BaseException:
            self.close()
            raise

    def enter(self) -> None:
        """Mount everything in a namespace of our own, and make it the root."""
        unshare(CLONE_NEWNS)
        set_propagation("/")
        self._root.fd = mount_tree(self._rootfs)
        mount_fd.attach(self._root.fd, self._at)
        for step in self._binds:
            step.execute(self._root)
        Pivot().execute(self._root)

    def close(self) -> None:
        """Let go of the sources."""
        for fd in self._root.trees.values():
            os.close(fd)
        self._root.trees.clear()
