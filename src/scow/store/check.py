"""``check``: everything that a crash, a bad disk or a hand in the wrong directory can leave, listed and mended.

Bytes are compared with their digests first, without a lock; then names, rows and directories with each other, while
nobody can take a lease, so that work under way is not mistaken for leftovers. A sound store gives an empty list.
"""

from __future__ import annotations

from functools import partial

from scow.errors import Error
from scow.store import check_content, check_state, locks
from scow.store.faults import Fault
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from scow.store.faults import Finding
    from scow.store.store import Store


def check(
    store: Store,
    *,
    repair: bool = False,
    deep: bool = True,
    dead_mounts: Callable[[], Iterable[str]] | None = None,
    unmount: Callable[[str], object] | None = None,
) -> list[Fault]:
    """All faults of the store; with ``repair``, those that can be are mended on the way (``Fault.mended``).

    ``deep`` reads and hashes every blob and layer. ``dead_mounts`` lists mount points that nobody uses, which
    ``unmount`` can remove. Raises Unsupported for a database of a newer scow.
    """
    found = _settle(check_state.database(store), repair=repair)
    if found:
        # Rows may be lost, and with them the owners of directories: the user looks before anything else is removed.
        return found
    if deep:
        found += _settle(check_content.blobs(store), repair=repair)
        found += _settle(check_content.layers(store), repair=repair)
    with locks.exclusive(store.paths.gc_lock):
        for finder in (check_state.rows, check_content.images, check_state.containers, check_state.leftovers):
            found += _settle(finder(store), repair=repair)
        found += _settle(check_state.cache_records(store), repair=repair)
    if dead_mounts:
        found += _settle(_mounts(dead_mounts(), unmount), repair=repair)
    return found


def _settle(findings: Iterable[Finding], *, repair: bool) -> list[Fault]:
    """The faults of some findings, mended if they can be. Mending waits until all of a kind are found."""
    settled = []
    for fault, mend in list(findings):
        if repair and mend:
            try:
                mend()
            except (Error, OSError) as e:
                settled.append(replace(fault, problem=str(e)))
                continue
            settled.append(replace(fault, mended=True))
        else:
            settled.append(fault)
    return settled


def _mounts(points: Iterable[str], unmount: Callable[[str], object] | None) -> Iterator[Finding]:
    for point in points:
        fault = Fault("something is mounted that nobody uses", point, "unmount it")
        yield fault, partial(unmount, point) if unmount else None
