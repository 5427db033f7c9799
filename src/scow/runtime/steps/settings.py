"""Settings of the namespaces: names and sysctls. They are written through the host's own /proc, before the pivot."""

from __future__ import annotations

import os
import struct

from scow.errors import Invalid
from scow.runtime.steps.root import Root, explain
from scow.values import value

_SIOCSIFFLAGS = 0x8914
_IFF_UP, _IFF_RUNNING = 0x1, 0x40


@value
class Names:
    """The UTS namespace's host name and NIS domain name ("" leaves one as it is)."""

    hostname: str
    domainname: str = ""

    def describe(self) -> str:
        """One line."""
        return f"names: {self.hostname} {self.domainname}".rstrip()

    def execute(self, _root: Root) -> None:
        """Do it."""
        for name, text in (("hostname", self.hostname), ("domainname", self.domainname)):
            if text:
                _write(f"kernel/{name}", text)


@value
class Loopback:
    """Switch the loopback of a new network namespace on."""

    def describe(self) -> str:
        """One line."""
        return "network: loopback up"

    def execute(self, _root: Root) -> None:
        """Do it."""
        import _socket
        import fcntl

        s = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        fcntl.ioctl(s.fileno(), _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP | _IFF_RUNNING))
        s.close()


@value
class Sysctl:
    """One kernel setting of a namespace the container owns (``plan`` has checked that it does)."""

    key: str
    text: str

    def describe(self) -> str:
        """One line."""
        return f"sysctl: {self.key}={self.text}"

    def execute(self, _root: Root) -> None:
        """Do it."""
        try:
            _write(self.path(), self.text)
        except OSError as e:
            raise explain(e, f'failed to write sysctl {self.key} = "{self.text}"') from None

    def path(self) -> str:
        """The file below /proc/sys: dots part the words, and a slash stands for a dot in one (sysctl(8))."""
        if "/" in self.key.split(".")[0]:
            words = self.key.split("/")
        else:
            words = [w.replace("/", ".") for w in self.key.split(".")]
        if any(w in ("", ".", "..") for w in words):
            raise Invalid(f"sysctl '{self.key}' is no name of a setting")
        return "/".join(words)


def _write(name: str, text: str) -> None:
    fd = os.open(f"/proc/sys/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
