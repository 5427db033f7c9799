"""EXPOSE: ``80``, ``53/udp``, ``8000-8010``; an address or a host port is taken off, as docker does."""

from __future__ import annotations

from scow.build.dockerfile import gofmt, rules
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.shell import expand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.convert.state import State
    from scow.build.dockerfile.instructions.base import Origin
    from scow.build.dockerfile.instructions.meta import Expose

PROTOCOLS = ("tcp", "udp", "sctp")


def expose(job: Job, state: State, command: Expose) -> None:
    """EXPOSE; a variable may hold several ports."""
    ports = []
    for text in command.ports:
        for word in expand(text, state.env, job.style).words:
            ports += parse_port(job, command.origin, word)
    state.image.add("ExposedPorts", ports)
    state.image.commit(f"EXPOSE {gofmt.plain_list(tuple(ports))}", epoch=job.epoch)


def parse_port(job: Job, origin: Origin, text: str) -> list[str]:
    """``port/protocol`` of each port that ``[[ip:]host:]port[-port][/protocol]`` means."""
    *ahead, port = text.rsplit(":", 2)
    host, ip = ahead[-1] if ahead else "", ahead[0] if len(ahead) == 2 else ""
    port, _, protocol = port.partition("/")
    if not port:
        raise DockerfileError(f"invalid port: {gofmt.quote(text)}: no port specified", near=text)
    if protocol.lower() not in ("", *PROTOCOLS):
        raise DockerfileError(f"invalid port: {gofmt.quote(text)}: invalid proto: {protocol}", near=protocol)
    if protocol != protocol.lower():
        words = f"Defined protocol '{text}' in EXPOSE instruction should be lowercase"
        job.lint.report(rules.EXPOSE_PROTO_CASING, origin, words)
    if ip or host:
        words = f"EXPOSE instruction should not define an IP address or host-port mapping, found '{text}'"
        job.lint.report(rules.EXPOSE_INVALID_FORMAT, origin, words)
    _check_address(ip)
    first, last = _range(port, "containerPort")
    if host:
        low, high = _range(host, "hostPort")
        if last - first not in (0, high - low):
            raise DockerfileError(
                f"invalid ranges specified for container and host Ports: {port} and {host}", near=text
            )
    return [f"{n}/{protocol.lower() or 'tcp'}" for n in range(first, last + 1)]


def _check_address(ip: str) -> None:
    import socket

    bare = ip[1:-1] if ip.startswith("[") and ip.endswith("]") else ip
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        if ip:
            socket.inet_pton(family, bare)
    except (OSError, ValueError):
        raise DockerfileError(f"invalid IP address: {bare}", near=ip) from None


def _range(text: str, what: str) -> tuple[int, int]:
    start, dash, end = text.partition("-")
    try:
        first = gofmt.parse_int(start, bits=64)
        last = gofmt.parse_int(end, bits=64) if dash else first
    except ValueError:
        raise DockerfileError(f"invalid {what}: {text}", near=text) from None
    if not 0 <= first <= last <= 65535:
        raise DockerfileError(f"invalid {what}: {text}", near=text)
    return first, last
