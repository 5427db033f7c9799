"""Verbs over several names: each is tried, failures are told one by one, and the exit code says whether any failed."""

from __future__ import annotations

import sys

from scow.cli.output import write
from scow.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def each(names: Iterable[str], verb: Callable[[str], str | None]) -> int:
    """Call ``verb`` with every name and print what it returns; 1 if any raised, else 0."""
    failed = 0
    for name in names:
        try:
            text = verb(name)
        except Error as e:
            complain(e)
            failed = 1
            continue
        if text is not None:
            write(text + "\n")
            sys.stdout.flush()
    return failed


def complain(e: Error) -> None:
    """Print an error where the next line of output would come."""
    sys.stdout.flush()
    sys.stderr.write(f"Error: {e}\n" + (f"hint: {e.hint}\n" if e.hint else ""))


def confirm(question: str, *, force: bool) -> bool:
    """Ask before something is thrown away; only ``y`` is yes, and nobody to ask is no."""
    if force:
        return True
    sys.stdout.write(question + "\nAre you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() == "y"
