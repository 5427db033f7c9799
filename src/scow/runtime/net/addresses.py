"""Addresses of containers: one file per address, holding the id of the container that has it.

Callers hold ``network.lock``. A file whose container is dead is taken over when the subnet is full, or by ``reclaim``.
"""

from __future__ import annotations

import os

from scow.errors import Conflict, Invalid, Unavailable
from scow.runtime.net import ipv4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.runtime.net.network import NetworkConfig

    Alive = Callable[[str], bool]


def directory(run_dir: str, network: NetworkConfig) -> str:
    """Where the files of a network lie."""
    return f"{run_dir}/net/{network.name}"


def owner(path: str, address: str) -> str:
    """The container that has an address, "" if none has."""
    try:
        with open(f"{path}/{address}", encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def held_by(path: str, container_id: str) -> list[str]:
    """The addresses of a container."""
    return [a for a in _names(path) if owner(path, a) == container_id]


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def allocate(path: str, network: NetworkConfig, container_id: str, wanted: str = "", alive: Alive | None = None) -> str:
    """An address for a container: the one it has, else ``wanted``, else the lowest free one.

    Conflict if another container has the wanted one, Unavailable if the subnet is full.
    """
    os.makedirs(path, 0o755, exist_ok=True)
    taken = set(_names(path))
    if not wanted:
        for address in held_by(path, container_id) if taken else ():
            return address
        wanted = _lowest(network, taken)
        if not wanted and alive is not None and reclaim(path, alive):
            wanted = _lowest(network, set(_names(path)))
        if not wanted:
            raise Unavailable(f"network {network.name}: no free address in {network.subnet}")
    else:
        _check(network, wanted)
        has = owner(path, wanted)
        if has not in ("", container_id) and (alive is None or alive(has)):
            raise Conflict(f"address {wanted} is in use by container {has[:12]}")
    # Not O_EXCL: under the lock, what is there is ours, dead, or the empty file of a process that was killed here.
    with open(f"{path}/{wanted}", "w", encoding="utf-8") as f:
        f.write(container_id)
    return wanted


def _check(network: NetworkConfig, address: str) -> None:
    first, prefix = ipv4.parse(network.subnet)
    if not first < ipv4.number(address) < first + ipv4.size(prefix) - 1 or address == network.gateway:
        raise Invalid(f"address {address} cannot be given in network {network.name} ({network.subnet})")


def _lowest(network: NetworkConfig, taken: set[str]) -> str:
    first, prefix = ipv4.parse(network.subnet)
    for n in range(first + 1, first + ipv4.size(prefix) - 1):
        address = ipv4.text(n)
        if address not in taken and address != network.gateway:
            return address
    return ""


def release(path: str, container_id: str) -> None:
    """Give a container's addresses back."""
    for address in held_by(path, container_id):
        os.unlink(f"{path}/{address}")


def reclaim(path: str, alive: Alive) -> list[str]:
    """Take the addresses of dead containers back."""
    dead = [a for a in _names(path) if not (who := owner(path, a)) or not alive(who)]
    for address in dead:
        os.unlink(f"{path}/{address}")
    return dead
