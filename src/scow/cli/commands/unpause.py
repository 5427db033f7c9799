"""``scow unpause``."""

from __future__ import annotations

from scow.cli.command import Command
from scow.cli.each import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Let frozen containers go on."""
    containers = context.engine.containers

    def unpause(name: str) -> str:
        containers.unpause(name)
        return name

    return each(args.operands, unpause)


COMMAND = Command(
    name="unpause",
    usage="CONTAINER [CONTAINER...]",
    summary="Unpause all processes within one or more containers",
    run=run,
    minimum=1,
    aliases=("container unpause", "unpause"),
)
