"""``-p``, ``--add-host``, ``--network`` and the words for shared namespaces."""

from __future__ import annotations

from scow.cli.flags import UsageError
from scow.engine.requests import PortRequest
from scow.errors import Invalid


def _is_address(text: str) -> bool:
    import socket

    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False


def dns(text: str) -> str:
    """One ``--dns`` address; UsageError for anything else."""
    if not _is_address(text.strip()):
        raise UsageError(
            f'invalid argument "{text}" for "--dns" flag: IP address is not correctly formatted: {text.strip()}'
        )
    return text.strip()


def _port_range(text: str, what: str, least: int = 1) -> range:
    low, dash, high = text.partition("-")
    try:
        first, last = int(low), int(high if dash else low)
    except ValueError:
        raise Invalid(f"Invalid {what}: {text}") from None
    if not (least <= first <= last <= 65535):
        raise Invalid(f"Invalid {what}: {text}")
    return range(first, last + 1)


def publish(text: str) -> list[PortRequest]:
    """``[[IP:]HOSTPORT:]PORT[/PROTOCOL]``, ranges allowed: one request a port."""
    rest, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in ("tcp", "udp", "sctp"):
        raise Invalid(f"Invalid proto: {protocol}")
    host_ip, host, container = "", "", rest
    if rest.startswith("["):
        host_ip, _, rest = rest[1:].partition("]")
        host, _, container = rest.removeprefix(":").rpartition(":")
    elif ":" in rest:
        head, _, container = rest.rpartition(":")
        host_ip, _, host = head.rpartition(":")
    if host_ip and not _is_address(host_ip):
        many = f"address {host_ip}:: too many colons in address" if ":" in host_ip else ""
        raise Invalid(f"Invalid ip address {host_ip}: {many}" if many else f"Invalid ip address: {host_ip}")
    if not container:
        raise Invalid(f"No port specified: {text}<empty>")
    inside = _port_range(container, "containerPort")
    outside = _port_range(host, "hostPort", 0) if host else None
    if outside is not None and len(outside) != len(inside) and len(inside) != 1:
        raise Invalid(f"Invalid ranges specified for container and host Ports: {container} and {host}")
    if outside is None:
        return [PortRequest(p, protocol, host_ip) for p in inside]
    return [PortRequest(p, protocol, host_ip, h) for p, h in zip(inside, outside, strict=False)]


def add_host(text: str) -> tuple[str, str]:
    """``NAME:ADDRESS`` (or ``NAME=ADDRESS``) as a pair; ``host-gateway`` stands for the host."""
    separator = "=" if "=" in text else ":"
    name, found, address = text.partition(separator)
    if not found or not name:
        raise UsageError(f'invalid argument "{text}" for "--add-host" flag: bad format for add-host: "{text}"')
    address = address.strip("[]")
    if address != "host-gateway" and not _is_address(address):
        problem = f'invalid IP address in add-host: "{address}"'
        raise UsageError(f'invalid argument "{text}" for "--add-host" flag: {problem}')
    return name, address


def shared(text: str, flag: str, title: str, *extra: str) -> str:
    """A namespace word: "", ``host``, ``container:NAME`` or one of ``extra``; Invalid in docker's words."""
    if text in ("", "host", *extra) or (text.startswith("container:") and len(text) > len("container:")):
        return "" if text == "private" else text
    raise Invalid(f"--{flag}: invalid {title} mode")
