"""Faults: what ``scow system check`` lists, and how each of them is mended."""

from __future__ import annotations

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias


@value
class Fault:
    """One thing that is wrong: ``what`` in a sentence, ``where`` (a path, digest or name), the ``remedy``.

    ``mended`` says that the repair has just removed it; ``problem`` why a repair could not.
    """

    what: str
    where: str
    remedy: str
    mended: bool = False
    problem: str = ""


if TYPE_CHECKING:
    Mend: TypeAlias = Callable[[], object]
    Finding: TypeAlias = tuple[Fault, Mend | None]
    """A fault, and what mends it; None where only the user can."""
