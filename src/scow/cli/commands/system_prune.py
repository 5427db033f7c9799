"""``scow system prune``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, repeated
from scow.cli.each import confirm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def question(*, everything: bool, volumes: bool) -> str:
    """What will be removed."""
    lines = ["  - all stopped containers"]
    if volumes:
        lines.append("  - all anonymous volumes not used by at least one container")
    which = "images without at least one container associated to them" if everything else "dangling images"
    lines += [f"  - all {which}", "  - all build cache" if everything else "  - unused build cache"]
    return "WARNING! This will remove:\n" + "\n".join(lines) + "\n"


def run(args: Args, context: Context) -> int:
    """Remove what nobody uses."""
    from scow.cli.units import human_size

    everything, volumes, wanted = args.on("all"), args.on("volumes"), args.all("filter")
    if not confirm(question(everything=everything, volumes=volumes), force=args.on("force")):
        return 0
    engine = context.engine
    containers = engine.containers.prune(wanted)
    if containers.ids:
        sys.stdout.write("Deleted Containers:\n" + "".join(f"{c}\n" for c in containers.ids) + "\n")
    images = engine.images.prune(everything=everything, wanted=wanted)
    if images.removed:
        sys.stdout.write("Deleted Images:\n" + "".join(f"{r.kind.lower()}: {r.name}\n" for r in images.removed) + "\n")
    freed = containers.space + images.space + engine.system.prune_cache()
    sys.stdout.write(f"Total reclaimed space: {human_size(freed)}\n")
    return 0


COMMAND = Command(
    name="system prune",
    usage="[OPTIONS]",
    summary="Remove unused data",
    run=run,
    maximum=0,
    flags=(
        boolean("all", "Remove all unused images not just dangling ones", "a"),
        repeated("filter", 'Provide filter values (e.g. "label=<key>=<value>")', kind="filter"),
        boolean("force", "Do not prompt for confirmation", "f"),
        boolean("volumes", "Prune anonymous volumes"),
    ),
)
