"""ONBUILD: an instruction for the images that will be built on this one."""

from __future__ import annotations

import re

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.base import Origin, Request, at_least_one
from scow.build.dockerfile.source import SPACE
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.instructions.base import Word

_PREFIX = re.compile(r"\s*ONBUILD\s*", re.IGNORECASE)


@value
class Onbuild:
    """ONBUILD; ``expression`` is the instruction as text, with its heredocs."""

    origin: Origin
    expression: str

    def expand(self, _word: Word) -> Onbuild:
        """Not expanded: it is read when it runs."""
        return self


def parse_onbuild(request: Request) -> Onbuild:
    """ONBUILD."""
    trigger = at_least_one(request, "ONBUILD")[0].strip(SPACE).upper()
    request.flags()
    if trigger == "ONBUILD":
        raise DockerfileError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in ("MAINTAINER", "FROM"):
        raise DockerfileError(f"{trigger} isn't allowed as an ONBUILD trigger", near=request.args[0])
    code = _PREFIX.sub("", request.origin.code, count=1)
    docs = [f"\n{doc.content}{doc.name}" for doc in request.heredocs]
    return Onbuild(request.origin, code + "".join(docs))
