"""Network links, addresses and routes (rtnetlink(7)).

Functions ending in ``_request`` only make the message, so that a caller can send several at once.
"""

from __future__ import annotations

import errno
import struct

from scow.kernel.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    Message,
    Netlink,
    attr,
    attributes,
    nest,
    text,
    u32,
)
from scow.values import value

AF_INET, AF_INET6 = 2, 10
_NEWLINK, _DELLINK, _GETLINK, _NEWADDR, _GETADDR, _NEWROUTE, _GETROUTE = 16, 17, 18, 20, 22, 24, 26
_ADDRESS, _IFNAME, _MTU, _MASTER, _LINKINFO, _AF_SPEC, _NET_NS_FD = 1, 3, 4, 10, 18, 26, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER, _ADDR_GEN_MODE = 1, 2, 1, 8
_INFO_SLAVE_KIND, _INFO_SLAVE_DATA, _BRPORT_MODE = 4, 5, 4
_ACK = NLM_F_ACK
_NEW = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
_UP = 1


@value
class Link:
    """A network interface."""

    index: int
    name: str
    kind: str
    mtu: int
    mac: str
    up: bool
    master: int


@value
class Route:
    """A route of the main table: ``destination`` is "" for the default one."""

    family: int
    destination: str
    prefix: int
    gateway: str
    link: int


def _ifinfo(index: int = 0, up: bool | None = None) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, _UP if up else 0, 0 if up is None else _UP)


def mac_bytes(mac: str) -> bytes:
    """``02:42:...`` as six bytes."""
    return bytes.fromhex(mac.replace(":", ""))


def bridge_request(name: str, mac: str, mtu: int) -> Message:
    """Make a bridge; it is down."""
    parts = (
        attr(_IFNAME, text(name)),
        attr(_MTU, u32(mtu)),
        attr(_ADDRESS, mac_bytes(mac)),
        nest(_LINKINFO, attr(_INFO_KIND, text("bridge"))),
    )
    return Message(_NEWLINK, _NEW, _ifinfo() + b"".join(parts), f"add bridge {name}")


@value
class Veth:
    """A pair to make: ``name`` here, a port of the bridge with index ``master``; ``peer`` in namespace ``netns``."""

    name: str
    peer: str
    netns: int
    master: int
    mtu: int
    peer_mac: str


def veth_request(v: Veth) -> Message:
    """Make a veth pair, both ends in their places and down, in one message."""
    peer = _ifinfo() + b"".join(
        (
            attr(_IFNAME, text(v.peer)),
            attr(_MTU, u32(v.mtu)),
            attr(_ADDRESS, mac_bytes(v.peer_mac)),
            attr(_NET_NS_FD, u32(v.netns)),
        )
    )
    info = (attr(_INFO_KIND, text("veth")), nest(_INFO_DATA, nest(_VETH_PEER, peer)))
    parts = [attr(_IFNAME, text(v.name)), attr(_MTU, u32(v.mtu)), nest(_LINKINFO, *info)]
    if v.master:
        parts.append(attr(_MASTER, u32(v.master)))
    return Message(_NEWLINK, _NEW, _ifinfo() + b"".join(parts), f"add veth {v.name}")


def up_request(name: str, up: bool = True) -> Message:
    """Switch a link on or off."""
    return Message(_NEWLINK, _ACK, _ifinfo(0, up) + attr(_IFNAME, text(name)), f"set {name} {'up' if up else 'down'}")


def no_ipv6_request(name: str) -> Message:
    """No link-local IPv6 address when the link goes up: the detection of duplicates is traffic for nothing in IPv4
    networks.
    """
    payload = _ifinfo() + attr(_IFNAME, text(name)) + nest(_AF_SPEC, nest(AF_INET6, attr(_ADDR_GEN_MODE, b"\x01")))
    return Message(_NEWLINK, _ACK, payload, f"set {name} addrgenmode none")


def hairpin_request(name: str) -> Message:
    """Let a port of a bridge send frames back to where they came from.

    With bridge-nf-call-iptables a packet from a container to its own published port is translated inside the bridge.
    """
    data = nest(_INFO_SLAVE_DATA, attr(_BRPORT_MODE, b"\x01"))
    payload = _ifinfo() + attr(_IFNAME, text(name)) + nest(_LINKINFO, attr(_INFO_SLAVE_KIND, text("bridge")), data)
    return Message(_NEWLINK, _ACK, payload, f"set {name} hairpin on")


def change_request(index: int, *, name: str = "", mtu: int = 0, mac: str = "", master: int | None = None) -> Message:
    """Change what is given; ``master=0`` takes the link out of its bridge."""
    parts = b""
    if name:
        parts += attr(_IFNAME, text(name))
    if mtu:
        parts += attr(_MTU, u32(mtu))
    if mac:
        parts += attr(_ADDRESS, mac_bytes(mac))
    if master is not None:
        parts += attr(_MASTER, u32(master))
    return Message(_NEWLINK, _ACK, _ifinfo(index) + parts, f"change link {index}")


def delete_request(index: int) -> Message:
    """Remove a link."""
    return Message(_DELLINK, _ACK, _ifinfo(index), f"delete link {index}")


def packed(address: str) -> tuple[int, bytes]:
    """(address family, bytes) of an IPv4 or IPv6 address."""
    from _socket import inet_pton

    family = AF_INET6 if ":" in address else AF_INET
    return family, inet_pton(family, address)


def unpacked(family: int, raw: bytes) -> str:
    """The address behind its bytes."""
    from _socket import inet_ntop

    return inet_ntop(family, raw)


def address_request(index: int, address: str, prefix: int) -> Message:
    """Give a link an address (IPv4 with its broadcast address; IPv6 without duplicate detection)."""
    family, raw = packed(address)
    parts = attr(1, raw) + attr(2, raw)  # IFA_ADDRESS, IFA_LOCAL
    if family == AF_INET and prefix < 31:
        host = (1 << (32 - prefix)) - 1
        parts += attr(4, (int.from_bytes(raw, "big") | host).to_bytes(4, "big"))
    flags = 0x02 if family == AF_INET6 else 0  # IFA_F_NODAD
    header = struct.pack("=BBBBI", family, prefix, flags, 0, index)
    return Message(_NEWADDR, _NEW, header + parts, f"add address {address}/{prefix}")


def route_request(index: int, gateway: str, destination: str = "", prefix: int = 0) -> Message:
    """Add a route through ``gateway`` on a link; the default route unless there is a destination."""
    family, raw = packed(gateway)
    parts = attr(5, raw) + attr(4, u32(index))  # RTA_GATEWAY, RTA_OIF
    if destination:
        parts += attr(1, packed(destination)[1])
    # table main, protocol boot, scope universe, unicast
    header = struct.pack("=BBBBBBBBI", family, prefix, 0, 0, 254, 3, 0, 1, 0)
    return Message(_NEWROUTE, _NEW, header + parts, f"add route via {gateway}")


def _link(payload: bytes) -> Link:
    _, _, index, flags, _ = struct.unpack_from("=BxHiII", payload)
    a = attributes(payload[16:])
    info = attributes(a.get(_LINKINFO, b""))
    return Link(
        index,
        _text(a.get(_IFNAME, b"")),
        _text(info.get(_INFO_KIND, b"")),
        _number(a.get(_MTU)),
        a.get(_ADDRESS, b"").hex(":"),
        bool(flags & _UP),
        _number(a.get(_MASTER)),
    )


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode()


def _number(raw: bytes | None) -> int:
    return struct.unpack("=I", raw)[0] if raw else 0


def get_request(name: str) -> Message:
    """Ask for a link; since Linux 6.8 a change of its carrier takes effect before the answer."""
    return Message(_GETLINK, 0, _ifinfo() + attr(_IFNAME, text(name)), f"get link {name}")


def find_link(nl: Netlink, name: str) -> Link | None:
    """The link called ``name``, or None."""
    try:
        got = nl.send([get_request(name)])
    except OSError as e:
        if e.errno == errno.ENODEV:
            return None
        raise
    return _link(got[0][1]) if got else None


def links(nl: Netlink) -> list[Link]:
    """All links of the namespace."""
    return [_link(p) for t, p in nl.send([Message(_GETLINK, NLM_F_DUMP, _ifinfo(), "list links")]) if t == _NEWLINK]


def addresses(nl: Netlink) -> list[tuple[int, str, int]]:
    """(link index, address, prefix) of all addresses."""
    found = []
    for kind, payload in nl.send(
        [Message(_GETADDR, NLM_F_DUMP, struct.pack("=BBBBI", 0, 0, 0, 0, 0), "list addresses")]
    ):
        family, prefix, _, _, index = struct.unpack_from("=BBBBI", payload)
        a = attributes(payload[8:])
        raw = a.get(2) or a.get(1)  # IFA_LOCAL, else IFA_ADDRESS
        if kind == _NEWADDR and raw:
            found.append((index, unpacked(family, raw), prefix))
    return found


def routes(nl: Netlink, family: int = AF_INET) -> list[Route]:
    """The routes of the main table."""
    found = []
    request = Message(_GETROUTE, NLM_F_DUMP, struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0), "list routes")
    for kind, payload in nl.send([request]):
        _, prefix, _, _, table, *_ = struct.unpack_from("=BBBBBBBBI", payload)
        a = attributes(payload[12:])
        if kind != _NEWROUTE or table != 254:
            continue
        to, via = (unpacked(family, a[k]) if k in a else "" for k in (1, 5))
        found.append(Route(family, to, prefix, via, _number(a.get(4))))
    return found
