"""``scow rmi``."""

from __future__ import annotations

from scow.cli.command import Command, boolean, refused
from scow.cli.each import complain, each
from scow.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Remove images."""
    images, force, prune = context.engine.images, args.on("force"), not args.on("no-prune")

    def remove(name: str) -> str | None:
        try:
            removed = images.remove(name, force=force, prune=prune)
        except NotFound as e:
            if not force:
                raise
            complain(e)  # what is not there is gone: docker's -f says so and exits with 0
            return None
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
