"""A terminal of the container's own."""

from __future__ import annotations

import fcntl
import os
import struct
import termios

from scow.errors import Invalid
from scow.kernel import mount_fd
from scow.runtime.steps.root import Root, attach
from scow.values import value

TIOCGPTPEER = 0x5441
TIOCSPTLCK = 0x40045431
TIOCGPTN = 0x80045430


@value
class Console:
    """A pseudo terminal of the container's devpts, its terminal side bound on /dev/console.

    Both ends are taken by descriptor (TIOCGPTPEER): no path in the container is followed to reach them
    (CVE-2025-52565).
    """

    height: int = 0
    width: int = 0

    def describe(self) -> str:
        """One line."""
        return f"console: {self.height}x{self.width}"

    def execute(self, root: Root) -> None:
        """Do it."""
        if root.pts < 0:
            raise Invalid("a terminal needs a devpts mount in the container")
        master, slave = open_terminal(root.pts, self.height, self.width)
        number = struct.unpack("i", fcntl.ioctl(master, TIOCGPTN, b"\0" * 4))[0]
        tree = mount_fd.open_tree(str(number), dirfd=root.pts)
        attach(tree, root.file("/dev/console"))
        os.close(tree)
        root.terminal = (master, slave)


def open_terminal(pts: int, height: int = 0, width: int = 0) -> tuple[int, int]:
    """A new terminal of the devpts open as ``pts``: (master, slave), both close-on-exec, neither yet controlling."""
    master = os.open("ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=pts)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    slave = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    if height or width:
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    return master, slave


def take_terminal(slave: int, uid: int) -> None:
    """Make ``slave`` our controlling terminal and standard streams; it becomes the user's, its group stays tty's.

    The caller leads a session of its own (setsid).
    """
    if os.fstat(slave).st_uid != uid:
        os.fchown(slave, uid, -1)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
