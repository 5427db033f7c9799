"""Proxies of the environment: ``HTTP_PROXY``, ``HTTPS_PROXY``, ``NO_PROXY``, by the rules of Go's httpproxy.

Loopback hosts are never asked through a proxy.
"""

from __future__ import annotations

from scow.errors import Invalid
from scow.registry.endpoint import is_loopback, listed, split
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


@value
class Proxy:
    """A proxy's address; ``authorization`` is the header's text, "" if it wants none."""

    host: str
    port: int
    authorization: str = ""

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


def proxy_for(scheme: str, host: str, port: int, proxies: Mapping[str, str]) -> Proxy | None:
    """The proxy for ``scheme://host:port``, None for a direct connection. Invalid if its URL is wrong."""
    text = proxies.get(f"{scheme}_proxy", "")
    if not text or is_loopback(host) or _excepted(host, port, proxies.get("no_proxy", "")):
        return None
    return parse(text)


def parse(text: str) -> Proxy:
    """A proxy's URL, ``[http://][user:password@]host[:port]``. Invalid; the password is never shown."""
    import binascii
    from urllib.parse import unquote

    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    login, _, address = rest.partition("/")[0].rpartition("@")
    if scheme != "http":
        raise Invalid(f"proxy {scheme}://{address}: only proxies that are spoken to over http are supported")
    host, port = split(address)
    header = ""
    if login:
        user, _, password = login.partition(":")
        word = binascii.b2a_base64(f"{unquote(user)}:{unquote(password)}".encode(), newline=False)
        header = f"Basic {word.decode()}"
    return Proxy(host, port or 80, header)


def _excepted(host: str, port: int, no_proxy: str) -> bool:
    for entry in no_proxy.replace(" ", ",").split(","):
        if entry == "*":
            return True
        wanted = entry.lower().removeprefix("*")
        if not wanted:
            continue
        if ("/" in wanted or not wanted.startswith(".")) and listed(host, port, (wanted,)):
            return True
        name, _, only = wanted.partition(":") if wanted.count(":") == 1 else (wanted, "", "")
        if (not only or only == str(port)) and host.endswith("." + name.lstrip(".")):
            return True
    return False
