"""``scow top``."""

from __future__ import annotations

from scow.cli.command import Command
from scow.cli.output import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args

WIDTH = 20
GAP = 3


def run(args: Args, context: Context) -> int:
    """Show the processes of a container."""
    titles, rows = context.engine.containers.top(args.operands[0], args.operands[1:])
    lines = [titles, *rows]
    widths = [max(WIDTH, *(len(line[i]) + GAP for line in lines)) for i in range(len(titles) - 1)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        write("".join([*cells, *line[len(widths) :]]) + "\n")
    return 0


COMMAND = Command(
    name="top",
    usage="CONTAINER [ps OPTIONS]",
    summary="Display the running processes of a container",
    run=run,
    minimum=1,
    interspersed=False,
    aliases=("container top", "top"),
)
