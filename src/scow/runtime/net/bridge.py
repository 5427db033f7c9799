"""The bridge of a network: made when its first container comes, left when the last one goes."""

from __future__ import annotations

import errno
import os

from scow.errors import Conflict, Denied
from scow.kernel import rtnetlink
from scow.kernel.netlink import Netlink
from scow.runtime.net import firewall, ipv4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.runtime.net.network import NetworkConfig

_STANDARD_MTU = 1500


def ensure(nl: Netlink, network: NetworkConfig, run_dir: str) -> tuple[rtnetlink.Link, tuple[str, ...]]:
    """The bridge, up, with its address and rules, and warnings; the caller holds ``network.lock``.

    The link's alias names ``run_dir``, so that a bridge whose store was deleted by hand can be told from others.
    """
    link = rtnetlink.find_link(nl, network.interface)
    if link is not None and link.kind != "bridge":
        raise Conflict(f"interface {network.interface} exists and is no bridge")
    # It is switched on last: one that is up is complete.
    if link is None or not link.up:
        link = _make(nl, network, link)
        _note_owner(network.interface, run_dir)
    return link, firewall.ensure(network)


def _make(nl: Netlink, network: NetworkConfig, link: rtnetlink.Link | None) -> rtnetlink.Link:
    name = network.interface
    if link is None:
        mtu = network.mtu or uplink_mtu(nl)
        nl.send([rtnetlink.bridge_request(name, ipv4.mac(network.gateway), mtu), rtnetlink.no_ipv6_request(name)])
        link = rtnetlink.find_link(nl, name)
        assert link is not None
    _, _, prefix = network.subnet.partition("/")
    try:
        nl.send([rtnetlink.address_request(link.index, network.gateway, int(prefix))])
    except OSError as e:
        if e.errno != errno.EEXIST:
            raise
    _sysctl("ip_forward", "1")
    _sysctl(f"conf/{name}/route_localnet", "1")
    nl.send([rtnetlink.up_request(name)])
    return link


def _sysctl(name: str, text: str) -> None:
    """Set net.ipv4.<name> unless it is set; a read-only /proc/sys is an error only if something has to change."""
    path = f"/proc/sys/net/ipv4/{name}"
    with open(path, encoding="ascii") as f:
        if f.read().strip() == text:
            return
    try:
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    except OSError as e:
        if e.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        raise Denied(
            f"cannot set {path} to {text}: {e.strerror}", "set it on the host, or use --network host"
        ) from None


def _note_owner(interface: str, run_dir: str) -> None:
    try:
        with open(f"/sys/class/net/{interface}/ifalias", "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write(os.path.realpath(run_dir))
    except OSError:
        pass  # /sys is read-only, or the path too long: `system check` then leaves the bridge alone


def orphans() -> list[tuple[str, str]]:
    """(interface, run directory) of bridges whose run directory is gone."""
    found = []
    for name in sorted(os.listdir("/sys/class/net")):
        if not name.startswith("scow") or not os.path.isdir(f"/sys/class/net/{name}/bridge"):
            continue
        with open(f"/sys/class/net/{name}/ifalias", encoding="utf-8", errors="surrogateescape") as f:
            run_dir = f.read().removesuffix("\n")
        if run_dir and not os.path.isdir(run_dir):
            found.append((name, run_dir))
    return found


def uplink_mtu(nl: Netlink) -> int:
    """The MTU of the link with the default route, at most 1500, so that containers need no path MTU discovery to get
    out.
    """
    defaults = {r.link for r in rtnetlink.routes(nl) if not r.prefix}
    found = [link.mtu for link in rtnetlink.links(nl) if link.index in defaults]
    return min([*found, _STANDARD_MTU])


def remove(network: NetworkConfig) -> None:
    """Remove a network's bridge and rules; nothing to do if they are gone."""
    firewall.remove(network)
    with Netlink() as nl:
        link = rtnetlink.find_link(nl, network.interface)
        if link is not None and link.kind == "bridge":
            nl.send([rtnetlink.delete_request(link.index)])
