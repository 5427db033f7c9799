"""``scow pause``."""

from __future__ import annotations

from scow.cli.command import Command
from scow.cli.each import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Freeze containers."""
    containers = context.engine.containers

    def pause(name: str) -> str:
        containers.pause(name)
        return name

    return each(args.operands, pause)


COMMAND = Command(
    name="pause",
    usage="CONTAINER [CONTAINER...]",
    summary="Pause all processes within one or more containers",
    run=run,
    minimum=1,
    aliases=("container pause", "pause"),
)
