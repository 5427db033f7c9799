"""What pull and push are asked, and what they tell while they work, in the shape of docker's jsonmessage stream."""

from __future__ import annotations

import threading
import time

from scow.errors import Invalid
from scow.oci.reference import Reference
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Observer: TypeAlias = Callable[["Status"], None]
    """Takes the steps of a transfer, one at a time, from whichever thread."""

INTERVAL = 0.1


@value
class Status:
    """One message: about the layer or tag ``id``, or about the whole (""). With ``total`` it is only progress."""

    text: str
    id: str = ""
    current: int = 0
    total: int = 0

    @property
    def line(self) -> str:
        """As docker prints it where there is no terminal."""
        return f"{self.id}: {self.text}" if self.id else self.text


@value
class PullRequest:
    """One ``pull``: a reference, ``all_tags`` of it, for a platform (``os/arch/variant``, "": this machine's)."""

    reference: str
    all_tags: bool = False
    platform: str = ""


@value
class PushRequest:
    """One ``push``: a reference, or ``all_tags`` of a repository; of an index only ``platform``, if one is given."""

    reference: str
    all_tags: bool = False
    platform: str = ""


def silent(_status: Status) -> None:
    """The observer that looks away."""


class Teller:
    """Passes messages on one at a time, progress not oftener than anybody can see."""

    def __init__(self, on: Observer) -> None:
        self._on = on
        self._lock = threading.Lock()
        self._shown: dict[str, float] = {}

    def say(self, text: str, about: str = "") -> None:
        """A message."""
        with self._lock:
            self._on(Status(text, about))

    def progress(self, text: str, about: str, current: int, total: int) -> None:
        """So far, of the layer ``about``."""
        now = time.monotonic()
        with self._lock:
            if now - self._shown.get(about, 0.0) >= INTERVAL:
                self._shown[about] = now
                self._on(Status(text, about, current, total))


def parse(text: str, *, all_tags: bool) -> Reference:
    """The reference of a pull or push; with ``all_tags`` it may have no tag. Invalid in docker's words."""
    reference = Reference.parse(text, None if all_tags else "latest")
    if all_tags and (reference.tag or reference.digest):
        raise Invalid("tag can't be used with --all-tags/-a")
    return reference
