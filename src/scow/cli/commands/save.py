"""``scow save``."""

from __future__ import annotations

from scow.cli.command import Command, string
from scow.cli.outfile import output_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Write an archive of images."""
    images, platform = context.engine.images, args.text("platform")
    images.check_saved(args.operands)
    with output_file(args.text("output"), "failed to save image") as out:
        images.save(args.operands, out, platform=platform)
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
