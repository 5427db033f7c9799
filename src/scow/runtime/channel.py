"""Messages between the processes around a container: one packet each on a SOCK_SEQPACKET socket, descriptors too.

Without ``import socket``, whose enums cost a supervisor 1 MiB and 3 ms: the C half does all that is needed.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket  # noqa: N812

MOST = 1 << 17
"""Longest message; what may be longer travels as a memory file."""
MOST_FDS = 64
_INT = 4


class Channel:
    """One end of a connection that keeps messages apart."""

    __slots__ = ("socket",)

    def __init__(self, fd: int) -> None:
        import _socket

        self.socket: Socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fd)

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self.socket.fileno()

    def send(self, message: bytes, fds: tuple[int, ...] = (), *, wait: bool = True) -> bool:
        """Send one message; False if the other end is gone. BlockingIOError if it would have to wait and may not."""
        import _socket

        flags = _socket.MSG_NOSIGNAL | (0 if wait else _socket.MSG_DONTWAIT)
        ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, b"".join([f.to_bytes(_INT, sys.byteorder) for f in fds]))]
        try:
            self.socket.sendmsg([message], ancillary if fds else [], flags)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def receive(self) -> tuple[bytes, list[int]]:
        """The next message and the descriptors with it (close-on-exec); (b"", []) when the other end is gone."""
        import _socket

        space = _socket.CMSG_SPACE(MOST_FDS * _INT)
        try:
            message, ancillary, _, _ = self.socket.recvmsg(MOST, space, _socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            # The other end closed without reading all of ours. That is said once, before what it had sent.
            return self.receive()
        fds = []
        for level, kind, data in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                fds += [int.from_bytes(data[i : i + _INT], sys.byteorder) for i in range(0, len(data) - _INT + 1, _INT)]
        return message, fds

    def close(self) -> None:
        """Close this end."""
        self.socket.close()


def pair() -> tuple[int, int]:
    """Two connected ends, as descriptors that are closed on exec."""
    import _socket

    one, two = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    return one.detach(), two.detach()


def memory_file(text: bytes, name: str = "scow") -> int:
    """``text`` in a memory file, at its beginning: for what is too long for a message."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    view = memoryview(text)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def read_memory(fd: int) -> bytes:
    """All of a memory file; its position does not move."""
    return os.pread(fd, os.fstat(fd).st_size, 0)
