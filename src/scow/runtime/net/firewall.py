"""The rules of a network, in a table of our own: ``table ip scow``.

Masquerading for what leaves the subnet, translation for published ports, and a door: from outside only answers and
published ports get in. An accept in our table does not overrule a drop in somebody else's; where docker has set its
chains up, the place it leaves for others (DOCKER-USER) gets our bridge, and other drops by default are named in
``blockers``.
"""

from __future__ import annotations

import errno

from scow.errors import Unsupported
from scow.kernel import nft_expressions as x
from scow.kernel import nftables as nft
from scow.kernel.netlink import NETLINK_NETFILTER, Netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scow.kernel.netlink import Message
    from scow.runtime.net.network import NetworkConfig
    from scow.runtime.net.ports import PortMapping

FAMILY, TABLE = "ip", "scow"
_CHAINS = (
    nft.Chain("guard", "prerouting", "filter", -300),
    nft.Chain("prerouting", "prerouting", "nat", -100),
    nft.Chain("output", "output", "nat", -100),
    nft.Chain("postrouting", "postrouting", "nat", 100),
    nft.Chain("forward", "forward", "filter", 0),
    nft.Chain("ports"),
)
_BASE = "scow: published ports"
_LOOPBACK = ("127.0.0.0", 8)


def _mark(interface: str) -> str:
    return f"scow: network {interface}"


def _port_mark(container_id: str) -> str:
    return f"scow: port {container_id}"


def _network_rules(network: NetworkConfig) -> list[tuple[str, tuple[bytes, ...]]]:
    """(chain, expressions) of the rules for one network, in order."""
    bridge = network.interface
    address, _, prefix = network.subnet.partition("/")
    inside = x.network(address, int(prefix), source=True)
    accept, drop = x.verdict(x.ACCEPT), x.verdict(x.DROP)
    # route_localnet lets packets with 127.x in through the bridge: keep them from services on the host's loopback.
    rules = [
        ("guard", (x.iif(bridge), x.network(*_LOOPBACK, source=False), drop)),
        ("guard", (x.iif(bridge), x.network(*_LOOPBACK, source=True), drop)),
        # To a published port from the host's own loopback, or from a container of this network (its own port included).
        ("postrouting", (x.oif(bridge), x.network(*_LOOPBACK, source=True), x.masquerade())),
        ("postrouting", (inside, x.oif(bridge), x.was_dnat(), x.masquerade())),
    ]
    if network.internal:
        rules.append(("forward", (x.iif(bridge), x.oif(bridge, equal=False), drop)))
    else:
        rules.append(("postrouting", (inside, x.oif(bridge, equal=False), x.masquerade())))
    return [
        *rules,
        ("forward", (x.oif(bridge), x.established(), accept)),
        ("forward", (x.iif(bridge), x.oif(bridge), accept)),
        *([] if network.internal else [("forward", (x.oif(bridge), x.was_dnat(), accept))]),
        ("forward", (x.oif(bridge), drop)),
    ]


_MISSING = (errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EINVAL)


def _missing(e: OSError) -> Unsupported:
    hint = "load the kernel modules nf_tables, nft_nat, nft_masq and nft_fib_ipv4, or use --network host"
    return Unsupported(f"nftables on this kernel: {e.strerror}", hint)


def _open() -> Netlink:
    try:
        return Netlink(NETLINK_NETFILTER)
    except OSError as e:
        raise (_missing(e) if e.errno in _MISSING else e) from None


def _all_rules(nl: Netlink) -> list[nft.Rule]:
    try:
        return nft.rules(nl, FAMILY, TABLE)
    except OSError as e:
        raise (_missing(e) if e.errno in _MISSING else e) from None


def _commit(nl: Netlink, messages: Sequence[Message]) -> None:
    try:
        nft.commit(nl, messages)
    except OSError as e:
        raise (_missing(e) if e.errno in _MISSING else e) from None


def ensure(network: NetworkConfig) -> tuple[str, ...]:
    """Make the network's rules if they are not all there; what else might drop its packets, if it had to."""
    wanted = _network_rules(network)
    mark = _mark(network.interface)
    with _open() as nl:
        there = _all_rules(nl)
        mine = [r for r in there if r.comment == mark]
        if sum(r.comment == _BASE for r in there) == 2 and len(mine) == len(wanted):
            return ()
        messages = [nft.add_table(FAMILY, TABLE), *(nft.add_chain(FAMILY, TABLE, c) for c in _CHAINS)]
        stale = [r for r in there if r.comment == _BASE or r in mine]
        messages += [nft.delete_rule(FAMILY, TABLE, r) for r in stale]
        jump = (x.to_this_host(), x.verdict(x.JUMP, "ports"))
        messages += [nft.add_rule(FAMILY, TABLE, chain, jump, _BASE) for chain in ("prerouting", "output")]
        messages += [nft.add_rule(FAMILY, TABLE, chain, parts, mark) for chain, parts in wanted]
        _commit(nl, messages)
        return _make_way(nl, network.interface)


def _make_way(nl: Netlink, interface: str) -> tuple[str, ...]:
    """Let the bridge through docker's chains; who else drops forwarded packets by default."""
    chains = nft.chains(nl)
    docker = [c for c in chains if c.family == FAMILY and c.name == "DOCKER-USER"]
    for c in docker:
        mark = _mark(interface)
        if any(r.comment == mark for r in nft.rules(nl, FAMILY, c.table, c.name)):
            continue
        # In the form iptables-nft itself writes, so that `iptables -L` still reads its table.
        pairs = [(side(interface), x.counter(), x.verdict(x.ACCEPT)) for side in (x.iif, x.oif)]
        _commit(nl, [nft.add_rule(FAMILY, c.table, c.name, parts, mark, first=True) for parts in pairs])
    return blockers(chains, {c.table for c in docker})


def blockers(chains: Iterable[nft.FoundChain], passed: Iterable[str] = ()) -> tuple[str, ...]:
    """Sentences on base chains of others that drop forwarded packets unless told otherwise."""
    found = [
        f"firewall chain {c.family} {c.table} {c.name} drops forwarded packets by default: containers may not reach out"
        for c in chains
        if c.hook == "forward" and c.policy == "drop" and c.table != TABLE and c.family != "ip6"
        if not (c.family == FAMILY and c.table in set(passed))
    ]
    try:
        with open("/proc/net/ip_tables_names", encoding="ascii") as f:
            legacy = "filter" in f.read().split()
    except OSError:
        legacy = False
    if legacy:
        found.append(
            "legacy iptables rules are in use, which scow does not read: see that FORWARD lets the bridge pass"
        )
    return tuple(found)


def publish(container_id: str, address: str, mappings: Sequence[PortMapping]) -> None:
    """Send the mapped ports of the host on to a container's ``address``; replaces what the container had published."""
    mark = _port_mark(container_id)
    with _open() as nl:
        stale = [r for r in nft.rules(nl, FAMILY, TABLE, "ports") if r.comment == mark]
        messages = [nft.delete_rule(FAMILY, TABLE, r) for r in stale]
        for m in mappings:
            parts = [x.destination_port(m.protocol, m.host_port), x.dnat(address, m.container_port)]
            if m.host_ip not in ("", "0.0.0.0"):  # noqa: S104
                parts.insert(0, x.network(m.host_ip, 32, source=False))
            messages.append(nft.add_rule(FAMILY, TABLE, "ports", parts, mark))
        _commit(nl, messages)
    if udp := {m.host_port for m in mappings if m.protocol == "udp"}:
        from scow.kernel.conntrack import forget_udp

        forget_udp(udp)


def unpublish(container_id: str) -> None:
    """Remove a container's published ports; nothing to do if it has none."""
    mark = _port_mark(container_id)
    with _open() as nl:
        mine = [r for r in nft.rules(nl, FAMILY, TABLE, "ports") if r.comment == mark]
        _commit(nl, [nft.delete_rule(FAMILY, TABLE, r) for r in mine])


def published() -> dict[str, int]:
    """How many rules each container id has, to find those of dead ones."""
    found: dict[str, int] = {}
    prefix = _port_mark("")
    with _open() as nl:
        for rule in nft.rules(nl, FAMILY, TABLE, "ports"):
            if rule.comment.startswith(prefix):
                who = rule.comment.removeprefix(prefix)
                found[who] = found.get(who, 0) + 1
    return found


def remove(network: NetworkConfig) -> None:
    """Remove the network's rules, those in docker's chain too."""
    mark = _mark(network.interface)
    with _open() as nl:
        tables = {c.table for c in nft.chains(nl) if c.family == FAMILY and c.name == "DOCKER-USER"} | {TABLE}
        for table in tables:
            mine = [r for r in nft.rules(nl, FAMILY, table) if r.comment == mark]
            _commit(nl, [nft.delete_rule(FAMILY, table, r) for r in mine])
