"""The container's view of its own control groups under /sys/fs/cgroup."""

from __future__ import annotations

import os

from scow.kernel import mount_fd
from scow.kernel.mount import MS_PRIVATE, Mount, mount_tree
from scow.kernel.mount_options import MOUNT_ATTR_RDONLY, attributes, parse_options
from scow.runtime.steps.root import Root, attach
from scow.values import value


@value
class CgroupView:
    """Bind the container's own groups, and nothing above them, below ``target``.

    ``groups`` are (name, directory on the host): on v1 one per hierarchy, each bound at its name on a tmpfs; on v2 one
    with the name "", bound at ``target`` itself. A link is made for each (alias, name) where controllers share a mount.
    """

    target: str
    groups: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    options: tuple[str, ...]

    def describe(self) -> str:
        """One line."""
        names = ",".join([name or "unified" for name, _ in self.groups])
        return f"cgroup: {names} on {self.target} ({','.join(self.options)})"

    def execute(self, root: Root) -> None:
        """Do it."""
        target = root.directory(self.target)
        if len(self.groups) == 1 and not self.groups[0][0]:
            attach(self._bind(self.groups[0][1]), target)
            return
        words = parse_options(self.options)
        tmpfs = mount_tree(Mount("tmpfs", "tmpfs", "", ("nosuid", "nodev", "noexec", "mode=755")))
        attach(tmpfs, target)
        for name, path in self.groups:
            os.mkdir(name, 0o755, dir_fd=tmpfs)
            tree = self._bind(path)
            attach(tree, os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=tmpfs))
            os.close(tree)
        for alias, name in self.links:
            os.symlink(name, alias, dir_fd=tmpfs)
        if attributes(words.flags) & MOUNT_ATTR_RDONLY:
            mount_fd.mount_setattr(tmpfs, MOUNT_ATTR_RDONLY)
        os.close(tmpfs)

    def _bind(self, path: str) -> int:
        tree = mount_fd.open_tree(path)
        words = parse_options(self.options)
        mount_fd.mount_setattr(tree, attributes(words.flags), propagation=MS_PRIVATE)
        return tree
