"""Base images made from a distribution's own packages, for machines that can pull nothing.

    scow bootstrap debian:bookworm --include ca-certificates
    scow bootstrap busybox

The result is an image of one layer with the name asked for. With ``SOURCE_DATE_EPOCH`` set the same package versions
give the same image, byte for byte (https://reproducible-builds.org/specs/source-date-epoch/).
"""

from __future__ import annotations

import os
import re

from scow.errors import Invalid
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.engine.images import Images

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@value
class Request:
    """What to make: ``target`` is ``busybox`` or ``debian:SUITE`` (``ubuntu:SUITE``); ``tag`` defaults to it."""

    target: str
    tag: str = ""
    include: tuple[str, ...] = ()
    variant: str = "minbase"
    mirror: str = ""


def source_date_epoch() -> int | None:
    """``SOURCE_DATE_EPOCH`` in seconds, None when it is not set; Invalid when it is no whole number."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if text and not re.fullmatch(r"\d{1,18}", text):
        raise Invalid(f"SOURCE_DATE_EPOCH is not a whole number of seconds: {text!r}")
    return int(text) if text else None


def bootstrap(request: Request, images: Images, say: Callable[[str], None]) -> str:
    """Make the image and tag it; ``say`` gets the lines of progress. Returns the image's id.

    Errors: Invalid for a target that is not known, NotFound when a program is missing, Unavailable when the packages
    could not be had.
    """
    from scow.engine.images import ImportRequest

    name, _, suite = request.target.partition(":")
    changes = [f"ENV {PATH}"]
    if name == "busybox":
        if request.include:
            raise Invalid("busybox has no packages: --include is for debian and ubuntu")
        from scow.engine.bootstrap.busybox import busybox

        make, changes = busybox, [*changes, 'CMD ["sh"]']
    elif name in ("debian", "ubuntu"):
        if not suite or not re.fullmatch(r"[a-z][a-z0-9.-]*", suite):
            raise Invalid(
                f"no suite in {request.target!r}", hint=f"name the release: scow bootstrap {name}:bookworm, for example"
            )
        from scow.engine.bootstrap.debian import debian

        make, changes = debian, [*changes, 'CMD ["bash"]']
    else:
        raise Invalid(
            f"scow cannot bootstrap {request.target!r}",
            hint="targets are debian:SUITE, ubuntu:SUITE and busybox; for others use scow import or scow load",
        )
    with make(request, say) as stream:
        return images.import_(
            ImportRequest(
                stream=stream,
                reference=request.tag or request.target,
                changes=tuple(changes),
                message=f"scow bootstrap {request.target}",
                created=source_date_epoch(),
            )
        )
