"""``scow run``."""

from __future__ import annotations

import os
import sys

from scow.cli import terminal
from scow.cli.command import Command, boolean, string
from scow.cli.flags import UsageError
from scow.cli.options.container import FLAGS, REFUSED, container_request
from scow.cli.pulling import create
from scow.engine.container.launch import How
from scow.errors import Error, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args
    from scow.engine.container.create import Created
    from scow.engine.container.session import Session
    from scow.engine.requests import ContainerRequest

FAILED = 125
LETTERS = {"stdin": "i", "stdout": "o", "stderr": "e"}


def run(args: Args, context: Context) -> int:
    """Create a container and start it; attached unless ``-d`` is given."""
    created = None
    detach = args.on("detach")
    try:
        request = container_request(args, detach=detach)
        if not possible(args, request):
            return 1
        cid = CidFile(args.text("cidfile"))
        created = create(context, request, quiet=args.on("quiet"))
        cid.write(created.record.id)
        warn(created.warnings)
        how = how_of(request, detach=detach)
        handle, context.supervisor = context.supervisor, None
        session = context.engine.containers.start(created.record, how, handle)
    except UsageError:
        raise
    except Error as e:
        if created is not None and detach:
            sys.stdout.write(created.record.id + "\n")  # there is a container, though it has not started
        return failed(e)
    warn(session.warnings)
    if detach:
        sys.stdout.write(created.record.id + "\n")
        session.close()
        return 0
    return attached(args, context, created, session)


def possible(args: Args, request: ContainerRequest) -> bool:
    """Whether the streams can be joined as asked for; the caller is told, in docker's words, if not."""
    if args.on("detach") and args.all("attach"):
        sys.stderr.write("conflicting options: cannot specify both --attach and --detach\n")
        return False
    return not terminal.missing(wanted=request.tty and "stdin" in request.attach)


def how_of(request: ContainerRequest, *, detach: bool) -> How:
    """What is attached when it starts."""
    if detach:
        return How()
    letters = "".join(LETTERS[stream] for stream in request.attach)
    return How(letters, terminal.size() if request.tty else (0, 0))


def attached(args: Args, context: Context, created: Created, session: Session) -> int:
    """Pass streams on until the container ends; its exit code."""
    from scow.cli.attaching import Streams, Wiring

    config = created.record.config["Config"]
    keys = terminal.detach_keys(args.text("detach-keys")) if config["Tty"] and config["OpenStdin"] else b""
    wiring = Wiring(bool(config["AttachStdin"]), bool(config["Tty"]), args.on("sig-proxy"), keys)
    streams = Streams(session, wiring)
    ended = streams.run()
    if not ended:
        session.close()
        return 141 if streams.broken else 0
    if created.record.config["HostConfig"].get("AutoRemove"):
        context.engine.containers.removed(created.record, session)
    session.close()
    return session.exit_code


def warn(warnings: tuple[str, ...] | list[str]) -> None:
    """Print sentences for the user."""
    for text in warnings:
        sys.stderr.write(f"WARNING: {text}\n")


def failed(e: Error, command: str = "run") -> int:
    """Print an error as ``docker run`` does; the exit code: 125, or of a command that could not be executed."""
    code = e.exit_code if e.exit_code in (126, 127) else FAILED
    hint = f"hint: {e.hint}\n" if e.hint else ""
    sys.stdout.flush()
    sys.stderr.write(f"scow: {e}\n{hint}\nRun 'scow {command} --help' for more information\n")
    return code


class CidFile:
    """``--cidfile``: must not be there before, holds the id afterwards."""

    def __init__(self, path: str) -> None:
        self.path = path
        if path and os.path.lexists(path):
            raise Invalid(f"container ID file found, make sure the other container isn't running or delete {path}")

    def write(self, name: str) -> None:
        """Write the id."""
        if not self.path:
            return
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            os.write(fd, name.encode())
            os.close(fd)
        except OSError as e:
            raise Invalid(f"failed to write the container ID to the file: {self.path}: {e.strerror}") from None


COMMAND = Command(
    name="run",
    usage="[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary="Create and run a new container from an image",
    run=run,
    minimum=1,
    interspersed=False,
    flags=(
        *FLAGS,
        boolean("detach", "Run container in background and print container ID", "d"),
        string("detach-keys", "Override the key sequence for detaching a container"),
        boolean("sig-proxy", "Proxy received signals to the process", default=True),
    ),
    refused=REFUSED,
    aliases=("container run", "run"),
)
