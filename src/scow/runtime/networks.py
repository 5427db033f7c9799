"""The networks a container joins when it is made and leaves when it has ended."""

from __future__ import annotations

import os

from scow.runtime.net.network import NetworkConfig
from scow.runtime.net.ports import PortMapping
from scow.values import asdict, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@value
class Join:
    """One network to join; ``NONE`` of ``runtime.net.network`` gives a namespace its loopback.

    ``run``: the run directory addresses are kept in. ``ports`` are published while the container lives. ``hosts`` is
    the container's hosts file, to which its address is added under ``names`` ("web.example web").
    """

    network: NetworkConfig
    run: str
    address: str = ""
    interface: str = "eth0"
    ports: tuple[PortMapping, ...] = ()
    hosts: str = ""
    names: str = ""


def to_json(join: Join) -> dict[str, Any]:
    """A join as plain JSON."""
    return {**asdict(join), "network": asdict(join.network), "ports": [asdict(p) for p in join.ports]}


def from_json(found: dict[str, Any]) -> Join:
    """The join ``to_json`` made this of."""
    network = NetworkConfig(**found["network"])
    return Join(**{**found, "network": network, "ports": tuple([PortMapping(**p) for p in found["ports"]])})


def connect(container: str, pid: int, joins: list[Join]) -> tuple[list[dict[str, Any]], list[int]]:
    """Attach the network namespace of ``pid``: endpoints as JSON, and the descriptors that keep the host's ports."""
    if not joins:
        return [], []
    from scow.runtime.net import firewall
    from scow.runtime.net.attach import attach
    from scow.runtime.net.ports import reserve

    ends: list[dict[str, Any]] = []
    held: list[int] = []
    netns = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        for join in joins:
            end = attach(join.network, container, netns, join.run, address=join.address, interface=join.interface)
            ports, fds = reserve(join.ports)
            held += fds
            if ports:
                firewall.publish(container, end.address, ports)
            if join.hosts and end.address:
                _add_host(join.hosts, f"{end.address}\t{join.names}\n")
            ends.append({"network": join.network.name, **asdict(end), "ports": [asdict(p) for p in ports]})
    except BaseException:
        disconnect(container, joins)
        raise
    finally:
        os.close(netns)
    return ends, held


def disconnect(container: str, joins: list[Join]) -> None:
    """Give addresses and ports back. The links go with the container's namespace."""
    from scow.runtime.net.attach import detach

    for join in joins:
        detach(join.network, container, join.run)


def _add_host(path: str, line: str) -> None:
    """Append a line to the hosts file in place: it is bound into the container by its inode."""
    with open(path, "r+", encoding="utf-8") as f:
        if line not in f.read():
            f.write(line)
