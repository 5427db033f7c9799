"""/etc/resolv.conf of a container (resolv.conf(5)).

The host's file without loopback name servers, which are out of a container's reach. If none is left,
systemd-resolved's list of the real ones; if there is none either, public ones, and ``reason`` says so.
"""

from __future__ import annotations

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HOST_FILE = "/etc/resolv.conf"
RESOLVED_FILE = "/run/systemd/resolve/resolv.conf"
FALLBACK = ("8.8.8.8", "8.8.4.4")


@value
class Resolver:
    """The words of a resolv.conf."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@value
class ResolvConf:
    """A text for a container, and a sentence on why it is not what the host has ("" if it is)."""

    text: str
    reason: str = ""


def parse(text: str) -> Resolver:
    """The last ``search`` or ``domain`` counts, as for the resolver itself."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver":
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = tuple(words[1:])
        elif words[0] == "options":
            options += words[1:]
    return Resolver(tuple(servers), search, tuple(options))


def is_loopback(server: str) -> bool:
    """Whether a name server is on the host's own loopback."""
    return server.startswith("127.") or server.partition("%")[0] in ("::1", "::ffff:127.0.0.1")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def resolv_conf(asked: Resolver | None = None, *, host_network: bool = False) -> ResolvConf:
    """The file for a container: what was ``asked`` for (--dns, --dns-search, --dns-option) goes before what the host
    has.
    """
    asked = asked or Resolver()
    host = parse(_read(HOST_FILE))
    servers, reason = asked.servers, ""
    if not servers:
        servers, reason = (host.servers, "") if host_network else _reachable(host.servers)
    search = () if asked.search == (".",) else asked.search or host.search
    return ResolvConf(render(Resolver(servers, search, asked.options or host.options)), reason)


def _reachable(servers: Sequence[str]) -> tuple[tuple[str, ...], str]:
    # An address with a scope (fe80::1%eth0) names a link of the host.
    usable = tuple(s for s in servers if not is_loopback(s) and "%" not in s)
    if usable:
        return usable, ""
    real = tuple(s for s in parse(_read(RESOLVED_FILE)).servers if not is_loopback(s) and "%" not in s)
    if real:
        return real, ""
    return FALLBACK, f"{HOST_FILE} names no server a container can reach: using {' and '.join(FALLBACK)}"


def render(r: Resolver) -> str:
    """The text, in the order docker writes it."""
    lines = [f"nameserver {s}" for s in r.servers]
    if r.search:
        lines.append("search " + " ".join(r.search))
    if r.options:
        lines.append("options " + " ".join(r.options))
    return "".join([line + "\n" for line in lines])
