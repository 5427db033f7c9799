"""``scow image inspect``."""

from __future__ import annotations

from scow.cli.command import Command, refused, string
from scow.cli.inspecting import inspect_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Print what is known of each image."""
    return inspect_each(args.operands, context.engine.images.inspect, args.text("format"))


COMMAND = Command(
    name="image inspect",
    usage="[OPTIONS] IMAGE [IMAGE...]",
    summary="Display detailed information on one or more images",
    run=run,
    minimum=1,
    flags=(string("format", "Format output using a Go template, or 'json'", "f"),),
    refused=refused("platform"),
)
