"""The expressions nftables rules are made of, as netlink attributes (linux/netfilter/nf_tables.h). Numbers are
big-endian.
"""

from __future__ import annotations

import struct

from scow.kernel.netlink import attr, nest
from scow.kernel.rtnetlink import AF_INET, packed

ACCEPT, DROP, JUMP = 1, 0, -3
_EQ, _NEQ = 0, 1
_IIFNAME, _OIFNAME, _L4PROTO = 6, 7, 16
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
CT_ESTABLISHED_RELATED = 2 | 4
CT_DNAT = 1 << 5


def be32(n: int) -> bytes:
    """A number as nftables has it."""
    return struct.pack(">I", n & 0xFFFFFFFF)


def _expr(name: str, *parts: bytes) -> bytes:
    return nest(1, attr(1, name.encode() + b"\0"), nest(2, *parts))


def _cmp(op: int, data: bytes) -> bytes:
    return _expr("cmp", attr(1, be32(1)), attr(2, be32(op)), nest(3, attr(1, data)))


def _payload(base: int, offset: int, size: int) -> bytes:
    return _expr("payload", attr(1, be32(1)), attr(2, be32(base)), attr(3, be32(offset)), attr(4, be32(size)))


def _bitwise(mask: bytes) -> bytes:
    fields = attr(1, be32(1)), attr(2, be32(1)), attr(3, be32(len(mask)))
    return _expr("bitwise", *fields, nest(4, attr(1, mask)), nest(5, attr(1, bytes(len(mask)))))


def _interface(key: int, name: str, equal: bool) -> bytes:
    load = _expr("meta", attr(2, be32(key)), attr(1, be32(1)))
    return load + _cmp(_EQ if equal else _NEQ, name.encode().ljust(16, b"\0"))


def iif(name: str, *, equal: bool = True) -> bytes:
    """The packet came in through ``name`` (or did not)."""
    return _interface(_IIFNAME, name, equal)


def oif(name: str, *, equal: bool = True) -> bytes:
    """The packet goes out through ``name`` (or does not)."""
    return _interface(_OIFNAME, name, equal)


def network(address: str, prefix: int, *, source: bool) -> bytes:
    """The packet's source or destination lies in a network."""
    family, raw = packed(address)
    size = len(raw)
    offset = (12, 16) if family == AF_INET else (8, 24)
    load = _payload(1, offset[0] if source else offset[1], size)
    if prefix == size * 8:
        return load + _cmp(_EQ, raw)
    mask = ((1 << size * 8) - (1 << size * 8 - prefix)).to_bytes(size, "big")
    return load + _bitwise(mask) + _cmp(_EQ, bytes(a & b for a, b in zip(raw, mask, strict=True)))


def destination_port(protocol: str, port: int) -> bytes:
    """TCP, UDP or SCTP to ``port``."""
    load = _expr("meta", attr(2, be32(_L4PROTO)), attr(1, be32(1)))
    return load + _cmp(_EQ, bytes([PROTOCOLS[protocol]])) + _payload(2, 2, 2) + _cmp(_EQ, struct.pack(">H", port))


def _conntrack(key: int, bits: int) -> bytes:
    load = _expr("ct", attr(2, be32(key)), attr(1, be32(1)))
    return load + _bitwise(struct.pack("=I", bits)) + _cmp(_NEQ, bytes(4))


def established() -> bytes:
    """Part of a connection that is known, or related to one."""
    return _conntrack(0, CT_ESTABLISHED_RELATED)


def was_dnat() -> bytes:
    """Its destination was changed: it goes to a published port."""
    return _conntrack(2, CT_DNAT)


def to_this_host() -> bytes:
    """The destination is an address of this host."""
    fib = _expr("fib", attr(1, be32(1)), attr(2, be32(3)), attr(3, be32(2)))  # address type, of the destination
    return fib + _cmp(_EQ, struct.pack("=I", 2))  # RTN_LOCAL


def verdict(code: int, chain: str = "") -> bytes:
    """ACCEPT, DROP, or JUMP to ``chain``."""
    parts = [attr(1, be32(code))] + ([attr(2, chain.encode() + b"\0")] if chain else [])
    return _expr("immediate", attr(1, be32(0)), nest(2, nest(2, *parts)))


def counter() -> bytes:
    """Count packets; iptables-nft expects one in each of its rules."""
    return _expr("counter", attr(1, bytes(8)), attr(2, bytes(8)))


def masquerade() -> bytes:
    """Send from the address of the outgoing link."""
    return _expr("masq")


def dnat(address: str, port: int) -> bytes:
    """Send on to ``address`` and ``port``."""
    family, raw = packed(address)
    load = _expr("immediate", attr(1, be32(1)), nest(2, attr(1, raw)))
    load += _expr("immediate", attr(1, be32(2)), nest(2, attr(1, struct.pack(">H", port))))
    return load + _expr("nat", attr(1, be32(1)), attr(2, be32(family)), attr(3, be32(1)), attr(5, be32(2)))
