"""``scow ps``."""

from __future__ import annotations

from scow.cli.command import Command, boolean, integer, repeated, string
from scow.cli.output import listing, write
from scow.engine.container.listing import Listed, Wanted, command_of, mounts_text, ports_text, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args

COLUMNS = {
    "ID": "CONTAINER ID",
    "Names": "NAMES",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED",
    "Ports": "PORTS",
    "State": "STATE",
    "Status": "STATUS",
    "Size": "SIZE",
    "Labels": "LABELS",
    "Mounts": "MOUNTS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Networks": "NETWORKS",
    "Platform": "PLATFORM",
}
DEFAULT = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
WITH_SIZE = DEFAULT + "\t{{.Size}}"
COMMAND_WIDTH = 20


def quoted(text: str) -> str:
    """Go's strconv.Quote."""
    if text.isprintable() and "\\" not in text and '"' not in text:
        return f'"{text}"'
    return '"' + "".join(_quoted(c) for c in text) + '"'


ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def _quoted(c: str) -> str:
    if c in ESCAPES:
        return ESCAPES[c]
    if c.isprintable():
        return c
    n = ord(c)
    if 0xDC80 <= n <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{n - 0xDC00:02x}"
    return f"\\x{n:02x}" if n < 0x80 else f"\\u{n:04x}" if n < 0x10000 else f"\\U{n:08x}"


class Row(dict[str, str]):
    """One container's fields, with docker's ``.Label "key"`` for templates."""

    METHODS = ("Label",)

    def __init__(self, fields: dict[str, str], labels: dict[str, str]) -> None:
        super().__init__(fields)
        self._labels = labels

    def Label(self, name: str) -> str:  # noqa: N802 - docker's word in templates
        """The value of one label, "" if it has none."""
        return self._labels.get(name, "")


def row(listed: Listed, *, trunc: bool) -> Row:
    """What a template may name of one container."""
    from scow.cli.units import ago, human_duration, human_size, local_time

    record, state = listed.record, listed.state
    command = command_of(record)
    if trunc and len(command) > COMMAND_WIDTH:
        command = command[: COMMAND_WIDTH - 1] + "…"
    size = ""
    if listed.size >= 0:
        size = human_size(listed.size) + (f" (virtual {human_size(listed.virtual)})" if listed.virtual > 0 else "")
    fields = {
        "ID": record.id[:12] if trunc else record.id,
        "Names": record.name,
        "Image": listed.image or "<no image>",
        "Command": quoted(command),
        "CreatedAt": local_time(record.created),
        "RunningFor": ago(record.created),
        "Ports": ports_text(record, state),
        "State": state.status,
        "Status": status(state, human_duration),
        "Size": size or "0B",
        "Labels": ",".join(f"{k}={v}" for k, v in record.labels.items()),
        "Mounts": mounts_text(record, trunc=trunc),
        "LocalVolumes": str(sum(m.get("Driver") == "local" for m in record.config["Mounts"])),
        "Networks": record.config["HostConfig"].get("NetworkMode", "bridge"),
        "Platform": "",
    }
    return Row(fields, record.labels)


def run(args: Args, context: Context) -> int:
    """List containers."""
    last = args.number("last")
    last = 1 if args.on("latest") else -1 if last is None else last
    form, quiet, trunc = args.text("format"), args.on("quiet"), not args.on("no-trunc")
    size = args.on("size") or (".Size" in form and not quiet)
    found = context.engine.containers.ls(Wanted(args.on("all"), last, args.all("filter"), size))
    if quiet and not form:
        write("".join((f.record.id[:12] if trunc else f.record.id) + "\n" for f in found))
        return 0
    rows = [row(f, trunc=trunc) for f in found]
    write(listing(rows, COLUMNS, form, WITH_SIZE if args.on("size") else DEFAULT))
    return 0


COMMAND = Command(
    name="ps",
    usage="[OPTIONS]",
    summary="List containers",
    run=run,
    maximum=0,
    flags=(
        boolean("all", "Show all containers (default shows just running)", "a"),
        repeated("filter", "Filter output based on conditions provided", "f", kind="filter"),
        string("format", "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
        integer("last", "Show n last created containers (includes all states)", "n", default=-1),
        boolean("latest", "Show the latest created container (includes all states)", "l"),
        boolean("no-trunc", "Don't truncate output"),
        boolean("quiet", "Only display container IDs", "q"),
        boolean("size", "Display total file sizes", "s"),
    ),
    aliases=("container ls", "container list", "container ps", "ps"),
)
