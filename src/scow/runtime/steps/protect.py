"""Masked and read-only paths."""

from __future__ import annotations

import os

from scow.kernel import mount_fd
from scow.kernel.mount import MS_PRIVATE, Mount, mount_tree
from scow.kernel.mount_options import MOUNT_ATTR_RDONLY
from scow.runtime.steps.root import Root, attach, is_directory
from scow.values import value


@value
class Mask:
    """Cover paths: a file by a null device, a directory by an empty read-only tmpfs. What is not there needs no cover.

    Neither cover is looked up in the container (CVE-2025-31133): the null device is the host's, and the one tmpfs is
    made once and bound over every directory.
    """

    paths: tuple[str, ...]

    def describe(self) -> str:
        """One line."""
        return f"mask: {' '.join(self.paths)}"

    def execute(self, root: Root) -> None:
        """Do it."""
        for path in self.paths:
            try:
                target = root.open(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            cover = _empty(root) if is_directory(target) else _null(root)
            tree = mount_fd.open_tree("", mount_fd.OPEN_TREE_CLONE | mount_fd.AT_EMPTY_PATH, cover)
            attach(tree, target)
            os.close(tree)


def _empty(root: Root) -> int:
    if root.empty < 0:
        root.empty = mount_tree(
            Mount("tmpfs", "tmpfs", "", ("ro", "nosuid", "nodev", "noexec", "size=4k", "nr_inodes=1"))
        )
    return root.empty


def _null(root: Root) -> int:
    if root.null < 0:
        root.null = os.open("/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    return root.null


@value
class ReadOnly:
    """Make paths read-only, with everything mounted below them; what is not there is left out."""

    paths: tuple[str, ...]

    def describe(self) -> str:
        """One line."""
        return f"read-only: {' '.join(self.paths)}"

    def execute(self, root: Root) -> None:
        """Do it."""
        for path in self.paths:
            try:
                target = root.open(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            flags = mount_fd.OPEN_TREE_CLONE | mount_fd.AT_EMPTY_PATH | mount_fd.AT_RECURSIVE
            tree = mount_fd.open_tree("", flags, target)
            mount_fd.mount_setattr(tree, MOUNT_ATTR_RDONLY, propagation=MS_PRIVATE, recursive=True)
            attach(tree, target)
            os.close(tree)
