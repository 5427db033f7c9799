"""``scow images``."""

from __future__ import annotations

from scow.cli.command import Command, boolean, refused, repeated, string
from scow.cli.output import listing, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args
    from scow.engine.records import ImageRecord

COLUMNS = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "Digest": "DIGEST",
    "ID": "IMAGE ID",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
    "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
    "Containers": "CONTAINERS",
}
DEFAULT = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
WITH_DIGESTS = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
NONE = "<none>"


def names(record: ImageRecord, *, digests: bool) -> list[tuple[str, str, str]]:
    """The lines of one image: repository, tag and digest each; an image without names has one of ``<none>``."""
    from scow.oci.reference import Reference

    known: dict[str, str] = {}
    for text in record.repo_digests:
        reference = Reference.parse(text)
        known[reference.name] = str(reference.digest)
    lines = []
    for text in record.names:
        reference = Reference.parse(text)
        repository = reference.familiar().rpartition(":")[0]
        lines.append((repository, reference.tag or NONE, known.pop(reference.name, NONE) if digests else NONE))
    if not lines or digests:
        lines += [(Reference.parse(f"{n}@{d}").familiar().partition("@")[0], NONE, d) for n, d in known.items()]
    return lines or [(NONE, NONE, NONE)]


def rows(records: list[ImageRecord], *, digests: bool, trunc: bool, human: bool = True) -> list[dict[str, str]]:
    """What a template may name, a row per name."""
    from scow.cli.units import ago, human_size, local_time

    found = []
    for record in records:
        size = human_size(record.size) if human else str(record.size)
        shared = {
            "ID": record.id.hex[:12] if trunc else str(record.id),
            "CreatedSince": ago(record.created),
            "CreatedAt": local_time(record.created),
            "Size": size,
            "VirtualSize": size,
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
            "Containers": "N/A",
        }
        for repository, tag, digest in names(record, digests=digests):
            found.append({"Repository": repository, "Tag": tag, "Digest": digest, **shared})
    return found


def run(args: Args, context: Context) -> int:
    """List the images."""
    records = context.engine.images.ls(args.operands, args.all("filter"))
    trunc = not args.on("no-trunc")
    if args.on("quiet") and not args.text("format"):
        ids = dict.fromkeys(r.id.hex[:12] if trunc else str(r.id) for r in records)
        write("".join(i + "\n" for i in ids))
        return 0
    form, digests = args.text("format"), args.on("digests")
    found = rows(records, digests=digests or "{{.Digest}}" in form or form == "json", trunc=trunc)
    write(listing(found, COLUMNS, form, WITH_DIGESTS if digests else DEFAULT))
    return 0


COMMAND = Command(
    name="images",
    usage="[OPTIONS] [REPOSITORY[:TAG]]",
    summary="List images",
    run=run,
    maximum=1,
    flags=(
        boolean("all", "Show all images (scow keeps no intermediate ones, so this changes nothing)", "a"),
        boolean("digests", "Show digests"),
        repeated("filter", "Filter output based on conditions provided", "f", kind="filter"),
        string("format", "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
        boolean("no-trunc", "Don't truncate output"),
        boolean("quiet", "Only show image IDs", "q"),
    ),
    refused=refused("tree!"),
    aliases=("image ls", "image list", "images"),
)
