"""RUN: a command, its mounts, network and security."""

from __future__ import annotations

from scow.build.dockerfile import gofmt
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.flags import LIST, TEXT
from scow.build.dockerfile.instructions.mounts import Device, Mount, mount_from, parse_device, parse_mount
from scow.build.dockerfile.instructions.process import CommandLine, command_line
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.instructions.base import Origin, Request, Word

NETWORKS = ("default", "none", "host")
SECURITY = ("sandbox", "insecure")


@value
class Run:
    """RUN. ``mounts`` is empty until ``expand``; ``sources`` are the ``from`` of ``written_mounts``, "" for none."""

    origin: Origin
    line: CommandLine
    network: str = "default"
    security: str = "sandbox"
    devices: tuple[Device, ...] = ()
    written_mounts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()

    def expand(self, word: Word) -> Run:
        """Only the values of mounts are expanded; the command's variables are left to the shell."""
        return replace(self, mounts=tuple(parse_mount(m, word) for m in self.written_mounts))


def parse_run(request: Request) -> Run:
    """RUN."""
    flags = request.flags(mount=LIST, network=TEXT, security=TEXT, device=LIST)
    line = command_line(request)
    mounts = flags.all("mount")
    sources = tuple(mount_from(m) for m in mounts)
    network, security = flags.text("network", "default"), flags.text("security", "sandbox")
    if network not in NETWORKS:
        raise DockerfileError(
            f"invalid network mode {gofmt.quote(network)}", near="--network", hint="default, none or host"
        )
    if security not in SECURITY:
        raise DockerfileError(
            f"security {gofmt.quote(security)} is not valid", near="--security", hint="sandbox or insecure"
        )
    devices = tuple(parse_device(d) for d in flags.all("device"))
    return Run(request.origin, line, network, security, devices, mounts, sources)
