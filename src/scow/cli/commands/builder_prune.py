"""``scow builder prune``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, repeated, string
from scow.cli.each import confirm
from scow.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def older_than(filters: tuple[str, ...]) -> int | None:
    """The moment (ns) that ``--filter until=24h`` names; other filters are refused."""
    import time

    from scow.cli.units import parse_duration

    moment = None
    for text in filters:
        name, _, age = text.partition("=")
        if name != "until":
            raise Unsupported(f"scow builder prune does not support the filter {name!r}", hint="use until=24h")
        moment = time.time_ns() - parse_duration(age)
    return moment


def run(args: Args, context: Context) -> int:
    """Remove build cache."""
    from scow.cli.units import human_size

    if not confirm("WARNING! This will remove all build cache.", force=args.on("force")):
        return 0
    keep = args.number("keep-storage") or args.number("max-used-space")
    freed = context.engine.system.prune_cache(keep=keep, older_than=older_than(args.all("filter")))
    sys.stdout.write(f"Total:\t{human_size(freed)}\n")
    return 0


COMMAND = Command(
    name="builder prune",
    usage="[OPTIONS]",
    summary="Remove build cache",
    run=run,
    maximum=0,
    flags=(
        boolean("all", "Remove all unused build cache (scow has no other kind, so this changes nothing)", "a"),
        repeated("filter", 'Provide filter values (e.g., "until=24h")', kind="filter"),
        boolean("force", "Do not prompt for confirmation", "f"),
        string("keep-storage", "Amount of disk space to keep for cache", kind="bytes"),
        string("max-used-space", "Maximum amount of disk space allowed to keep for cache", kind="bytes"),
    ),
)
