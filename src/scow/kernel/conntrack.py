"""Forgetting connections that are tracked (nfnetlink_conntrack).

A flow that began before a port was published keeps its old destination for as long as packets come, since only the
first packet of a flow meets the NAT rules. TCP ends by itself; UDP does not.
"""

from __future__ import annotations

import errno
import struct

from scow.kernel.netlink import NETLINK_NETFILTER, NLM_F_ACK, NLM_F_DUMP, Message, Netlink, attr, attributes, nest
from scow.kernel.rtnetlink import AF_INET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_SUBSYSTEM, _GET, _DELETE = 1, 1, 2
_TUPLE_ORIG, _TUPLE_PROTO, _PROTO_NUM, _DST_PORT, _ID = 1, 2, 1, 3, 12
_UDP = 17
_HEADER = struct.pack(">BBH", AF_INET, 0, 0)


def forget_udp(ports: Collection[int]) -> int:
    """Forget the IPv4 flows that were sent to one of these UDP ports; how many there were."""
    with Netlink(NETLINK_NETFILTER) as nl:
        try:
            flows = nl.send([Message(_SUBSYSTEM << 8 | _GET, NLM_F_DUMP, _HEADER, "list connections")])
        except OSError as e:
            if e.errno in (errno.EINVAL, errno.EOPNOTSUPP):  # not tracked, or not by this kernel's netlink
                return 0
            raise
        stale = [found for _, payload in flows if (found := _stale(payload, ports))]
        for request in stale:
            try:
                nl.send([request])
            except OSError as e:
                if e.errno != errno.ENOENT:  # it has ended meanwhile
                    raise
    return len(stale)


def _stale(payload: bytes, ports: Collection[int]) -> Message | None:
    """The request that deletes this flow, if it is one to delete."""
    flow = attributes(payload[4:])
    proto = attributes(attributes(flow.get(_TUPLE_ORIG, b"")).get(_TUPLE_PROTO, b""))
    if proto.get(_PROTO_NUM) != bytes([_UDP]) or int.from_bytes(proto.get(_DST_PORT, b""), "big") not in ports:
        return None
    parts = nest(_TUPLE_ORIG, flow[_TUPLE_ORIG]) + (attr(_ID, flow[_ID]) if _ID in flow else b"")
    return Message(_SUBSYSTEM << 8 | _DELETE, NLM_F_ACK, _HEADER + parts, "delete connection")
