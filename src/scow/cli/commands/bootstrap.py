"""``scow bootstrap``: a base image without a registry."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, repeated, string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Make the image, print its id."""
    from scow.engine.bootstrap import Request, bootstrap

    quiet = args.on("quiet")

    def say(line: str) -> None:
        if not quiet:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    request = Request(
        target=args.operands[0],
        tag=args.text("tag"),
        include=tuple(p for text in args.all("include") for p in text.split(",") if p),
        variant=args.text("variant"),
        mirror=args.text("mirror"),
    )
    sys.stdout.write(bootstrap(request, context.engine.images, say) + "\n")
    return 0


COMMAND = Command(
    name="bootstrap",
    usage="[OPTIONS] debian:SUITE | ubuntu:SUITE | busybox",
    summary="Make a base image from a distribution's packages",
    run=run,
    minimum=1,
    maximum=1,
    flags=(
        repeated("include", "Packages to install on top (comma separated)", kind="list"),
        string("mirror", "Take packages from this archive instead of the host's apt sources"),
        boolean("quiet", "Print only the image's ID", "q"),
        string("tag", "Name of the image (default: the target)", "t"),
        string("variant", "mmdebstrap's package set: minbase, apt, essential, important, standard", default="minbase"),
    ),
    details="""
SOURCE_DATE_EPOCH makes the result reproducible. Debian and Ubuntu need the package mmdebstrap on this machine;
mirrors and keys come from its apt configuration.""",
)
