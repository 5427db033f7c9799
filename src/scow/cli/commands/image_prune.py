"""``scow image prune``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, repeated
from scow.cli.each import confirm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Remove unused images."""
    from scow.cli.units import human_size

    what = "all images without at least one container associated to them" if args.on("all") else "all dangling images"
    if not confirm(f"WARNING! This will remove {what}.", force=args.on("force")):
        return 0
    pruned = context.engine.images.prune(everything=args.on("all"), wanted=args.all("filter"))
    if pruned.removed:
        sys.stdout.write("Deleted Images:\n" + "".join(f"{r.kind.lower()}: {r.name}\n" for r in pruned.removed) + "\n")
    sys.stdout.write(f"Total reclaimed space: {human_size(pruned.space)}\n")
    return 0


COMMAND = Command(
    name="image prune",
    usage="[OPTIONS]",
    summary="Remove unused images",
    run=run,
    maximum=0,
    flags=(
        boolean("all", "Remove all unused images, not just dangling ones", "a"),
        repeated("filter", 'Provide filter values (e.g. "until=<timestamp>")', kind="filter"),
        boolean("force", "Do not prompt for confirmation", "f"),
    ),
)
