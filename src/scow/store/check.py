"""``check``: everything that a crash, a bad disk or a hand in the wrong directory can leave, listed and mended.

Bytes are compared with their digests first, without a lock; then names, rows and directories with each other, while
nobody can take a lease, so that work under way is not mistaken for leftovers. A sound store gives an empty list.
"""

from __future__ import annotations

from scow.errors import Error
from scow.store import check_content, check_state, locks
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from scow.store.faults import Fault, Finding
    from scow.store.store import Store


def check(
    store: Store,
    *,
    repair: bool = False,
    deep: bool = True,
    others: Sequence[Callable[[], Iterable[Finding]]] = (),
) -> list[Fault]:
    """All faults of the store; with ``repair``, those that can be are mended on the way (``Fault.mended``).

    ``deep`` reads and hashes every blob and layer. ``others`` are checks of rooms this one does not know (processes,
    mounts, networks); they come first, for what they find may use what is found later. Raises Unsupported for a
    database of a newer scow.
    """
    found = _settle(check_state.database(store), repair=repair)
    if found:
        # Rows may be lost, and with them the owners of directories: the user looks before anything else is removed.
        return found
    for finder in others:
        found += _settle(finder(), repair=repair)
    if deep:
        found += _settle(check_content.blobs(store), repair=repair)
        found += _settle(check_content.layers(store), repair=repair)
    with locks.exclusive(store.paths.gc_lock):
        for check_all in (check_state.rows, check_content.images, check_state.containers, check_state.leftovers):
            found += _settle(check_all(store), repair=repair)
        found += _settle(check_state.cache_records(store), repair=repair)
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
