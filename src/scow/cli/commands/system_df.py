"""``scow system df``."""

from __future__ import annotations

from scow.cli.command import Command, refused, string
from scow.cli.output import listing, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args
    from scow.engine.system import Usage

COLUMNS = {
    "Type": "TYPE",
    "TotalCount": "TOTAL",
    "Active": "ACTIVE",
    "Size": "SIZE",
    "Reclaimable": "RECLAIMABLE",
}
DEFAULT = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"


def row(usage: Usage) -> dict[str, str]:
    """What a template may name of one line."""
    from scow.cli.units import human_size

    share = f" ({usage.reclaimable * 100 // usage.size}%)" if usage.size and usage.kind != "Build Cache" else ""
    return {
        "Type": usage.kind,
        "TotalCount": str(usage.total),
        "Active": str(usage.active),
        "Size": human_size(usage.size, 4),
        "Reclaimable": human_size(usage.reclaimable, 4) + share,
    }


def run(args: Args, context: Context) -> int:
    """Show what takes how much disk."""
    rows = [row(u) for u in context.engine.system.disk_usage()]
    write(listing(rows, COLUMNS, args.text("format"), DEFAULT))
    return 0


COMMAND = Command(
    name="system df",
    usage="[OPTIONS]",
    summary="Show scow disk usage",
    run=run,
    maximum=0,
    flags=(string("format", "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),),
    refused=refused("v,verbose!"),
)
