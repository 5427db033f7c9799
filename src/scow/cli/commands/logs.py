"""``scow logs``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, string
from scow.engine.container.logs import LogRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def tail_of(text: str) -> int | None:
    """Lines of ``--tail``; None (all) for "all", a negative number, and for what is no number, as docker has it."""
    return int(text) if text.isdigit() else None


def run(args: Args, context: Context) -> int:
    """Print what a container has written, each stream to its own."""
    request = LogRequest(args.on("follow"), tail_of(args.text("tail")), args.text("since"), args.text("until"))
    stamps, details = args.on("timestamps"), args.on("details")
    outputs = {"stdout": sys.stdout.buffer, "stderr": sys.stderr.buffer}
    last = "stdout"
    for record in context.engine.containers.logs(args.operands[0], request):
        out = outputs[record.stream]
        if record.stream != last:
            outputs[last].flush()  # so that both in one place keep their order
            last = record.stream
        head = b""
        if stamps:
            from scow.engine.container.logs import stamp

            head = f"{stamp(record.time)} ".encode()
        if details:
            head += ",".join(f"{k}={v}" for k, v in record.attrs).encode() + b" "
        out.write(head + record.data)
        if request.follow:
            out.flush()
    outputs[last].flush()
    return 0


COMMAND = Command(
    name="logs",
    usage="[OPTIONS] CONTAINER",
    summary="Fetch the logs of a container",
    run=run,
    minimum=1,
    maximum=1,
    flags=(
        boolean("details", "Show extra details provided to logs"),
        boolean("follow", "Follow log output", "f"),
        string("since", 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")'),
        string("tail", "Number of lines to show from the end of the logs", "n", default="all"),
        boolean("timestamps", "Show timestamps", "t"),
        string("until", 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")'),
    ),
    aliases=("container logs", "logs"),
)
