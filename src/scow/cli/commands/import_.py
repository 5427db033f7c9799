"""``scow import``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, repeated, string
from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from scow.cli.context import Context
    from scow.cli.flags import Args


def opened(source: str) -> tuple[BinaryIO, str]:
    """The archive as a stream, and what the image's history says of where it came from."""
    if source == "-":
        if sys.stdin.isatty():
            raise Invalid("requested to import from stdin, but stdin is a terminal", hint="pipe a tar archive in")
        return sys.stdin.buffer, "Imported from -"
    if source.startswith(("http://", "https://")):
        return _fetched(source), f"Imported from {source}"
    try:
        return open(source, "rb"), "Imported from -"
    except OSError as e:
        raise Invalid(f"open {source}: {(e.strerror or str(e)).lower()}") from e


def _fetched(url: str) -> BinaryIO:
    """What a URL gives, whole, in an unnamed file."""
    import tempfile

    from scow.wire.http import fetch

    file = tempfile.TemporaryFile(prefix="scow-import-")
    fetch(url, file)
    file.seek(0)
    return file


def run(args: Args, context: Context) -> int:
    """Make an image from a root file system's archive."""
    from scow.engine.images import ImportRequest

    stream, said = opened(args.operands[0])
    with stream:
        request = ImportRequest(
            stream=stream,
            reference=args.operands[1] if len(args.operands) > 1 else "",
            changes=args.all("change"),
            message=args.text("message") or said,
            platform=args.text("platform"),
        )
        sys.stdout.write(context.engine.images.import_(request) + "\n")
    return 0


COMMAND = Command(
    name="import",
    usage="[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    summary="Import the contents from a tarball to create a filesystem image",
    run=run,
    minimum=1,
    maximum=2,
    flags=(
        repeated("change", "Apply Dockerfile instruction to the created image", "c"),
        string("message", "Set commit message for imported image", "m"),
        string("platform", "Set platform if server is multi-platform capable"),
    ),
    aliases=("image import", "import"),
)
