"""/etc/hostname, /etc/hosts and /etc/resolv.conf of a container: files of its directory that are bound into it.

They are written anew at each start, in place: a container with ``--network container:`` has the same files bound.
"""

from __future__ import annotations

import os

from scow.runtime.net import names, resolv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.store.containers import ContainerRecord


def write(directory: str, record: ContainerRecord) -> None:
    """Write the three files; /etc/hosts without the container's own address, which it does not have yet."""
    host, config = record.config["HostConfig"], record.config["Config"]
    _put(f"{directory}/hostname", names.hostname_file(config["Hostname"]))
    asked = resolv.Resolver(
        tuple(host.get("Dns") or ()), tuple(host.get("DnsSearch") or ()), tuple(host.get("DnsOptions") or ())
    )
    found = resolv.resolv_conf(asked, host_network=host.get("NetworkMode") == "host")
    _put(f"{directory}/resolv.conf", found.text)
    write_hosts(directory, record)


def write_hosts(directory: str, record: ContainerRecord, endpoints: tuple[dict[str, Any], ...] = ()) -> None:
    """Write /etc/hosts with the addresses the container has."""
    host, config = record.config["HostConfig"], record.config["Config"]
    gateway = next((e["gateway"] for e in endpoints if e.get("gateway")), "")
    known = [words for e in host.get("ExtraHosts") or () if (words := _extra(e, gateway))]
    if host.get("NetworkMode") == "host":
        text = names.host_hosts(_read("/etc/hosts"), known)
    else:
        address = next((e["address"] for e in endpoints), "")
        text = names.hosts(config["Hostname"], address, known, config["Domainname"])
    _put(f"{directory}/hosts", text)


def _extra(text: str, gateway: str) -> tuple[str, str] | None:
    """One ``--add-host``; None for a host-gateway that is not known yet."""
    name, _, address = text.partition(":")
    if address == "host-gateway":
        return (name, gateway) if gateway else None
    return name, address


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def _put(path: str, text: str) -> None:
    """Write in place: the file may be bound into running containers, which would keep a replaced one."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        os.fchmod(fd, 0o644)
        os.write(fd, text.encode("utf-8", "surrogateescape"))
    finally:
        os.close(fd)
