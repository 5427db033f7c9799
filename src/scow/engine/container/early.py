"""The first thing ``run`` does: a supervisor's interpreter comes up while the command is still being read.

Apart from ``launch``, and imports next to nothing, because all that is imported before it is waited for.
"""

from __future__ import annotations

from scow.runtime.handle import Handle, prestart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Handle", "early"]


def early(words: Sequence[str]) -> Handle | None:
    """A supervisor for the words of a ``run``; None where there will be none to supervise.

    The words are not parsed yet: whether there is a network is a guess, and a wrong one costs a few milliseconds only.
    """
    if "--help" in words:
        return None
    alone = any(w in ("none", "host") or w.endswith(("=none", "=host")) for w in words)
    return prestart(networks=not alone)
