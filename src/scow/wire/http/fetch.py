"""A whole body, measured and checked."""

from __future__ import annotations

from scow.errors import Corrupt, Invalid
from scow.values import value
from scow.wire.hashing import HashingWriter
from scow.wire.http.remote import TIMEOUT, Remote, redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Out(Protocol):
        """Where the body goes."""

        def write(self, data: bytes | memoryview, /) -> object:
            """Take all of ``data``."""
            ...


PIECE = 1 << 18


@value
class Fetched:
    """What was fetched. ``url`` is where the redirects ended; ``unchanged`` says that the server had nothing newer
    than the ETag or date it was asked about, and nothing was written. ``last_modified``, ``etag`` and the rest are
    the headers' text.
    """

    url: str
    size: int
    sha256: str
    etag: str = ""
    last_modified: str = ""
    content_type: str = ""
    filename: str = ""
    unchanged: bool = False


def fetch(
    url: str,
    out: Out,
    *,
    limit: int | None = None,
    sha256: str | None = None,
    etag: str = "",
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> Fetched:
    """GET ``url`` into ``out``; Invalid when it is larger than ``limit`` bytes, Corrupt when its digest is not
    ``sha256`` (hex).

    What has been written when an error is raised is no whole body. With ``etag`` it is fetched only if it changed.
    """
    wanted = {**(headers or {}), **({"If-None-Match": etag} if etag else {})}
    shown = redact(url)
    with Remote(url, headers=wanted, timeout=timeout) as remote:
        if limit is not None and remote.length is not None and remote.length > limit:
            raise Invalid(f"{shown} has {remote.length} bytes, the limit is {limit}")
        writer = HashingWriter(out)
        while remote.status != 304 and (piece := remote.read(PIECE)):
            if limit is not None and writer.size + len(piece) > limit:
                raise Invalid(f"{shown} is larger than the limit of {limit} bytes")
            writer.write(piece)
        if sha256 is not None and remote.status != 304 and writer.hexdigest != sha256.lower():
            raise Corrupt(f"{shown} has the digest sha256:{writer.hexdigest}, expected was sha256:{sha256}")
        get = remote.headers.get
        return Fetched(
            url=remote.url,
            size=writer.size,
            sha256=writer.hexdigest,
            etag=get("ETag", ""),
            last_modified=get("Last-Modified", ""),
            content_type=get("Content-Type", ""),
            filename=_filename(get("Content-Disposition", "")),
            unchanged=remote.status == 304,
        )


def _filename(disposition: str) -> str:
    """The last part of the name a Content-Disposition gives (RFC 6266), or nothing."""
    if "filename" not in disposition.lower():
        return ""
    from email.message import Message

    message = Message()
    message["Content-Disposition"] = disposition
    name = (message.get_filename() or "").replace("\\", "/").rpartition("/")[2]
    return "" if name in (".", "..") or not name.isprintable() else name
