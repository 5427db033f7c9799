"""``scow kill``."""

from __future__ import annotations

from scow.cli.command import Command, string
from scow.cli.each import each
from scow.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Signal containers."""
    containers = context.engine.containers
    signal = args.text("signal")

    def kill(name: str) -> str:
        try:
            containers.kill(name, signal)
        except Error as e:
            raise type(e)(f"cannot kill container: {name}: {e}", e.hint) from None
        return name

    return each(args.operands, kill)


COMMAND = Command(
    name="kill",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Kill one or more running containers",
    run=run,
    minimum=1,
    flags=(string("signal", "Signal to send to the container", "s"),),
    aliases=("container kill", "kill"),
)
