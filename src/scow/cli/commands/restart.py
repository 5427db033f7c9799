"""``scow restart``."""

from __future__ import annotations

from scow.cli.command import Command, Flag, integer, string
from scow.cli.commands.stop import timeout
from scow.cli.each import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Stop containers and start them again."""
    containers = context.engine.containers
    signal, seconds = args.text("signal"), timeout(args)

    def restart(name: str) -> str:
        containers.restart(name, signal=signal, seconds=seconds)
        return name

    return each(args.operands, restart)


COMMAND = Command(
    name="restart",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Restart one or more containers",
    run=run,
    minimum=1,
    flags=(
        string("signal", "Signal to send to the container", "s"),
        integer("timeout", "Seconds to wait before killing the container", "t"),
        Flag("time", "int", "Seconds to wait before killing the container", hidden=True),
    ),
    aliases=("container restart", "restart"),
)
