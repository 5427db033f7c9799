"""``scow tag``."""

from __future__ import annotations

from scow.cli.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Give an image another name."""
    context.engine.images.tag(args.operands[0], args.operands[1])
    return 0


COMMAND = Command(
    name="tag",
    usage="SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    summary="Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    run=run,
    minimum=2,
    maximum=2,
    aliases=("image tag", "tag"),
)
