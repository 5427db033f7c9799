"""``scow create``."""

from __future__ import annotations

import sys

from scow.cli.command import Command
from scow.cli.commands.run import CidFile, failed, warn
from scow.cli.flags import UsageError
from scow.cli.options.container import FLAGS, REFUSED, container_request
from scow.cli.pulling import create
from scow.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Create a container and print its id."""
    try:
        request = container_request(args)
        cid = CidFile(args.text("cidfile"))
    except UsageError:
        raise
    except Error as e:
        return failed(e, "create")
    created = create(context, request, quiet=args.on("quiet"))  # what fails from here on is 1, as docker's
    cid.write(created.record.id)
    warn(created.warnings)
    sys.stdout.write(created.record.id + "\n")
    return 0


COMMAND = Command(
    name="create",
    usage="[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary="Create a new container",
    run=run,
    minimum=1,
    interspersed=False,
    flags=FLAGS,
    refused=REFUSED,
    aliases=("container create", "create"),
)
