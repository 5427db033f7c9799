"""``scow rename``."""

from __future__ import annotations

from scow.cli.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Give a container another name."""
    context.engine.containers.rename(*args.operands)
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
