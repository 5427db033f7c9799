"""What a registry refuses, as our errors: the error document of the distribution protocol in docker's words.

A refusal's text is what docker prints of it, ``code: message`` with the code in words: ``manifest unknown: manifest
unknown``, ``denied: requested access to the resource is denied``. Texts are the registry's: cut, and without control
characters.
"""

from __future__ import annotations

import json

from scow.errors import Denied, Error, Invalid, NotFound, Unavailable
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.registry.connection import Answer, Headers

LARGEST = 1 << 16
LONGEST = 300
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""
_SAID = {
    400: "bad request",
    401: "unauthorized: authentication required",
    403: "denied: requested access to the resource is denied",
    404: "not found",
    405: "unsupported: the operation is unsupported",
    413: "the body is too large",
    429: "toomanyrequests: too many requests",
}
_NONE: dict[str, str] = {}


@value
class Refusal:
    """``code`` as the protocol has it (``MANIFEST_UNKNOWN``), "" where the answer named none."""

    status: int
    code: str
    text: str
    shown: str
    headers: Headers = _NONE

    def error(self, text: str = "", hint: str | None = None) -> Error:
        """The error it is; ``text`` instead of the registry's."""
        message = text or (self.text if self.code else f"{self.shown}: {self.text}")
        if self.status == 404:
            return NotFound(message, hint)
        if self.status in (401, 403, 407):
            return Denied(message, hint)
        if self.status in AGAIN or self.status >= 500:
            return Unavailable(message, hint or self._when())
        return Invalid(message, hint)

    def _when(self) -> str | None:
        after = clean(self.headers.get("Retry-After", ""))
        if not after:
            return None
        return f"the registry asks to try again {f'in {after} s' if after.isdigit() else f'after {after}'}"


def refusal(answer: Answer) -> Refusal:
    """Read an answer that is no success, and close it."""
    code = text = ""
    with answer:
        try:
            code, text = _first(answer.small(LARGEST))
        except Error:
            pass  # what it says about its failure is lost too; the status is enough
    if not text:
        text = _SAID.get(answer.status) or f"received unexpected HTTP status: {answer.status} {clean(answer.reason)}"
    return Refusal(answer.status, code, text, answer.shown, answer.headers)


def _first(raw: bytes) -> tuple[str, str]:
    """Code and text of the first error in a document; of a token server's "details" the text."""
    try:
        doc = json.loads(raw)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(doc, dict):
        return "", ""
    errors = doc.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        code, message = errors[0].get("code"), errors[0].get("message")
        if isinstance(code, str) and code:
            words = clean(code.lower().replace("_", " "))
            said = clean(message) if isinstance(message, str) else ""
            return clean(code), f"{words}: {said or words}"
    for key in ("details", "error_description", "message", "error"):
        if isinstance(doc.get(key), str) and doc[key]:
            return "", clean(doc[key])
    return "", ""


def clean(text: str) -> str:
    """A stranger's words, fit for a message."""
    return "".join([c for c in text[:LONGEST] if c.isprintable()])
