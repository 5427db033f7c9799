"""Names for containers that were given none: ``brave_shackleton``, as docker's namesgenerator makes them."""

from __future__ import annotations

import os

from scow.store.name_words import MOODS, SEAFARERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 6
"""Names tried as they are before digits are added."""


def generate(taken: Callable[[str], bool]) -> str:
    """A name for which ``taken`` is false; digits are added when the plain ones are used up."""
    tries = 0
    while True:
        digits = "" if tries < TRIES else str(_random(10 ** (tries - TRIES + 1)))
        name = f"{MOODS[_random(len(MOODS))]}_{SEAFARERS[_random(len(SEAFARERS))]}{digits}"
        if not taken(name):
            return name
        tries += 1


def _random(below: int) -> int:
    return int.from_bytes(os.urandom(8), "little") % below
