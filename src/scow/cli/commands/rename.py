"""``scow rename``."""

from __future__ import annotations

import sys

from scow.cli.command import Command
from scow.cli.each import complain
from scow.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Give a container another name."""
    try:
        context.engine.containers.rename(*args.operands)
    except Error as e:
        complain(e)
        sys.stderr.write(f"Error: failed to rename container named {args.operands[0]}\n")
        return 1
    return 0


COMMAND = Command(
    name="rename",
    usage="CONTAINER NEW_NAME",
    summary="Rename a container",
    run=run,
    minimum=2,
    maximum=2,
    aliases=("container rename", "rename"),
)
