"""``scow save``."""

from __future__ import annotations

import os
import sys

from scow.cli.command import Command, string
from scow.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Write an archive of images."""
    path = args.text("output")
    if not path and sys.stdout.isatty():
        raise Invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    images, platform = context.engine.images, args.text("platform")
    for name in args.operands:
        try:
            images.find(name)
        except NotFound as e:
            raise NotFound(f"No such image: {name}") from e
    if not path:
        images.save(args.operands, sys.stdout.buffer, platform=platform)
        return 0
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise Invalid(f"failed to save image: invalid output path: stat {folder}: no such file or directory")
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as device:  # a pipe or /dev/stdout: nothing to replace
            images.save(args.operands, device, platform=platform)
        return 0
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as out:
            images.save(args.operands, out, platform=platform)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    return 0


COMMAND = Command(
    name="save",
    usage="[OPTIONS] IMAGE [IMAGE...]",
    summary="Save one or more images to a tar archive (streamed to STDOUT by default)",
    run=run,
    minimum=1,
    flags=(
        string("output", "Write to a file, instead of STDOUT", "o"),
        string("platform", 'Save only the given platform variant. Formatted as "os[/arch[/variant]]"'),
    ),
    aliases=("image save", "save"),
)
