"""Published ports: what is asked for, and keeping the host's port for it.

The kernel translates (``firewall.publish``); a bound socket that never listens keeps others from the port, and finds
out at once if somebody has it. The container's supervisor holds these sockets.
"""

from __future__ import annotations

import errno
import os

from scow.errors import Conflict, Denied, Invalid, Unsupported
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PROTOCOLS = ("tcp", "udp", "sctp")


@value
class PortMapping:
    """A published port; ``host_ip`` "" is every address of the host, ``host_port`` 0 any free port."""

    container_port: int
    host_port: int = 0
    host_ip: str = ""
    protocol: str = "tcp"


def reserve(mappings: Iterable[PortMapping]) -> tuple[tuple[PortMapping, ...], list[int]]:
    """Bind the host's ports: the mappings with their ports filled in, and the descriptors to hold while they are
    published.
    """
    found: list[PortMapping] = []
    held: list[int] = []
    try:
        for m in mappings:
            fd, port = _bind(m)
            held.append(fd)
            found.append(replace(m, host_port=port))
    except BaseException:
        for fd in held:
            os.close(fd)
        raise
    return tuple(found), held


def _bind(m: PortMapping) -> tuple[int, int]:
    import socket

    if m.protocol not in _PROTOCOLS:
        raise Invalid(f"invalid protocol {m.protocol!r}")
    if ":" in m.host_ip:
        raise Unsupported(f"publishing on IPv6 address {m.host_ip}")
    if not (0 < m.container_port < 65536 and 0 <= m.host_port < 65536):
        raise Invalid(f"invalid port {m.host_port}:{m.container_port}")
    number = 132 if m.protocol == "sctp" else 0
    # No SO_REUSEADDR: two sockets that both have it and do not listen may share a port.
    kind = socket.SOCK_DGRAM if m.protocol == "udp" else socket.SOCK_STREAM
    sock = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC, number)
    where = f"{m.host_ip or '0.0.0.0'}:{m.host_port}"  # noqa: S104
    try:
        sock.bind((m.host_ip, m.host_port))
        port = int(sock.getsockname()[1])
        return sock.detach(), port
    except OSError as e:
        sock.close()
        if e.errno == errno.EADDRINUSE:
            raise Conflict(f"bind for {where} failed: port is already allocated") from None
        if e.errno == errno.EADDRNOTAVAIL:
            raise Invalid(f"bind for {where} failed: the host has no such address") from None
        if e.errno == errno.EACCES:
            hint = "use a port from 1024 on, or lower net.ipv4.ip_unprivileged_port_start"
            raise Denied(f"bind for {where} failed: permission denied", hint) from None
        raise
