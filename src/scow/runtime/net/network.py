"""What a network is, where it is kept, and how the default one gets its subnet."""

from __future__ import annotations

import errno
import fcntl
import os
import zlib

from scow.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable
from scow.kernel import rtnetlink
from scow.kernel.netlink import Netlink
from scow.runtime.net import bridge, ipv4
from scow.values import asdict, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEFAULT = "bridge"
"""Name of the network of containers that ask for none, as docker calls it."""
DEFAULT_RUN = "/run/scow"


@value
class NetworkConfig:
    """A network. ``driver`` is "bridge", "host" (the host's own) or "null" (loopback only).

    ``interface`` is the bridge's; ``internal`` networks reach nothing outside; ``mtu`` 0 means that of the host's
    uplink.
    """

    name: str
    subnet: str = ""
    gateway: str = ""
    interface: str = ""
    internal: bool = False
    driver: str = "bridge"
    mtu: int = 0


HOST = NetworkConfig("host", driver="host")
NONE = NetworkConfig("none", driver="null")


def validate(network: NetworkConfig) -> None:
    """Invalid if the fields do not fit each other."""
    if not network.name or network.name[0] in ".-" or not set(network.name) <= _NAME:
        raise Invalid(f"invalid network name {network.name!r}")
    if network.driver not in ("bridge", "host", "null"):
        raise Invalid(f"unknown network driver {network.driver!r}")
    if network.driver == "bridge":
        first, prefix = ipv4.parse(network.subnet)
        if not first < ipv4.number(network.gateway) < first + ipv4.size(prefix) - 1:
            raise Invalid(f"gateway {network.gateway} is not a host address of {network.subnet}")
        if not 0 < len(network.interface) < 16 or "/" in network.interface:
            raise Invalid(f"invalid interface name {network.interface!r}")


_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def interface_name(name: str, run_dir: str) -> str:
    """The bridge of a network: ``scow0`` for the default one of the default run directory, else a checksum of both."""
    if name == DEFAULT and os.path.realpath(run_dir) == DEFAULT_RUN:
        return "scow0"
    return f"scow-{zlib.crc32(os.fsencode(f'{os.path.realpath(run_dir)}/{name}')):08x}"


def create(
    name: str,
    run_dir: str,
    *,
    subnet: str = "",
    gateway: str = "",
    internal: bool = False,
    taken: Iterable[str] = (),
) -> NetworkConfig:
    """A network with a free subnet unless one is given; made by the first ``attach``.

    ``taken`` are subnets of networks that may not be up now. Hold ``lock`` until it is saved, so that nobody chooses
    the same. Conflict if the subnet is in use on this host.
    """
    with Netlink() as nl:
        used = _in_use(nl)
    used += [ipv4.parse(s) for s in (*taken, *_saved_subnets(f"{run_dir}/net")) if s]
    if not subnet:
        subnet = choose_subnet(used)
    elif any(ipv4.overlap(ipv4.parse(subnet), other) for other in used):
        raise Conflict(f"subnet {subnet} overlaps with a route of this host", "choose another with --subnet")
    first, _ = ipv4.parse(subnet)
    network = NetworkConfig(name, subnet, gateway or ipv4.text(first + 1), interface_name(name, run_dir), internal)
    validate(network)
    return network


def candidates() -> Iterator[str]:
    """Subnets to try, most wanted first: 10.87.0.0/16 downwards, then small ones of 192.168.

    Others start elsewhere: docker at 172.17 and 192.168.0, podman at 10.88 and upwards, Kubernetes at 10.96, 10.244
    and 10.42.
    """
    yield from (f"10.{n}.0.0/16" for n in range(87, 63, -1))
    yield from (f"192.168.{n}.0/24" for n in range(220, 130, -1))


def choose_subnet(used: Iterable[tuple[int, int]]) -> str:
    """The first candidate that overlaps with nothing in use."""
    taken = list(used)
    for subnet in candidates():
        if not any(ipv4.overlap(ipv4.parse(subnet), other) for other in taken):
            return subnet
    raise Unavailable("no free subnet for a network", "name one with --subnet")


def _in_use(nl: Netlink) -> list[tuple[int, int]]:
    """Subnets that the host has addresses or routes in, and its name servers."""
    used = [(ipv4.number(r.destination), r.prefix) for r in rtnetlink.routes(nl) if r.destination and r.prefix]
    used += [(ipv4.number(a), prefix) for _, a, prefix in rtnetlink.addresses(nl) if ":" not in a]
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as f:
            words = [line.split() for line in f]
    except OSError:
        words = []
    servers = [w[1] for w in words if len(w) > 1 and w[0] == "nameserver" and w[1].count(".") == 3]
    for server in servers:
        try:
            used.append((ipv4.number(server), 32))
        except Invalid:
            continue
    return used


def _saved_subnets(directory: str) -> list[str]:
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return [load(directory, n.removesuffix(".json")).subnet for n in names if n.endswith(".json")]


def default_network(run_dir: str, taken: Iterable[str] = ()) -> NetworkConfig:
    """The network "bridge" of a run directory, chosen at its first use since boot and kept there as JSON.

    ``taken`` are subnets of other networks that may not be up now.
    """
    directory = f"{run_dir}/net"
    try:
        return load(directory, DEFAULT)
    except NotFound:
        pass
    with lock(run_dir):
        try:
            return load(directory, DEFAULT)
        except NotFound:
            network = _adopt(interface_name(DEFAULT, run_dir)) or create(DEFAULT, run_dir, taken=taken)
            with Netlink() as nl:  # from then on its route tells other run directories that the subnet is taken
                bridge.ensure(nl, network, run_dir)
            save(directory, network)
            return network


def _adopt(interface: str) -> NetworkConfig | None:
    """The network of a bridge that outlived its file."""
    with Netlink() as nl:
        link = rtnetlink.find_link(nl, interface)
        if link is None or link.kind != "bridge":
            return None
        for index, address, prefix in rtnetlink.addresses(nl):
            if index == link.index and ":" not in address:
                first = ipv4.number(address) & -ipv4.size(prefix)
                return NetworkConfig(DEFAULT, f"{ipv4.text(first)}/{prefix}", address, interface)
    return None


class lock:  # noqa: N801  (used as a function: `with lock(run_dir):`)
    """The lock of the host's networks; it goes with its process.

    Bridges, routes and rules are the host's, whatever the run directory: root's lock is one for all of them. Others,
    who can only be root of a namespace, have one in ``run_dir``.
    """

    def __init__(self, run_dir: str) -> None:
        self.run_dir = run_dir
        self.fd = -1

    def __enter__(self) -> None:
        try:
            self.fd = self._open(DEFAULT_RUN)
        except OSError as e:
            if e.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            self.fd = self._open(self.run_dir)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    @staticmethod
    def _open(run_dir: str) -> int:
        os.makedirs(f"{run_dir}/net", 0o755, exist_ok=True)
        return os.open(f"{run_dir}/net/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def save(directory: str, network: NetworkConfig) -> None:
    """Write ``<name>.json``."""
    import json

    validate(network)
    path = f"{directory}/{network.name}.json"
    os.makedirs(directory, 0o755, exist_ok=True)
    with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as f:
        json.dump(asdict(network), f)
    os.rename(f"{path}.{os.getpid()}", path)


def load(directory: str, name: str) -> NetworkConfig:
    """Read ``<name>.json``; NotFound, or Corrupt."""
    import json

    path = f"{directory}/{name}.json"
    try:
        with open(path, encoding="utf-8") as f:
            fields = json.load(f)
    except FileNotFoundError:
        raise NotFound(f"network {name} not found") from None
    except ValueError as e:
        raise Corrupt(f"{path}: {e}") from None
    try:
        network = NetworkConfig(**fields)
        validate(network)
    except (TypeError, Invalid) as e:
        raise Corrupt(f"{path}: {e}") from None
    return network
