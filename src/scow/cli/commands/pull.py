"""``scow pull``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, refused, string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Bring an image here."""
    from scow.cli.pulling import transfer
    from scow.engine.registries import PullRequest, parse

    quiet, everything = args.on("quiet"), args.on("all-tags")
    name = args.operands[0]
    reference = parse(name, all_tags=everything)
    if not quiet and not everything and not reference.digest and str(reference) != str(parse_bare(name)):
        sys.stdout.write("Using default tag: latest\n")
    registries = context.engine.registries
    request = PullRequest(name, everything, args.text("platform"))
    full = transfer(registries, lambda on: registries.pull(request, on), sys.stdout, quiet=quiet)
    sys.stdout.write(full + "\n")
    return 0


def parse_bare(name: str) -> object:
    """The reference without docker's default tag."""
    from scow.oci.reference import Reference

    return Reference.parse(name, None)


COMMAND = Command(
    name="pull",
    usage="[OPTIONS] NAME[:TAG|@DIGEST]",
    summary="Download an image from a registry",
    run=run,
    minimum=1,
    maximum=1,
    flags=(
        boolean("all-tags", "Download all tagged images in the repository", "a"),
        string("platform", "Set platform if server is multi-platform capable"),
        boolean("quiet", "Suppress verbose output", "q"),
    ),
    refused=refused("disable-content-trust!"),
    aliases=("image pull", "pull"),
)
