"""Foreign layers: fetched from where their descriptor says, as nobody in particular."""

from __future__ import annotations

import io

from scow.errors import Error, Unavailable
from scow.oci.verify import verified
from scow.registry import failures
from scow.registry.connection import PORTS, Target
from scow.registry.download import Download
from scow.registry.retry import Sender
from scow.registry.transport import Request, locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from scow.oci.descriptor import Descriptor
    from scow.registry.connection import Answer
    from scow.registry.transport import Transport

BUFFER = 1 << 18
_NOWHERE = Target("https", "invalid", PORTS["https"])


def open_foreign(transport: Transport, blob: Descriptor) -> BinaryIO:
    """The bytes of a foreign layer from the first of its URLs that has it; credentials are never sent."""
    problem: Error = Unavailable(f"{blob.digest}: the foreign layer names no place to get it from")
    for url in blob.urls:
        try:
            raw = Download(blob, lambda offset, url=url: _ask(transport, url, offset), transport)  # type: ignore[misc]
            return verified(io.BufferedReader(raw, BUFFER), blob)
        except Error as e:
            problem = e
    raise problem


def _ask(transport: Transport, url: str, offset: int) -> Answer:
    target, path = locate(url, _NOWHERE)
    headers = {"User-Agent": "scow", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    answer = Sender(transport).send(Request("GET", target, path, headers))
    if answer.status == 200 or (offset and answer.status == 206):
        return answer
    raise failures.refusal(answer).error()
