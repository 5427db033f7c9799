"""``scow attach``."""

from __future__ import annotations

from scow.cli import terminal
from scow.cli.attaching import Streams, Wiring
from scow.cli.command import Command, boolean, string
from scow.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Join the streams of a running container; its exit code."""
    containers = context.engine.containers
    record = containers.find(args.operands[0])
    config = record.config["Config"]
    stdin = bool(config["OpenStdin"]) and not args.on("no-stdin")
    if terminal.missing(wanted=stdin and bool(config["Tty"])):
        return 1
    keys = terminal.detach_keys(args.text("detach-keys"))
    session = containers.attach(record, "oe" + ("i" if stdin else ""))
    streams = Streams(session, Wiring(stdin, bool(config["Tty"]), args.on("sig-proxy"), keys))
    ended = streams.run()
    session.close()
    if ended:
        return session.exit_code
    if streams.broken:
        return 141
    raise Error("read escape sequence")


COMMAND = Command(
    name="attach",
    usage="[OPTIONS] CONTAINER",
    summary="Attach local standard input, output, and error streams to a running container",
    run=run,
    minimum=1,
    maximum=1,
    flags=(
        string("detach-keys", "Override the key sequence for detaching a container"),
        boolean("no-stdin", "Do not attach STDIN"),
        boolean("sig-proxy", "Proxy all received signals to the process", default=True),
    ),
    aliases=("container attach", "attach"),
)
