"""Putting a container on a network and taking it off again, from the host's network namespace.

The veth pair is made with one end inside the container, and that end is configured through a netlink socket opened
there: no process enters the namespace. When the container's namespace ends, the pair goes with it; deleting it by hand
would block for tens of milliseconds.
"""

from __future__ import annotations

import errno
import os

from scow.kernel import rtnetlink
from scow.kernel.netlink import Netlink
from scow.runtime.net import addresses, bridge, firewall, ipv4
from scow.runtime.net.network import NetworkConfig, lock
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES_TO_TRY = 8


@value
class Endpoint:
    """A container's place on a network; empty for "none" and "host". ``warnings`` are sentences for the user."""

    address: str = ""
    prefix: int = 0
    gateway: str = ""
    mac: str = ""
    interface: str = ""
    warnings: tuple[str, ...] = ()


def attach(
    network: NetworkConfig,
    container_id: str,
    netns: int,
    run_dir: str,
    *,
    address: str = "",
    alive: Callable[[str], bool] | None = None,
    interface: str = "eth0",
) -> Endpoint:
    """Connect the network namespace ``netns`` (a descriptor) of a container; its loopback comes up too.

    A container that has an address keeps it. ``alive`` tells which containers still live, when addresses run out.
    """
    if network.driver == "host":
        return Endpoint()
    if network.driver == "null":
        loopback_up(netns)
        return Endpoint()
    with Netlink() as nl:
        path = addresses.directory(run_dir, network)
        with lock(run_dir):
            link, warnings = bridge.ensure(nl, network, run_dir)
            address = addresses.allocate(path, network, container_id, address, alive)
        _, _, prefix = network.subnet.partition("/")
        gateway = "" if network.internal else network.gateway
        end = Endpoint(address, int(prefix), gateway, ipv4.mac(address), interface, warnings)
        try:
            _connect(nl, link, container_id, netns, end)
        except BaseException:
            with lock(run_dir):
                addresses.release(path, container_id)
            raise
    return end


def _connect(nl: Netlink, link: rtnetlink.Link, container_id: str, netns: int, end: Endpoint) -> None:
    name = _add_pair(nl, link, container_id, netns, end)
    _configure(netns, end)
    # The kernel notices carriers in the background, up to a second later; until then the bridge forwards nothing to the
    # new port. Asking for a link makes it look now (Linux 6.8): first the port, whose state decides the bridge's.
    nl.send([rtnetlink.get_request(name), rtnetlink.get_request(link.name)])


def _add_pair(nl: Netlink, link: rtnetlink.Link, container_id: str, netns: int, end: Endpoint) -> str:
    """Make the veth pair; the name of the host's end."""
    for attempt in range(_NAMES_TO_TRY):
        # A random part: the pair of a container's last run may still be there when it starts again.
        name = f"scow{container_id[:6]}{os.urandom(2).hex()}"
        pair = rtnetlink.Veth(name, end.interface, netns, link.index, link.mtu, end.mac)
        try:
            nl.send(
                [
                    rtnetlink.veth_request(pair),
                    rtnetlink.no_ipv6_request(name),
                    rtnetlink.hairpin_request(name),
                    rtnetlink.up_request(name),
                ]
            )
            break
        except OSError as e:
            taken = e.errno == errno.EEXIST and rtnetlink.find_link(nl, name) is not None
            if not taken or attempt == _NAMES_TO_TRY - 1:
                raise
    return name


def _configure(netns: int, end: Endpoint) -> None:
    with Netlink(netns=netns) as inner:
        link = rtnetlink.find_link(inner, end.interface)
        assert link is not None
        requests = [
            rtnetlink.up_request("lo"),
            rtnetlink.no_ipv6_request(end.interface),
            rtnetlink.address_request(link.index, end.address, end.prefix),
            rtnetlink.up_request(end.interface),
        ]
        if end.gateway and not any(not r.prefix for r in rtnetlink.routes(inner)):
            requests.append(rtnetlink.route_request(link.index, end.gateway))
        inner.send(requests)


def loopback_up(netns: int) -> None:
    """Switch the loopback of a network namespace on."""
    with Netlink(netns=netns) as inner:
        inner.send([rtnetlink.up_request("lo")])


def detach(network: NetworkConfig, container_id: str, run_dir: str) -> None:
    """Give a container's address and published ports back, when its namespace is gone or going.

    With published ports it takes 5 to 12 ms (closing the socket waits for the kernel to free the rules): tell the exit
    code first.
    """
    if network.driver != "bridge":
        return
    with lock(run_dir):
        firewall.unpublish(container_id)
        addresses.release(addresses.directory(run_dir, network), container_id)


def disconnect(network: NetworkConfig, container_id: str, netns: int, run_dir: str, interface: str = "eth0") -> None:
    """Take a running container off a network."""
    with Netlink(netns=netns) as inner:
        link = rtnetlink.find_link(inner, interface)
        if link is not None:
            inner.send([rtnetlink.delete_request(link.index)])
    detach(network, container_id, run_dir)
