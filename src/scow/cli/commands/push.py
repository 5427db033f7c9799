"""``scow push``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, refused, string
from scow.cli.commands.pull import parse_bare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Bring an image to its registry."""
    from scow.cli.pulling import transfer
    from scow.engine.registries import PushRequest, parse

    quiet, everything = args.on("quiet"), args.on("all-tags")
    name = args.operands[0]
    reference = parse(name, all_tags=everything)
    if not quiet and not everything and not reference.digest and str(reference) != str(parse_bare(name)):
        sys.stdout.write("Using default tag: latest\n")
    registries = context.engine.registries
    request = PushRequest(name, everything, args.text("platform"))
    full = transfer(registries, lambda on: registries.push(request, on), sys.stdout, quiet=quiet)
    if quiet:
        sys.stdout.write(full + "\n")
    return 0


COMMAND = Command(
    name="push",
    usage="[OPTIONS] NAME[:TAG]",
    summary="Upload an image to a registry",
    run=run,
    minimum=1,
    maximum=1,
    flags=(
        boolean("all-tags", "Push all tags of an image to the repository", "a"),
        string("platform", "Push a platform-specific manifest as a single-platform image to the registry"),
        boolean("quiet", "Suppress verbose output", "q"),
    ),
    refused=refused("disable-content-trust!"),
    aliases=("image push", "push"),
)
