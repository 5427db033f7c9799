"""The root itself: its mount, read-only at the end, and the change to it."""

from __future__ import annotations

import os

from scow.errors import Invalid
from scow.kernel import mount_fd
from scow.kernel.mount import MNT_DETACH, MS_PRIVATE, Mount, mount_tree, pivot_root, umount
from scow.kernel.mount_options import MOUNT_ATTR_RDONLY
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.runtime.steps.root import Root


@value
class MountRoot:
    """Cut all ties of the namespace's mounts to the host's, then mount the root over ``/``.

    There it is in nobody's way: the host's paths stay reachable for us, whose root is below it, until the pivot.
    """

    mount: Mount

    def describe(self) -> str:
        """One line."""
        return f"root: {self.mount.type}"

    def prepare(self, root: Root) -> None:
        """A bound root is copied where it is mounted; an overlay is made in the namespace, and dies with it."""
        if self.mount.type == "bind":
            root.trees[self] = mount_tree(self.mount)

    def execute(self, root: Root) -> None:
        """Do it."""
        # AT_RECURSIVE on an O_PATH descriptor of `/`: what happens to our copies stays here, and the other way round.
        host = os.open("/", os.O_PATH | os.O_CLOEXEC)
        mount_fd.mount_setattr(host, propagation=MS_PRIVATE, recursive=True)
        os.close(host)
        tree = root.trees.pop(self, -1)
        if tree < 0:
            tree = mount_tree(self.mount)
        mount_fd.mount_setattr(tree, propagation=MS_PRIVATE, recursive=True)
        mount_fd.attach(tree, "/")
        root.fd = tree


@value
class ReadOnlyRoot:
    """Make the root's own mount read-only; what is mounted inside it keeps its own state."""

    def describe(self) -> str:
        """One line."""
        return "root: read-only"

    def execute(self, root: Root) -> None:
        """Do it."""
        mount_fd.mount_setattr(root.fd, MOUNT_ATTR_RDONLY)


@value
class Directory:
    """The working directory: made where it is missing, opened without following anything out of the root.

    It is entered by this descriptor after the pivot: a ``cwd`` of ``/proc/self/fd/7`` (CVE-2024-21626) finds no host
    directory, since magic links are refused.
    """

    path: str

    def describe(self) -> str:
        """One line."""
        return f"cwd: {self.path}"

    def execute(self, root: Root) -> None:
        """Do it."""
        try:
            root.cwd = root.directory(self.path)
        except NotADirectoryError:
            raise Invalid(f"Cannot mkdir: {self.path} is not a directory") from None


@value
class Pivot:
    """Make the root the root: ``pivot_root(".", ".")``, and let go of the host's."""

    def describe(self) -> str:
        """One line."""
        return "pivot_root"

    def execute(self, root: Root) -> None:
        """Do it."""
        os.fchdir(root.fd)
        pivot_root(".", ".")
        umount(".", MNT_DETACH)
        os.chdir("/")
        if root.cwd >= 0:
            os.fchdir(root.cwd)
            os.close(root.cwd)
            root.cwd = -1
        if not os.getcwd().startswith("/"):  # the kernel's "(unreachable)"
            raise Invalid("current working directory is outside of container mount namespace root")
