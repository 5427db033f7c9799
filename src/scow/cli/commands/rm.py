"""``scow rm``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, refused
from scow.cli.each import each
from scow.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Remove containers."""
    containers, force, volumes = context.engine.containers, args.on("force"), args.on("volumes")

    def remove(name: str) -> str | None:
        if not name.strip("/ "):  # rm -f "$UNSET" in a script
            raise Invalid("container name cannot be empty")
        try:
            containers.remove(name, force=force, volumes=volumes)
        except NotFound as e:
            if not force:
                raise
            sys.stderr.write(f"Error: {e}\n")  # told, but no failure: it is gone, as was wanted
            return None
        return name

    return each(args.operands, remove)


COMMAND = Command(
    name="rm",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Remove one or more containers",
    run=run,
    minimum=1,
    flags=(
        boolean("force", "Force the removal of a running container (uses SIGKILL)", "f"),
        boolean("volumes", "Remove anonymous volumes associated with the container", "v"),
    ),
    refused=refused("l,link!"),
    aliases=("container rm", "container remove", "rm"),
)
