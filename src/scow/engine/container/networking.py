"""The networks of a container: what its supervisor joins, and what ``inspect`` and ``ps`` show of them."""

from __future__ import annotations

from scow.errors import Conflict, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.engine.container.states import State
    from scow.runtime.net.ports import PortMapping
    from scow.runtime.networks import Join
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store

BUILT_IN = ("bridge", "host", "none")


def check(host: dict[str, Any], *, ports: bool) -> None:
    """NotFound for a network that is not there, Conflict for ports where there is no network of one's own."""
    mode = host.get("NetworkMode", "bridge")
    if mode.startswith("container:"):
        for name in ("Dns", "DnsOptions", "DnsSearch"):
            if host.get(name):
                raise Conflict("conflicting options: dns and the network mode")
        if host.get("ExtraHosts"):
            raise Conflict("conflicting options: custom host-to-IP mapping and the network mode")
        if ports:
            raise Conflict("conflicting options: port publishing and the container type network mode")
        return
    if mode not in BUILT_IN:
        raise NotFound(f"network {mode} not found", hint=f"networks are {', '.join(BUILT_IN)} and container:NAME")


def joins(store: Store, record: ContainerRecord) -> tuple[Join, ...]:
    """What the supervisor is to join."""
    mode = record.config["HostConfig"].get("NetworkMode", "bridge")
    if mode not in ("bridge", "none"):
        return ()
    from scow.runtime.net.network import NONE, default_network
    from scow.runtime.networks import Join

    if mode == "none":
        return (Join(NONE, store.paths.run),)
    network = default_network(store.paths.run)
    hosts = f"{store.paths.container(record.id)}/hosts"
    return (Join(network, store.paths.run, ports=ports(record), hosts=hosts, names=names(record)),)


def names(record: ContainerRecord) -> str:
    """What a container's own address is called in its /etc/hosts, as docker writes it."""
    config = record.config["Config"]
    hostname, domain = config["Hostname"], config["Domainname"]
    if domain:
        return f"{hostname}.{domain} {hostname}"
    return f"{hostname} {hostname.partition('.')[0]}" if "." in hostname else str(hostname)


def ports(record: ContainerRecord) -> tuple[PortMapping, ...]:
    """The ports to publish: those of ``-p``, and with ``-P`` all that are exposed besides."""
    from scow.runtime.net.ports import PortMapping

    host, config = record.config["HostConfig"], record.config["Config"]
    bindings: dict[str, list[dict[str, str]]] = dict(host.get("PortBindings") or {})
    if host.get("PublishAllPorts"):
        for text in config.get("ExposedPorts") or ():
            bindings.setdefault(text, [{"HostIp": "", "HostPort": ""}])
    found = []
    for text, wanted in bindings.items():
        number, _, protocol = text.partition("/")
        found += [PortMapping(int(number), int(b["HostPort"] or 0), b["HostIp"], protocol) for b in wanted]
    return tuple(found)


def published(record: ContainerRecord, state: State) -> list[tuple[str, str, int, str]]:
    """(host ip, host port, container port, protocol) of what is published now; merely exposed ports have "" twice."""
    live = [p for e in state.endpoints for p in e.get("ports", ())] if state.running else []
    found = [(p["host_ip"] or "0.0.0.0", str(p["host_port"]), p["container_port"], p["protocol"]) for p in live]  # noqa: S104
    if not state.running:
        return found
    known = {(port, protocol) for _, _, port, protocol in found}
    for text in record.config["Config"].get("ExposedPorts") or ():
        number, _, protocol = text.partition("/")
        if (int(number), protocol) not in known:
            found.append(("", "", int(number), protocol))
    return found


def settings(record: ContainerRecord, state: State) -> dict[str, Any]:
    """Docker's ``NetworkSettings``."""
    mode = record.config["HostConfig"].get("NetworkMode", "bridge")
    end: dict[str, Any] = (state.endpoints[0] if state.endpoints else {}) if state.running else {}
    bound: dict[str, Any] = {}
    for ip, port, inside, protocol in published(record, state):
        key = f"{inside}/{protocol}"
        bound.setdefault(key, [] if ip else None)
        if ip:
            bound[key].append({"HostIp": ip, "HostPort": port})
    at = {
        "EndpointID": "",
        "Gateway": end.get("gateway", ""),
        "IPAddress": end.get("address", ""),
        "IPPrefixLen": end.get("prefix", 0),
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
    }
    mac = end.get("mac", "")
    own = {"IPAMConfig": None, "Links": None, "Aliases": None, "MacAddress": mac, "DriverOpts": None, "GwPriority": 0}
    own |= {"NetworkID": "", **at, "DNSNames": None}
    return {
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": f"/proc/{state.pid}/ns/net" if state.pid else "",
        "Ports": bound,
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": "",
        "Gateway": at["Gateway"],
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": at["IPAddress"],
        "IPPrefixLen": at["IPPrefixLen"],
        "IPv6Gateway": "",
        "MacAddress": mac,
        "Networks": {} if mode.startswith("container:") else {mode: own},
    }
