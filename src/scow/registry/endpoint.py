"""Which server the registry of a reference is, and whether it may be spoken to without TLS."""

from __future__ import annotations

from scow.errors import Invalid
from scow.oci.reference import DOCKER_HUB
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

HUB_SERVER = "registry-1.docker.io"


@value
class Endpoint:
    """``registry`` as in references; ``host`` (without brackets) and ``port`` (None: the scheme's own) to connect to.

    ``plain``: plain HTTP is allowed, and TLS without verification, as docker has it for loopback addresses and
    insecure registries.
    """

    registry: str
    host: str
    port: int | None
    plain: bool
    loopback: bool

    @property
    def authority(self) -> str:
        """``host[:port]`` as in URLs."""
        return authority(self.host, self.port)


def authority(host: str, port: int | None) -> str:
    """``host:port``; an IPv6 address in brackets, no port if it is None."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def endpoint(registry: str, insecure: Iterable[str] = ()) -> Endpoint:
    """The server of a reference's registry. Invalid for names that docker takes but that lead nowhere."""
    if not registry:
        raise Invalid("the name has no registry that could be reached", hint="host names have no underscores")
    host, port = split(HUB_SERVER if registry == DOCKER_HUB else registry)
    loopback = is_loopback(host)
    return Endpoint(registry, host, port, loopback or listed(host, port, insecure), loopback)


def split(text: str) -> tuple[str, int | None]:
    """Host (lower case, without brackets) and port of ``host[:port]``. Invalid."""
    host, colon, digits = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, digits = text, ""
    if digits and not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 65536):
        raise Invalid(f"invalid port in {text!r}")
    if not host or set(host) & set("/@?# \t\r\n"):
        raise Invalid(f"invalid host {text!r}")
    return host.strip("[]").lower(), int(digits) if digits else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name: localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def listed(host: str, port: int | None, hosts: Iterable[str]) -> bool:
    """Whether one of ``hosts`` (``host``, ``host:port`` or a network) means this one."""
    names = {authority(host, port), authority(host, None)}
    for entry in hosts:
        if entry.lower() in names:
            return True
        if "/" in entry and (address := _address(host)) is not None:
            import ipaddress

            try:
                if address in ipaddress.ip_network(entry, strict=False):
                    return True
            except ValueError:
                continue
    return False


def _address(host: str) -> IPv4Address | IPv6Address | None:
    if not (":" in host or host[-1:].isdigit()):
        return None
    import ipaddress

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
