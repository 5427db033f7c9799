"""/dev: nodes, the usual links, the console."""

from __future__ import annotations

import os
import stat

from scow.errors import Invalid
from scow.kernel import mount_fd
from scow.kernel.files import mknod
from scow.runtime.steps.root import Root, attach, explain
from scow.values import value

TYPES = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}

DEFAULT_DEVICES = (
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
)
"""What every container has (config-linux.md, "Default Devices"); /dev/ptmx is a link."""
LINKS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
)


@value
class Device:
    """A device node; where ``bind`` is set (no CAP_MKNOD over the host's devices) the host's own node at that path."""

    path: str
    type: str = "c"
    major: int = 0
    minor: int = 0
    mode: int = 0o666
    uid: int = 0
    gid: int = 0
    bind: str = ""

    def describe(self) -> str:
        """One line."""
        made = f"bind {self.bind}" if self.bind else f"{self.type} {self.major}:{self.minor} {self.mode:o}"
        return f"device: {self.path} {made}"

    def execute(self, root: Root) -> None:
        """Do it."""
        if self.type not in TYPES:
            raise Invalid(f"{self.path}: invalid device type {self.type!r}")
        if self.bind:
            tree = mount_fd.open_tree(self.bind)
            attach(tree, root.file(self.path))
            os.close(tree)
            return
        parent, _, name = self.path.rstrip("/").rpartition("/")
        above = root.directory(parent or "/")
        try:
            self._make(name, above)
        except OSError as e:
            raise explain(e, f"error creating device {self.path}") from None
        finally:
            os.close(above)

    def _make(self, name: str, above: int) -> None:
        try:
            mknod(name, TYPES[self.type] | self.mode, (self.major, self.minor), above)
        except FileExistsError:  # a listed device in place of a default one, or left by the image
            found = os.stat(name, dir_fd=above, follow_symlinks=False)
            same = stat.S_IFMT(found.st_mode) == TYPES[self.type]
            if not same or found.st_rdev != os.makedev(self.major, self.minor):
                os.unlink(name, dir_fd=above)
                mknod(name, TYPES[self.type] | self.mode, (self.major, self.minor), above)
            else:
                os.chmod(f"/proc/self/fd/{above}/{name}", self.mode)
        os.chown(name, self.uid, self.gid, dir_fd=above, follow_symlinks=False)


@value
class DeviceLinks:
    """/dev/fd, stdin, stdout, stderr and ptmx; /dev/core where the kernel has kcore. What the image has there stays."""

    def describe(self) -> str:
        """One line."""
        return "device: links"

    def execute(self, root: Root) -> None:
        """Do it."""
        dev = root.directory("/dev")
        core = (("/dev/core", "/proc/kcore"),) if os.path.exists("/proc/kcore") else ()
        try:
            for path, target in (*LINKS, *core):
                try:
                    os.symlink(target, os.path.basename(path), dir_fd=dev)
                except FileExistsError:
                    pass
            try:
                os.unlink("ptmx", dir_fd=dev)  # an image's own would be the host's multiplexer
            except FileNotFoundError:
                pass
            os.symlink("pts/ptmx", "ptmx", dir_fd=dev)
        finally:
            os.close(dev)
