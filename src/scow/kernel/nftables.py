"""nftables without its program: transactions of tables, chains and rules over nfnetlink.

Rules carry a comment (which ``nft list`` shows); it is how they are found again, counted and removed.
"""

from __future__ import annotations

import errno
import struct

from scow.kernel.netlink import (
    NLM_F_ACK,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_DUMP,
    Message,
    Netlink,
    attr,
    attributes,
    each_attribute,
    nest,
)
from scow.kernel.nft_expressions import be32
from scow.kernel.rtnetlink import AF_INET, AF_INET6
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SUBSYSTEM = 10
_NEWTABLE, _DELTABLE, _NEWCHAIN, _GETCHAIN, _NEWRULE, _GETRULE, _DELRULE = 0, 2, 3, 4, 6, 7, 8
_BEGIN, _END = 0x10, 0x11
FAMILIES = {"ip": AF_INET, "ip6": AF_INET6, "inet": 1}
HOOKS = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}
_NAMES = {n: name for name, n in FAMILIES.items()}


@value
class Chain:
    """A chain; with a hook it is a base chain: ``type`` "nat" or "filter", ``priority`` as in nft(8)."""

    name: str
    hook: str = ""
    type: str = "filter"
    priority: int = 0


@value
class Rule:
    """A rule as it is found in the kernel."""

    chain: str
    handle: int
    comment: str


def _message(kind: int, flags: int, family: int, payload: bytes, what: str) -> Message:
    return Message(_SUBSYSTEM << 8 | kind, flags, struct.pack(">BBH", family, 0, 0) + payload, what)


def _s(kind: int, text: str) -> bytes:
    return attr(kind, text.encode() + b"\0")


def add_table(family: str, table: str) -> Message:
    """Make a table; it may be there."""
    return _message(_NEWTABLE, NLM_F_ACK | NLM_F_CREATE, FAMILIES[family], _s(1, table), f"add table {family} {table}")


def delete_table(family: str, table: str) -> Message:
    """Remove a table with all that is in it."""
    return _message(_DELTABLE, NLM_F_ACK, FAMILIES[family], _s(1, table), f"delete table {family} {table}")


def add_chain(family: str, table: str, chain: Chain) -> Message:
    """Make a chain; it may be there if it is the same."""
    parts = _s(1, table) + _s(3, chain.name)
    if chain.hook:
        parts += nest(4, attr(1, be32(HOOKS[chain.hook])), attr(2, be32(chain.priority))) + _s(7, chain.type)
    what = f"add chain {family} {table} {chain.name}"
    return _message(_NEWCHAIN, NLM_F_ACK | NLM_F_CREATE, FAMILIES[family], parts, what)


def add_rule(
    family: str, table: str, chain: str, expressions: Iterable[bytes], comment: str, *, first: bool = False
) -> Message:
    """Append a rule, or put it ``first``; at most 120 bytes of comment."""
    raw = comment.encode()[:120] + b"\0"
    parts = (_s(1, table), _s(2, chain), nest(4, *expressions), attr(7, bytes([0, len(raw)]) + raw))
    flags = NLM_F_ACK | NLM_F_CREATE | (0 if first else NLM_F_APPEND)
    return _message(
        _NEWRULE, flags, FAMILIES[family], b"".join(parts), f"add rule {family} {table} {chain} ({comment})"
    )


def delete_rule(family: str, table: str, rule: Rule) -> Message:
    """Remove a rule by its handle."""
    parts = _s(1, table) + _s(2, rule.chain) + attr(3, struct.pack(">Q", rule.handle))
    what = f"delete rule {family} {table} {rule.chain} handle {rule.handle}"
    return _message(_DELRULE, NLM_F_ACK, FAMILIES[family], parts, what)


def commit(nl: Netlink, messages: Sequence[Message]) -> None:
    """Carry out all or nothing."""
    if not messages:
        return
    edge = struct.pack(">BBH", 0, 0, _SUBSYSTEM)
    # Failures are told anyway; a thousand acknowledgements would not fit into the socket.
    quiet = [replace(m, flags=m.flags & ~NLM_F_ACK) for m in messages]
    nl.send([Message(_BEGIN, 0, edge, "begin nftables batch"), *quiet, Message(_END, 0, edge, "end")])


def rules(nl: Netlink, family: str, table: str, chain: str = "") -> list[Rule]:
    """The rules of a table, or of one of its chains; none if there is no such table."""
    parts = _s(1, table) + (_s(2, chain) if chain else b"")
    found = []
    for payload in _dump(nl, _message(_GETRULE, NLM_F_DUMP, FAMILIES[family], parts, f"list rules {family} {table}")):
        a = attributes(payload[4:])
        if _text(a.get(1)) == table:  # old kernels do not filter
            handle = struct.unpack(">Q", a[3])[0]
            found.append(Rule(_text(a.get(2)), handle, _comment(a.get(7, b""))))
    return [r for r in found if not chain or r.chain == chain]


def _dump(nl: Netlink, request: Message) -> list[bytes]:
    for _ in range(16):
        try:
            return [payload for _, payload in nl.send([request])]
        except OSError as e:
            if e.errno == errno.ENOENT:
                return []
            if e.errno != errno.EINTR:  # somebody else's transaction came between: again
                raise
    raise OSError(errno.EINTR, f"{request.what}: the rules keep changing")


def _text(raw: bytes | None) -> str:
    return (raw or b"").rstrip(b"\0").decode("utf-8", "replace")


def _comment(userdata: bytes) -> str:
    at = 0
    while at + 2 <= len(userdata):
        kind, size = userdata[at], userdata[at + 1]
        if kind == 0:
            return _text(userdata[at + 2 : at + 2 + size])
        at += 2 + size
    return ""


@value
class FoundChain:
    """A chain of any table; ``policy`` is "accept", "drop" or "" for one without a hook."""

    family: str
    table: str
    name: str
    hook: str
    policy: str


def chains(nl: Netlink) -> list[FoundChain]:
    """All chains of IPv4, IPv6 and both, of whoever made them."""
    found = []
    for payload in _dump(nl, _message(_GETCHAIN, NLM_F_DUMP, 0, b"", "list chains")):
        family = _NAMES.get(payload[0])
        a = attributes(payload[4:])
        if family is None:
            continue
        number = dict(each_attribute(a.get(4, b""))).get(1)
        hook = {be32(n): name for name, n in HOOKS.items()}.get(number or b"", "")
        policy = {be32(0): "drop", be32(1): "accept"}.get(a.get(5, b""), "") if hook else ""
        found.append(FoundChain(family, _text(a.get(1)), _text(a.get(3)), hook, policy))
    return found
