"""Netlink (netlink(7)): messages, attributes, answers. What is said over it is in ``rtnetlink`` and ``nftables``.

The kernel works on a request while it is sent, so all answers are there when ``send`` returns and nothing ever waits.
A socket belongs to the network namespace it was made in; one for another namespace costs two setns(2) of this thread,
which is 50 times cheaper than a fork.
"""

from __future__ import annotations

import errno
import os
import struct

from scow.kernel.namespaces import CLONE_NEWNET, setns
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Iterator, Sequence

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
NLM_F_REQUEST, NLM_F_ACK = 0x1, 0x4
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
NLM_F_DUMP = 0x300
NLA_F_NESTED = 0x8000
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SOL_NETLINK, _CAP_ACK, _EXT_ACK, _GET_STRICT_CHK = 270, 10, 11, 12
_AF_NETLINK, _SOCK_RAW_CLOEXEC, _MSG_DONTWAIT = 16, 0x80003, 0x40
_SO_SNDBUFFORCE, _SAFE_SEND = 32, 1 << 16
_F_ACK_TLVS, _F_DUMP_INTR = 0x200, 0x10


@value
class Message:
    """One request: its type, NLM_F_* flags besides REQUEST, and what follows the header; ``what`` is for errors."""

    type: int
    flags: int
    payload: bytes
    what: str


def attr(kind: int, data: bytes) -> bytes:
    """One attribute, padded."""
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def nest(kind: int, *parts: bytes) -> bytes:
    """An attribute made of attributes."""
    return attr(kind | NLA_F_NESTED, b"".join(parts))


def u32(n: int) -> bytes:
    """A number in the machine's byte order, as rtnetlink has it."""
    return struct.pack("=I", n)


def text(s: str) -> bytes:
    """A string with its NUL."""
    return s.encode() + b"\0"


def attributes(data: bytes | memoryview) -> dict[int, bytes]:
    """Attributes by kind, the flags of the kind removed; a later one of a kind wins."""
    return dict(each_attribute(data))


def each_attribute(data: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
    """(kind, data) pairs; a cut-off last one is left out."""
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4 or at + size > len(data):
            return
        yield kind & 0x3FFF, bytes(data[at + 4 : at + size])
        at += (size + 3) & ~3


class Netlink:
    """A netlink socket, in the network namespace behind the descriptor ``netns`` if one is given."""

    def __init__(self, protocol: int = NETLINK_ROUTE, netns: int | None = None) -> None:
        self.sock = _open(protocol) if netns is None else _open_in(protocol, netns)
        self.sequence = 0
        for option in (_CAP_ACK, _EXT_ACK, _GET_STRICT_CHK):
            try:
                self.sock.setsockopt(_SOL_NETLINK, option, 1)
            except OSError:  # old kernels: errors have no words, dumps are not filtered
                pass

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, messages: Sequence[Message]) -> list[tuple[int, bytes]]:
        """Send requests in one go; the (type, payload) of all answers that are not acknowledgements.

        OSError with the kernel's words for the first that failed; requests after it may have been carried out.
        """
        first = self.sequence + 1
        packets = []
        for m in messages:
            self.sequence += 1
            header = struct.pack("=IHHII", 16 + len(m.payload), m.type, m.flags | NLM_F_REQUEST, self.sequence, 0)
            packets.append(header + m.payload + bytes(-len(m.payload) % 4))
        data = b"".join(packets)
        if len(data) > _SAFE_SEND:
            self.sock.setsockopt(1, _SO_SNDBUFFORCE, len(data) * 2)
        self.sock.send(data)
        return self._answers(first, messages)

    def _answers(self, first: int, messages: Sequence[Message]) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = []
        failed: OSError | None = None
        while True:
            try:
                data = self.sock.recv(1 << 17, _MSG_DONTWAIT)
            except BlockingIOError:
                if failed:
                    raise failed from None
                return found
            at = 0
            while at + 16 <= len(data):
                size, kind, flags, sequence, _ = struct.unpack_from("=IHHII", data, at)
                payload = data[at + 16 : at + size]
                if kind == _NLMSG_ERROR:
                    failed = failed or _error(payload, flags, messages, sequence - first)
                elif sequence >= first:
                    if flags & _F_DUMP_INTR and failed is None:
                        failed = OSError(errno.EINTR, f"{messages[0].what}: changed while it was listed")
                    if kind != _NLMSG_DONE:
                        found.append((kind, payload))
                    elif len(payload) >= 4:  # a list may end in an error
                        failed = failed or _error(payload[:4], 0, messages, sequence - first)
                at += max((size + 3) & ~3, 16)


def _error(payload: bytes, flags: int, messages: Sequence[Message], index: int) -> OSError | None:
    (code,) = struct.unpack_from("=i", payload)
    if code == 0:
        return None
    what = messages[index].what if 0 <= index < len(messages) else "netlink"
    said = attributes(payload[20:]).get(1, b"") if flags & _F_ACK_TLVS else b""
    words = said.rstrip(b"\0").decode("utf-8", "replace")
    return OSError(-code, f"{what}: {os.strerror(-code)}" + (f" ({words})" if words else ""))


def _open(protocol: int) -> socket:
    # The C module alone: `socket` brings enum, selectors and collections, 8 ms, along.
    from _socket import socket

    try:
        return socket(_AF_NETLINK, _SOCK_RAW_CLOEXEC, protocol)
    except OSError as e:
        if e.errno != errno.EPROTONOSUPPORT:
            raise
        raise OSError(e.errno, f"netlink protocol {protocol} is not in this kernel") from None


def _open_in(protocol: int, netns: int) -> socket:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(netns, CLONE_NEWNET)
        try:
            return _open(protocol)
        finally:
            setns(home, CLONE_NEWNET)
    finally:
        os.close(home)
