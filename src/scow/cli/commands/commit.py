"""``scow commit``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, repeated, string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Make an image of a container's changes."""
    from scow.engine.container.commit import CommitRequest

    request = CommitRequest(
        reference=args.operands[1] if len(args.operands) > 1 else "",
        author=args.text("author"),
        message=args.text("message"),
        changes=args.all("change"),
        pause=args.on("pause"),
    )
    sys.stdout.write(context.engine.containers.commit(args.operands[0], request) + "\n")
    return 0


COMMAND = Command(
    name="commit",
    usage="[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    summary="Create a new image from a container's changes",
    run=run,
    minimum=1,
    maximum=2,
    flags=(
        string("author", 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', "a"),
        repeated("change", "Apply Dockerfile instruction to the created image", "c"),
        string("message", "Commit message", "m"),
        boolean("pause", "Pause container during commit", "p", default=True),
    ),
    aliases=("container commit", "commit"),
)
