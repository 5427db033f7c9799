"""Progress of ``copy``, as values. An observer gets them one at a time, never two at once.

Of each blob: Found; then Present or Skipped, or Started, any number of Progress, and Done.
"""

from __future__ import annotations

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.oci.descriptor import Descriptor


@value
class Found:
    """The blob belongs to what is copied. Children come in the order of their document."""

    blob: Descriptor


@value
class Present:
    """The sink has the blob already."""

    blob: Descriptor


@value
class Skipped:
    """The blob is left out, for this reason."""

    blob: Descriptor
    reason: str


@value
class Started:
    """The transfer begins."""

    blob: Descriptor


@value
class Progress:
    """So many bytes of the blob have been read."""

    blob: Descriptor
    offset: int


@value
class Done:
    """The sink has verified and kept the blob."""

    blob: Descriptor
