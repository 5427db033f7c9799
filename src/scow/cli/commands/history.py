"""``scow history``."""

from __future__ import annotations

from scow.cli.command import Command, boolean, refused, string
from scow.cli.output import listing, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args
    from scow.engine.imagejson import HistoryEntry

COLUMNS = {
    "ID": "IMAGE",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "Size": "SIZE",
    "Comment": "COMMENT",
}
DEFAULT = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
NOT_HUMAN = "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"


def row(entry: HistoryEntry, *, trunc: bool, human: bool) -> dict[str, str]:
    """What a template may name of one entry."""
    from scow.cli.units import ago, human_size, rfc3339

    by = entry.created_by.replace("\t", " ").replace("\n", " ")
    since = ago(entry.created)
    return {
        "ID": (entry.id.removeprefix("sha256:")[:12] if trunc else entry.id) or "<missing>",
        "CreatedSince": since,
        "CreatedAt": rfc3339(entry.created),
        "CreatedBy": by[:44] + "…" if trunc and len(by) > 45 else by,
        "Size": human_size(entry.size) if human else str(entry.size),
        "Comment": entry.comment,
    }


def run(args: Args, context: Context) -> int:
    """Show how an image was made, newest first."""
    entries = context.engine.images.history(args.operands[0])
    trunc, human = not args.on("no-trunc"), args.on("human")
    if args.on("quiet") and not args.text("format"):
        write("".join(row(e, trunc=trunc, human=human)["ID"] + "\n" for e in entries))
        return 0
    found = [row(e, trunc=trunc, human=human) for e in entries]
    write(listing(found, COLUMNS, args.text("format"), DEFAULT if human else NOT_HUMAN))
    return 0


COMMAND = Command(
    name="history",
    usage="[OPTIONS] IMAGE",
    summary="Show the history of an image",
    run=run,
    minimum=1,
    maximum=1,
    flags=(
        string("format", "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
        boolean("human", "Print sizes and dates in human readable format", "H", default=True),
        boolean("no-trunc", "Don't truncate output"),
        boolean("quiet", "Only show image IDs", "q"),
    ),
    refused=refused("platform"),
    aliases=("image history", "history"),
)
