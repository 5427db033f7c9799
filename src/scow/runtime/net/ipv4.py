"""Arithmetic on IPv4 addresses and subnets; ``ipaddress`` would cost an import on every container start."""

from __future__ import annotations

import struct

from scow.errors import Invalid
from scow.kernel.rtnetlink import AF_INET, packed, unpacked


def number(address: str) -> int:
    """An address as a number; Invalid if it is none in dotted form."""
    try:
        family, raw = packed(address)
        if family == AF_INET:
            return int.from_bytes(raw, "big")
    except (OSError, ValueError):
        pass
    raise Invalid(f"{address!r} is not an IPv4 address")


def text(n: int) -> str:
    """A number as an address."""
    return unpacked(AF_INET, struct.pack(">I", n))


def parse(subnet: str) -> tuple[int, int]:
    """``10.1.0.0/16`` as (first address, prefix); Invalid if it is no subnet or has host bits."""
    address, slash, length = subnet.partition("/")
    if not slash or not length.isdigit() or not 1 <= int(length) <= 30:
        raise Invalid(f"invalid subnet {subnet!r}", "write it like 10.1.0.0/16")
    first, prefix = number(address), int(length)
    if first & (size(prefix) - 1):
        raise Invalid(f"invalid subnet {subnet!r}: it has host bits set")
    return first, prefix


def size(prefix: int) -> int:
    """How many addresses a subnet has."""
    return 1 << (32 - prefix)


def overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two (first address, prefix) share an address."""
    shift = 32 - min(one[1], other[1])
    return one[0] >> shift == other[0] >> shift


def mac(address: str) -> str:
    """The hardware address docker long derived from an address, so that a reused address needs no new ARP entry."""
    return "02:42:" + struct.pack(">I", number(address)).hex(":")
