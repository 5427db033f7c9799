"""The overlay mounts of snapshots: which options, and why.

    index=off     an index would tie the upper directory to these very mounts; layers are mounted anew each boot
    redirect_dir=nofollow, metacopy=off
                  a directory renamed or a file's mode changed in a container is copied whole, so the upper directory
                  alone is the difference; and no attribute in an image can send overlay elsewhere in a layer, which
                  kernels built with REDIRECT_ALWAYS_FOLLOW would otherwise let it
    xino=off      inode numbers stay those of the layers: 32-bit programs without large-file support fail on others
    volatile      for build steps: nothing is synced, because a step whose machine crashed is run again anyway
    userxattr     in a user namespace, where trusted.* attributes cannot be set

Layers go as one ``lowerdir+`` word each, top first: no quoting, and no limit of a page (``kernel.mount`` takes care of
kernels that do not know the word).
"""

from __future__ import annotations

from scow.errors import Invalid
from scow.kernel.mount import Mount
from scow.kernel.overlay import MAX_LOWERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ALWAYS = ("index=off", "redirect_dir=nofollow", "metacopy=off", "xino=off")


def writable(lowers: Sequence[str], upper: str, work: str, *, volatile: bool = False, userxattr: bool = False) -> Mount:
    """An overlay of ``lowers`` (top first, at least one) that keeps changes in ``upper``."""
    extra = (("volatile",) if volatile else ()) + (("userxattr",) if userxattr else ())
    words = (*_lower(lowers), f"upperdir={upper}", f"workdir={work}", *_ALWAYS, *extra)
    return Mount("overlay", "overlay", "", words)


def read_only(lowers: Sequence[str], *, userxattr: bool = False) -> Mount:
    """An overlay of ``lowers`` (top first, at least two, as the kernel wants without an upper one)."""
    return Mount("overlay", "overlay", "", ("ro", *_lower(lowers), *_ALWAYS, *(("userxattr",) if userxattr else ())))


def _lower(lowers: Sequence[str]) -> list[str]:
    if len(lowers) > MAX_LOWERS:
        raise Invalid(f"image has {len(lowers)} layers, overlay takes {MAX_LOWERS}", hint="squash some of its layers")
    return [f"lowerdir+={path}" for path in lowers]
