"""/etc/hostname, /etc/hosts and /etc/resolv.conf of a container: files of its directory that are bound into it.

They are written anew at each start, in place: a container with ``--network container:`` has the same files bound.
"""

from __future__ import annotations

import os

from scow.errors import Invalid
from scow.runtime.net import names, resolv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.containers import ContainerRecord


def write(directory: str, record: ContainerRecord, gateway: str = "") -> None:
    """Write the three files; the supervisor adds the container's own address to /etc/hosts once there is one.

    ``gateway`` is what ``host-gateway`` stands for.
    """
    host, config = record.config["HostConfig"], record.config["Config"]
    own = host.get("NetworkMode") == "host"
    _put(f"{directory}/hostname", names.hostname_file(config["Hostname"]))
    asked = resolv.Resolver(
        tuple(host.get("Dns") or ()), tuple(host.get("DnsSearch") or ()), tuple(host.get("DnsOptions") or ())
    )
    _put(f"{directory}/resolv.conf", resolv.resolv_conf(asked, host_network=own).text)
    extra = [_extra(text, "127.0.0.1" if own else gateway) for text in host.get("ExtraHosts") or ()]
    _put(f"{directory}/hosts", names.host_hosts(_read("/etc/hosts"), extra) if own else names.hosts("", "", extra))


def _extra(text: str, gateway: str) -> tuple[str, str]:
    """One ``--add-host``. Invalid for a host-gateway where there is none."""
    name, _, address = text.partition(":")
    if address == "host-gateway" and not gateway:
        raise Invalid(f"add-host {text}: there is no host-gateway on this network")
    return name, gateway if address == "host-gateway" else address


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
