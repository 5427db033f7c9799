"""``scow system check``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Print a line per fault; 0 if there is none, or all were mended."""
    left = 0
    for fault in context.engine.system.check(repair=args.on("repair")):
        end = "mended" if fault.mended else fault.problem or f"to mend: {fault.remedy}"
        sys.stdout.write(f"{fault.what}: {fault.where} ({end})\n")
        left += not fault.mended
    if left and not args.on("repair"):
        sys.stdout.flush()
        sys.stderr.write("hint: scow system check --repair mends what can be mended\n")
    return 1 if left else 0


COMMAND = Command(
    name="system check",
    usage="[OPTIONS]",
    summary="Find what crashes left behind, and mend it",
    run=run,
    maximum=0,
    flags=(boolean("repair", "Mend what can be mended"),),
    details="Prints nothing and exits with 0 when all is well, else a line per fault and exits with 1.",
)
