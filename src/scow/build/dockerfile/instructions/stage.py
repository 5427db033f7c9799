"""FROM: the base of a stage, and the name of the stage."""

from __future__ import annotations

import re

from scow.build.dockerfile import gofmt
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.base import Origin, Request, doc_comment
from scow.build.dockerfile.instructions.flags import TEXT
from scow.values import value

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")


@value
class From:
    """``FROM [--platform=P] BASE [AS NAME]``; ``name`` in lower case, ``written_name`` and ``as_word`` as written."""

    origin: Origin
    base: str
    name: str = ""
    platform: str = ""
    written_name: str = ""
    as_word: str = ""

    @property
    def description(self) -> str:
        """What the comment above says of the stage: ``# NAME description``."""
        return doc_comment(self.origin.comments, self.name)


def parse_from(request: Request) -> From:
    """FROM."""
    args = request.args
    if len(args) == 3 and args[1].lower() == "as":
        if not _STAGE_NAME.fullmatch(args[2].lower()):
            shown = gofmt.quote(args[2])
            why = "name can't start with a number or contain symbols"
            raise DockerfileError(f"invalid name for build stage: {shown}, {why}", near=args[2])
    elif len(args) != 1:
        raise DockerfileError("FROM requires either one or three arguments")
    flags = request.flags(platform=TEXT)
    as_word, name = args[1:] if len(args) == 3 else ("", "")
    return From(request.origin, args[0], name.lower(), flags.text("platform"), name, as_word)
