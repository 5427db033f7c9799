"""``scow info``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, string
from scow.cli.output import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.cli.context import Context
    from scow.cli.flags import Args

TEXT = """Client:
 Version:    {ServerVersion}

Server:
 Containers: {Containers}
  Running: {ContainersRunning}
  Paused: {ContainersPaused}
  Stopped: {ContainersStopped}
 Images: {Images}
 Server Version: {ServerVersion}
 Storage Driver: {Driver}
  Layers: {Layers}
  Backing Filesystem: {BackingFilesystem}
 Logging Driver: {LoggingDriver}
 Cgroup Driver: {CgroupDriver}
 Cgroup Version: {CgroupVersion}
 Runtimes: {DefaultRuntime}
 Default Runtime: {DefaultRuntime}
 Security Options:
  seccomp
   Profile: builtin
 Isolation: {Isolation}
 Kernel Version: {KernelVersion}
 Operating System: {OperatingSystem}
 OSType: {OSType}
 Architecture: {Architecture}
 CPUs: {NCPU}
 Total Memory: {Memory}
 Name: {Name}
 Scow Root Dir: {DockerRootDir}
 Scow Run Dir: {RunDir}
"""


def text(facts: dict[str, Any]) -> str:
    """The facts as lines."""
    from scow.cli.units import binary_size

    layers = dict(facts["DriverStatus"])["Layers"]
    return TEXT.format(**facts, Layers=layers, Memory=binary_size(facts["MemTotal"]))


def run(args: Args, context: Context) -> int:
    """Show what is known of the store and the machine."""
    facts = context.engine.system.info()
    form = args.text("format")
    if not form:
        write(text(facts))
        sys.stdout.flush()
        sys.stderr.write("".join(w + "\n" for w in facts["Warnings"]))
        return 0
    from scow.cli.template import Template

    write(Template("{{json .}}" if form == "json" else form).render(facts) + "\n")
    return 0


COMMAND = Command(
    name="info",
    usage="[OPTIONS]",
    summary="Display system-wide information",
    run=run,
    maximum=0,
    flags=(string("format", "Format output using a Go template, or 'json'", "f"),),
    aliases=("system info", "info"),
)
