"""The texts of /etc/hosts and /etc/hostname in a container, as docker writes them."""

from __future__ import annotations

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LOCALHOST = "127.0.0.1\tlocalhost\n"
_IPV6 = (
    "::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
)


def hosts(hostname: str, address: str = "", extra: Iterable[tuple[str, str]] = (), domain: str = "") -> str:
    """/etc/hosts: ``address`` is the container's own ("" with no network); ``extra`` are (name, address) pairs."""
    text = _LOCALHOST + _IPV6
    text += "".join([f"{address}\t{name}\n" for name, address in extra])
    if address:
        names = f"{hostname}.{domain} {hostname}" if domain else hostname
        # A dotted host name is found by its first part too.
        if not domain and "." in hostname:
            names = f"{hostname} {hostname.partition('.')[0]}"
        text += f"{address}\t{names}\n"
    return text


def host_hosts(text: str, extra: Iterable[tuple[str, str]] = ()) -> str:
    """/etc/hosts of a container on the host's network: the host's ``text`` and what is added."""
    if text and not text.endswith("\n"):
        text += "\n"
    return text + "".join([f"{address}\t{name}\n" for name, address in extra])


def parse_extra_host(word: str, gateway: str = "") -> tuple[str, str]:
    """``--add-host NAME:ADDRESS`` or ``NAME=ADDRESS`` as (name, address); "host-gateway" is ``gateway``."""
    at = min((i for i in (word.find("="), word.find(":")) if i > 0), default=-1)
    name, address = (word[:at], word[at + 1 :]) if at > 0 else ("", "")
    address = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    if address == "host-gateway":
        if not gateway:
            raise Invalid(f"add-host {word}: there is no host-gateway on this network")
        address = gateway
    if not name or not address or not _is_address(address):
        raise Invalid(f"bad format for add-host: {word!r}")
    return name, address


def _is_address(text: str) -> bool:
    import socket

    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        return False
    return True


def hostname_file(hostname: str) -> str:
    """/etc/hostname."""
    return hostname + "\n"
