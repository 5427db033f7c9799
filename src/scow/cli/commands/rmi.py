"""``scow rmi``."""

from __future__ import annotations

from scow.cli.command import Command, boolean, refused
from scow.cli.each import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Remove images."""
    images, force, prune = context.engine.images, args.on("force"), not args.on("no-prune")

    def remove(name: str) -> str | None:
        removed = images.remove(name, force=force, prune=prune)
        return "\n".join(f"{r.kind}: {r.name}" for r in removed) if removed else None

    return each(args.operands, remove)


COMMAND = Command(
    name="rmi",
    usage="[OPTIONS] IMAGE [IMAGE...]",
    summary="Remove one or more images",
    run=run,
    minimum=1,
    flags=(boolean("force", "Force removal of the image", "f"), boolean("no-prune", "Do not delete untagged parents")),
    refused=refused("platform"),
    aliases=("image rm", "image remove", "rmi"),
)
