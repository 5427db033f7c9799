"""Trying again: which failures may pass, how long to wait between tries, and for how long at all."""

from __future__ import annotations

from scow.registry.connection import Lost, NoHttp
from scow.registry.failures import AGAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.registry.connection import Answer, Headers
    from scow.registry.settings import Limits
    from scow.registry.transport import Request, Transport


class Patience:
    """Counts the failures of one undertaking; progress forgives them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._limits: Limits = transport.settings.limits
        self._failures = 0

    def progress(self) -> None:
        """Something moved: the next failure counts as the first."""
        self._failures = 0

    def again(self, after: float | None = None) -> bool:
        """Wait, and say whether to try once more. ``after``: the seconds that the server asked for."""
        import random

        self._failures += 1
        if self._failures >= self._limits.tries or (after is not None and after > self._limits.patience):
            return False
        pause = min(self._limits.pause * 2 ** (self._failures - 1), self._limits.longest)
        pause *= 0.75 + random.random() / 2  # noqa: S311  so that many clients do not come back at once
        self._transport.wait(max(pause, after or 0))
        return True


class Sender:
    """Sends requests that may be repeated until one is answered for good."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def send(self, request: Request) -> Answer:
        """The answer; one that says "later" only after all tries. Lost when no try was answered."""
        patience = Patience(self.transport)
        while True:
            try:
                answer = self.transport.exchange(request)
            except Lost as e:
                if isinstance(e, NoHttp) or not e.reached or not patience.again():
                    raise
                continue
            if answer.status not in AGAIN:
                return answer
            if not patience.again(retry_after(answer.headers)):
                return answer
            answer.close()


def retry_after(headers: Headers) -> float | None:
    """Seconds of a ``Retry-After`` header (a number or a date), None if there is none that can be read."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    if not text:
        return None
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
