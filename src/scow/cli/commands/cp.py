"""``scow cp``."""

from __future__ import annotations

import sys
import time

from scow.cli.command import Command, boolean
from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args
    from scow.engine.container.copying.copy import CopyRequest

SECONDS = 0.075
"""Between two updates of the progress line."""


class Progress:
    """Docker's line on a terminal: how much has been copied, and in the end how much it was."""

    def __init__(self, header: str, *, quiet: bool) -> None:
        self._header = header
        self.quiet = quiet
        self._shown = not quiet and sys.stderr.isatty()
        self._next = 0.0
        if self._shown:
            self._put("\x1b7\x1b[?25l")

    def __call__(self, size: int) -> None:
        """So many bytes have gone over."""
        if self._shown and (now := time.monotonic()) >= self._next:
            from scow.cli.units import human_size

            self._next = now + SECONDS
            self._put(f"\x1b8\x1b[2K{self._header}{human_size(size)}")

    def close(self) -> None:
        """Take the line away."""
        if self._shown:
            self._put("\x1b8\x1b[2K\x1b[?25h")

    def _put(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def run(args: Args, context: Context) -> int:
    """Copy between a container and the host."""
    from scow.engine.container.copying.copy import CopyRequest
    from scow.engine.container.copying.places import parse

    for word, what in zip(args.operands, ("source", "destination"), strict=True):
        if not word:
            raise Invalid(f"{what} can not be empty")
    (source, from_path), (target, to_path) = (parse(word) for word in args.operands)
    if source and target:
        raise Invalid("copying between containers is not supported")
    if not source and not target:
        raise Invalid("must specify at least one container source")
    quiet = args.on("quiet") if "quiet" in args.given else not sys.stdout.isatty()
    inner, outer = (from_path, to_path) if source else (to_path, from_path)
    request = CopyRequest(source or target, inner, outer, args.on("follow-link"), args.on("archive"))
    skipped = _out(request, context, quiet=quiet) if source else _into(request, context, quiet=quiet)
    for line in skipped:
        sys.stderr.write(f"{line}\n")
    return 0


def _out(request: CopyRequest, context: Context, *, quiet: bool) -> tuple[str, ...]:
    containers = context.engine.containers
    if request.outer == "-":
        return containers.copy_out_stream(request, sys.stdout.buffer)
    progress = Progress("Copying from container - ", quiet=quiet)
    try:
        done = containers.copy_out(request, progress)
    finally:
        progress.close()
    _summary(done.size, done.destination, quiet=quiet)
    return done.skipped


def _into(request: CopyRequest, context: Context, *, quiet: bool) -> tuple[str, ...]:
    containers = context.engine.containers
    if request.outer == "-":
        done = containers.copy_in_stream(request, sys.stdin.buffer)
        _summary(done.size, done.destination, quiet=quiet)
        return ()
    progress = Progress("Copying to container - ", quiet=quiet)
    try:
        done = containers.copy_in(request, progress)
    finally:
        progress.close()
    _summary(done.size, done.destination, quiet=quiet)
    return done.skipped


def _summary(size: int, destination: str, *, quiet: bool) -> None:
    if not quiet:
        from scow.cli.units import human_size

        sys.stderr.write(f"Successfully copied {human_size(size)} to {destination}\n")


COMMAND = Command(
    name="cp",
    usage="[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tscow cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    summary="Copy files/folders between a container and the local filesystem",
    run=run,
    minimum=2,
    maximum=2,
    flags=(
        boolean("archive", "Archive mode (copy all uid/gid information)", "a"),
        boolean("follow-link", "Always follow symbol link in SRC_PATH", "L"),
        boolean(
            "quiet",
            "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is "
            "attached",
            "q",
        ),
    ),
    aliases=("container cp", "cp"),
    details="Use '-' as the source to read a tar archive from stdin\nand extract it to a directory destination in a "
    "container.\nUse '-' as the destination to stream a tar archive of a\ncontainer source to stdout.",
)
