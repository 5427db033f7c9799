"""Mounts inside the root: new file systems, and parts of the host."""

from __future__ import annotations

import os

from scow.errors import Invalid, NotFound
from scow.kernel import mount_fd
from scow.kernel.mount import MS_PRIVATE, MS_REC, Mount, mount_tree
from scow.kernel.mount_options import parse_options
from scow.runtime.steps.root import Root, attach, explain, is_directory
from scow.values import value

KERNEL_TYPES = ("proc", "sysfs")
"""Mounted only on real directories: masks and read-only paths below them must cover what they mean to."""


@value
class Filesystem:
    """A new instance of a file system: proc, sysfs, tmpfs, devpts, mqueue, or an overlay."""

    mount: Mount

    def describe(self) -> str:
        """One line."""
        return f"mount: {self.mount.type} on {self.mount.target} ({','.join(self.mount.options)})"

    def execute(self, root: Root) -> None:
        """Do it."""
        m = self.mount
        target = root.ordinary(m.target) if m.type in KERNEL_TYPES else root.directory(m.target)
        try:
            tree = mount_tree(m)
        except OSError as e:
            os.close(target)
            raise explain(e, f'error mounting "{m.source}" to rootfs at "{m.target}"') from None
        attach(tree, target)
        _propagate(tree, m.options)
        if m.type == "devpts":
            root.pts = tree
        else:
            os.close(tree)


@value
class Bind:
    """A directory or file of the host in the container. The place to mount on is made if it is missing."""

    mount: Mount

    def describe(self) -> str:
        """One line."""
        return f"bind: {self.mount.source} on {self.mount.target} ({','.join(self.mount.options)})"

    def prepare(self, root: Root) -> None:
        """Copy the source's mount in the host's mount namespace: there its propagation and its path are the user's."""
        try:
            root.trees[self] = mount_tree(self.mount)
        except FileNotFoundError:
            raise NotFound(f"bind source path does not exist: {self.mount.source}") from None
        except OSError as e:
            raise explain(e, f'error mounting "{self.mount.source}"') from None

    def execute(self, root: Root) -> None:
        """Do it."""
        tree = root.trees.pop(self)
        m = self.mount
        words = parse_options(m.options)
        if not words.propagation:  # docker's default is rprivate; a copy of a shared mount would stay tied to the host
            mount_fd.mount_setattr(tree, propagation=MS_PRIVATE, recursive=True)
        directory = is_directory(tree)
        try:
            target = root.directory(m.target) if directory else root.file(m.target)
        except NotADirectoryError:
            raise self._mismatch() from None
        except OSError as e:
            raise explain(e, f'error mounting "{m.source}" to rootfs at "{m.target}": create mountpoint') from None
        if directory != is_directory(target):
            os.close(target)
            raise self._mismatch()
        attach(tree, target)
        _propagate(tree, m.options)
        os.close(tree)

    def _mismatch(self) -> Invalid:
        what = f'error mounting "{self.mount.source}" to rootfs at "{self.mount.target}": not a directory: '
        return Invalid(
            f"{what}Are you trying to mount a directory onto a file (or vice-versa)? "
            "Check if the specified host path exists and is the expected type"
        )


def _propagate(tree: int, options: tuple[str, ...]) -> None:
    wanted = parse_options(options).propagation
    if wanted:
        mount_fd.mount_setattr(tree, propagation=wanted & ~MS_REC, recursive=bool(wanted & MS_REC))
