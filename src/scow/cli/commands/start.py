"""``scow start``."""

from __future__ import annotations

import sys

from scow.cli import terminal
from scow.cli.command import Command, boolean, refused, string
from scow.engine.container.launch import How
from scow.errors import Error, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Start containers; with ``-a`` or ``-i`` one, and stay with it until it ends."""
    if args.on("attach") or args.on("interactive"):
        if len(args.operands) > 1:
            raise Invalid("you cannot start and attach multiple containers at once")
        return attached(args, context)
    containers, failed = context.engine.containers, []
    for name in args.operands:
        try:
            record = containers.find(name)
            if not containers.state(record).active or containers.state(record).status == "paused":
                containers.start(record, How()).close()
        except Error as e:
            sys.stdout.flush()
            sys.stderr.write(f"Error: {e}\n" + (f"hint: {e.hint}\n" if e.hint else ""))
            failed.append(name)
            continue
        sys.stdout.write(name + "\n")
    if failed:
        sys.stdout.flush()
        sys.stderr.write(f"Error: failed to start containers: {', '.join(failed)}\n")
        return 1
    return 0


def attached(args: Args, context: Context) -> int:
    """Start one container with its streams; its exit code."""
    from scow.cli.attaching import Streams, Wiring

    containers = context.engine.containers
    record = containers.find(args.operands[0])
    config = record.config["Config"]
    stdin = args.on("interactive") and bool(config["OpenStdin"])
    tty = bool(config["Tty"])
    if terminal.missing(wanted=stdin and tty):
        return 1
    letters = "oe" + ("i" if stdin else "")
    if containers.state(record).active:
        session = containers.attach(record, letters)
    else:
        session = containers.start(record, How(letters, terminal.size() if tty else (0, 0)))
    keys = terminal.detach_keys(args.text("detach-keys"))
    streams = Streams(session, Wiring(stdin, tty, args.on("sig-proxy"), keys))
    ended = streams.run()
    session.close()
    if ended:
        return session.exit_code
    return 141 if streams.broken else 0


COMMAND = Command(
    name="start",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Start one or more stopped containers",
    run=run,
    minimum=1,
    flags=(
        boolean("attach", "Attach STDOUT/STDERR and forward signals", "a"),
        string("detach-keys", "Override the key sequence for detaching a container"),
        boolean("interactive", "Attach container's STDIN", "i"),
        boolean("sig-proxy", "Proxy received signals to the process", default=True),
    ),
    refused=refused("checkpoint", "checkpoint-dir"),
    aliases=("container start", "start"),
)
