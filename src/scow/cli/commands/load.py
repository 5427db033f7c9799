"""``scow load``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, string
from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Take in an archive of images."""
    path = args.text("input")
    if not path and sys.stdin.isatty():
        raise Invalid("requested load from stdin, but stdin is empty")
    try:
        stream = open(path, "rb") if path else sys.stdin.buffer
    except OSError as e:
        raise Invalid(f"open {path}: {(e.strerror or str(e)).lower()}") from e
    with stream:
        lines = context.engine.images.load(stream, platform=args.text("platform"))
    sys.stdout.write("".join(line + "\n" for line in lines))  # --quiet is about progress, and there is none
    return 0


COMMAND = Command(
    name="load",
    usage="[OPTIONS]",
    summary="Load an image from a tar archive or STDIN",
    run=run,
    maximum=0,
    flags=(
        string("input", "Read from tar archive file, instead of STDIN", "i"),
        string("platform", 'Load only the given platform variant. Formatted as "os[/arch[/variant]]"'),
        boolean("quiet", "Suppress the load output", "q"),
    ),
    aliases=("image load", "load"),
)
