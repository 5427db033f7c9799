"""``scow wait``."""

from __future__ import annotations

from scow.cli.command import Command
from scow.cli.each import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Wait for containers to end."""
    containers = context.engine.containers
    return each(args.operands, lambda name: str(containers.wait(name)))


COMMAND = Command(
    name="wait",
    usage="CONTAINER [CONTAINER...]",
    summary="Block until one or more containers stop, then print their exit codes",
    run=run,
    minimum=1,
    aliases=("container wait", "wait"),
)
