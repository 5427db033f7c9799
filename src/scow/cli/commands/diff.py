"""``scow diff``."""

from __future__ import annotations

from scow.cli.command import Command
from scow.cli.output import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """List what a container has changed."""
    write("".join(f"{kind} {path}\n" for kind, path in context.engine.containers.diff(args.operands[0])))
    return 0


COMMAND = Command(
    name="diff",
    usage="CONTAINER",
    summary="Inspect changes to files or directories on a container's filesystem",
    run=run,
    minimum=1,
    maximum=1,
    aliases=("container diff", "diff"),
)
