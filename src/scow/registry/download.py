"""A blob on its way here: when the connection breaks, it goes on where it stopped (``Range``, RFC 9110, 14)."""

from __future__ import annotations

import io
import re
import time

from scow.errors import Corrupt
from scow.registry.connection import Lost
from scow.registry.retry import Patience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from scow.oci.descriptor import Descriptor
    from scow.registry.connection import Answer
    from scow.registry.transport import Transport

    Open = Callable[[int], Answer]
    """Asks for the blob from an offset on; the answer has status 200 (the whole) or 206."""

MOST = 1 << 20
SLOW_SECONDS = 60.0
SLOW_BYTES = 16 << 10
"""A connection that brings less in so many seconds is as good as stalled: it is given up and made anew."""


class Download(io.RawIOBase):
    """The bytes of ``blob``, not verified (``oci.verify.verified`` does that). Reads raise Lost, Corrupt."""

    def __init__(self, blob: Descriptor, ask: Open, transport: Transport) -> None:
        self._blob = blob
        self._ask = ask
        self._patience = Patience(transport)
        self._at = 0
        self._answer: Answer | None = None
        self._since = (time.monotonic(), 0)
        self._connect()

    def readable(self) -> bool:  # noqa: D102
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:  # noqa: D102
        view = memoryview(buffer)[:MOST]
        left = self._blob.size - self._at
        if not left:
            return self._beyond()
        while True:
            try:
                if self._answer is None:
                    self._connect()
                assert self._answer
                n = self._answer.readinto(view[:left])
                if not n:
                    raise Lost(f"{self._answer.shown}: the connection ended {left} bytes too early")
            except Lost:
                self._drop()
                if not self._patience.again():
                    raise
                continue
            self._at += n
            self._patience.progress()
            self._judge_speed()
            return n

    def _beyond(self) -> int:
        """At the end: the server must have no more to say."""
        answer, self._answer = self._answer, None
        if answer is None:
            return 0
        with answer:
            if answer.readinto(memoryview(bytearray(1))):
                raise Corrupt(f"{self._blob.digest}: more than {self._blob.size} bytes")
        return 0

    def _connect(self) -> None:
        answer = self._ask(self._at)
        try:
            if answer.status == 206:
                self._check_range(answer)
            else:
                self._check_length(answer)
                self._skip(answer, self._at)
        except BaseException:
            answer.close()
            raise
        self._answer = answer
        self._since = (time.monotonic(), self._at)

    def _check_length(self, answer: Answer) -> None:
        if answer.length is not None and answer.length != self._blob.size:
            raise Corrupt(f"{self._blob.digest}: the registry has {answer.length} bytes, not {self._blob.size}")

    def _check_range(self, answer: Answer) -> None:
        said = answer.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", said)
        if not match or int(match[1]) != self._at or match[3] not in ("*", str(self._blob.size)):
            raise Corrupt(f"{self._blob.digest}: asked for bytes from {self._at} on, got the range {said[:80]!r}")

    def _skip(self, answer: Answer, count: int) -> None:
        """The server sends all of it again: pass over what is here already."""
        buffer = memoryview(bytearray(min(count, 1 << 16)))
        while count:
            n = answer.readinto(buffer[:count])
            if not n:
                raise Lost(f"{answer.shown}: the connection ended too early")
            count -= n

    def _judge_speed(self) -> None:
        moment, offset = self._since
        now = time.monotonic()
        if now - moment < SLOW_SECONDS:
            return
        if self._at - offset < SLOW_BYTES:
            self._drop()
        self._since = (now, self._at)

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def close(self) -> None:  # noqa: D102
        if not self.closed:
            self._drop()
            super().close()
