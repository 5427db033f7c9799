"""``scow container prune``."""

from __future__ import annotations

from scow.cli.command import Command, boolean, repeated
from scow.cli.each import confirm
from scow.cli.output import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args

QUESTION = "WARNING! This will remove all stopped containers."


def run(args: Args, context: Context) -> int:
    """Remove the containers that do not run."""
    from scow.cli.units import human_size

    if not confirm(QUESTION, force=args.on("force")):
        return 0
    pruned = context.engine.containers.prune(args.all("filter"))
    if pruned.ids:
        write("Deleted Containers:\n" + "".join(f"{name}\n" for name in pruned.ids) + "\n")
    write(f"Total reclaimed space: {human_size(pruned.space)}\n")
    return 0


COMMAND = Command(
    name="container prune",
    usage="[OPTIONS]",
    summary="Remove all stopped containers",
    run=run,
    maximum=0,
    flags=(
        repeated("filter", 'Provide filter values (e.g. "until=<timestamp>")', kind="filter"),
        boolean("force", "Do not prompt for confirmation", "f"),
    ),
)
