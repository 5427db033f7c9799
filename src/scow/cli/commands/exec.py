"""``scow exec``."""

from __future__ import annotations

import sys

from scow.cli import terminal
from scow.cli.attaching import Streams, Wiring
from scow.cli.command import Command, boolean, repeated, string
from scow.engine.requests import ExecRequest
from scow.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Run one more command in a container; its exit code."""
    request = request_of(args)
    if terminal.missing(wanted=request.tty and request.stdin):
        return 1
    keys = terminal.detach_keys(args.text("detach-keys")) if request.tty else b""
    try:
        running = context.engine.containers.exec(request, terminal.size() if request.tty else (0, 0))
    except Error as e:
        if e.exit_code not in (126, 127) or request.detach:
            e.exit_code = 1
        raise
    if request.detach:
        running.close()
        return 0
    streams = Streams(running, Wiring(request.stdin, request.tty, proxy=False, keys=keys))
    ended = streams.run()
    running.close()
    sys.stdout.flush()
    if ended:
        return running.exit_code
    return 141 if streams.broken else 0


def request_of(args: Args) -> ExecRequest:
    """The request of a call."""
    env: tuple[str, ...] = ()
    if args.all("env") or args.all("env-file"):
        from scow.cli.options.environment import environment

        env = environment(args.all("env-file"), args.all("env"))
    return ExecRequest(
        container=args.operands[0],
        command=args.operands[1:],
        tty=args.on("tty"),
        stdin=args.on("interactive") and not args.on("detach"),
        detach=args.on("detach"),
        env=env,
        user=args.text("user"),
        workdir=args.text("workdir"),
        privileged=args.on("privileged"),
    )


COMMAND = Command(
    name="exec",
    usage="[OPTIONS] CONTAINER COMMAND [ARG...]",
    summary="Execute a command in a running container",
    run=run,
    minimum=2,
    interspersed=False,
    flags=(
        boolean("detach", "Detached mode: run command in the background", "d"),
        string("detach-keys", "Override the key sequence for detaching a container"),
        repeated("env", "Set environment variables", "e"),
        repeated("env-file", "Read in a file of environment variables"),
        boolean("interactive", "Keep STDIN open even if not attached", "i"),
        boolean("privileged", "Give extended privileges to the command"),
        boolean("tty", "Allocate a pseudo-TTY", "t"),
        string("user", "Username or UID (format: <name|uid>[:<group|gid>])", "u"),
        string("workdir", "Working directory inside the container", "w"),
    ),
    aliases=("container exec", "exec"),
)
