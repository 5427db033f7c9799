"""``scow export``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, string
from scow.cli.outfile import output_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Write a container's files as a tar."""
    containers = context.engine.containers
    containers.find(args.operands[0])
    with output_file(args.text("output"), "failed to export container") as out:
        skipped = containers.export(args.operands[0], out)
    for line in skipped:
        sys.stderr.write(f"{line}\n")
    return 0


COMMAND = Command(
    name="export",
    usage="[OPTIONS] CONTAINER",
    summary="Export a container's filesystem as a tar archive",
    run=run,
    minimum=1,
    maximum=1,
    flags=(string("output", "Write to a file, instead of STDOUT", "o"),),
    aliases=("container export", "export"),
)
