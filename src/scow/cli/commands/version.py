"""``scow version``."""

from __future__ import annotations

import os
import sys

from scow import __version__
from scow.cli.command import Command, string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args

API_VERSION = "1.51"
MIN_API_VERSION = "1.24"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

TEXT = """Client:
 Version:           {{.Client.Version}}
 API version:       {{.Client.ApiVersion}}
 Python version:    {{.Client.PythonVersion}}
 OS/Arch:           {{.Client.Os}}/{{.Client.Arch}}

Server:
 Engine:            in this process (no daemon)
  Version:          {{.Server.Version}}
  Kernel version:   {{.Server.KernelVersion}}
"""


def facts() -> dict[str, dict[str, str]]:
    """What the template sees; client and engine are the same program."""
    uname = os.uname()
    common = {
        "Version": __version__,
        "ApiVersion": API_VERSION,
        "PythonVersion": ".".join(str(n) for n in sys.version_info[:3]),
        "Os": "linux",
        "Arch": ARCHITECTURES.get(uname.machine, uname.machine),
    }
    return {"Client": common, "Server": {**common, "MinAPIVersion": MIN_API_VERSION, "KernelVersion": uname.release}}


def run(args: Args, context: Context) -> int:
    """Print the versions."""
    del context
    form = args.text("format")
    if form == "json":
        form = "{{json .}}"
    if not form:
        client, server = facts()["Client"], facts()["Server"]
        text = TEXT
        for side, fields in (("Client", client), ("Server", server)):
            for name, found in fields.items():
                text = text.replace("{{." + side + "." + name + "}}", found)
        sys.stdout.write(text)
        return 0
    from scow.cli.template import Template

    sys.stdout.write(Template(form).render(facts()) + "\n")
    return 0


COMMAND = Command(
    name="version",
    usage="[OPTIONS]",
    summary="Show the scow version information",
    run=run,
    maximum=0,
    flags=(string("format", "Format output using a Go template, or 'json'", "f"),),
)
