"""``scow container inspect``."""

from __future__ import annotations

from scow.cli.command import Command, boolean, string
from scow.cli.inspecting import inspect_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Print what is known of each container."""
    containers, size = context.engine.containers, args.on("size")
    return inspect_each(args.operands, lambda name: containers.inspect(name, size=size), args.text("format"))


COMMAND = Command(
    name="container inspect",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Display detailed information on one or more containers",
    run=run,
    minimum=1,
    flags=(
        string("format", "Format output using a Go template, or 'json'", "f"),
        boolean("size", "Display total file sizes", "s"),
    ),
)
