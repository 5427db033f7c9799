"""A small blocking HTTP fetch, for ``ADD https://...`` and ``build URL``: what urllib has, with limits and our errors.

fetch(url, out, ...) -> Fetched      the whole body into ``out``, checked
Remote(url, ...)                     a body to read from, with its headers
"""

from __future__ import annotations

from scow.wire.http.fetch import Fetched, fetch
from scow.wire.http.remote import Remote, redact

__all__ = ["Fetched", "Remote", "fetch", "redact"]
