"""``scow system reset``."""

from __future__ import annotations

from scow.cli.command import Command, boolean
from scow.cli.each import confirm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Delete the store."""
    system = context.engine.system
    root = context.engine.store.paths.root
    question = f"WARNING! This will stop all containers and delete everything under {root}."
    if confirm(question, force=args.on("force")):
        system.reset()
    return 0


COMMAND = Command(
    name="system reset",
    usage="[OPTIONS]",
    summary="Stop everything and delete the whole store",
    run=run,
    maximum=0,
    flags=(boolean("force", "Do not prompt for confirmation", "f"),),
)
