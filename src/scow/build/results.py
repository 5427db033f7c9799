"""What vertices give: stacks of layers, of which the topmost may still be on their way into a tar.

A RUN is done when its process is; the tar of what it changed is written while the next step already works on top of
the frozen snapshot. So a result is a stack whose members are layers (by diff id) or *pending* layers, which know the
snapshot's key now and the diff id later. Whoever needs bytes or digests (exporters, the cache) asks for
``diff_ids()`` and waits.
"""

from __future__ import annotations

import threading

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeAlias

    from scow.oci.digest import Digest

    Member: TypeAlias = "Digest | Pending"
    Parent: TypeAlias = "tuple[Digest | str, ...]"

    class Result(Protocol):
        """One output of a vertex."""

        def settled(self) -> tuple[Digest, ...] | None:
            """The stack's diff ids once they are all known, waiting for that; None if the result is no stack of
            layers.
            """

        def ready(self) -> bool:
            """Whether ``settled`` answers at once."""


class Pending:
    """A frozen snapshot whose layer is being written. ``key`` can be a parent at once; ``layer()`` waits."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._ready = threading.Event()
        self._digest: Digest | None = None
        self._error: BaseException | None = None

    def resolve(self, digest: Digest) -> None:
        """The layer is there."""
        self._digest = digest
        self._ready.set()

    def fail(self, error: BaseException) -> None:
        """There will be no layer; whoever waits gets ``error``."""
        self._error = error
        self._ready.set()

    def known(self) -> Digest | None:
        """The diff id, if it is known by now."""
        return self._digest

    def layer(self) -> Digest:
        """The diff id; waits for it."""
        self._ready.wait()
        if self._error is not None:
            raise self._error
        assert self._digest is not None
        return self._digest


@value
class Stack:
    """Layers, bottom first. An empty stack is scratch."""

    members: tuple[Member, ...] = ()

    def parent(self) -> Parent:
        """What the snapshotter stacks now: diff ids where known, else keys of frozen snapshots."""
        return tuple(m if not isinstance(m, Pending) else m.known() or m.key for m in self.members)

    def settled(self) -> tuple[Digest, ...]:
        """The diff ids, waiting for those under way."""
        return tuple(m.layer() if isinstance(m, Pending) else m for m in self.members)

    def ready(self) -> bool:
        """Whether no layer is under way."""
        return all(not isinstance(m, Pending) or m.known() for m in self.members)

    def push(self, member: Member) -> Stack:
        """The stack with one more layer on top."""
        return Stack((*self.members, member))

    def on_top_of(self, lower: Stack) -> Stack:
        """All of ``lower`` with all of this above it."""
        return Stack((*lower.members, *self.members))


SCRATCH = Stack()


def in_background(work: Callable[[], Digest], pending: Pending) -> threading.Thread:
    """Resolve ``pending`` with what ``work`` returns, in a thread of its own; a fault reaches whoever waits for the
    layer.
    """

    def body() -> None:
        try:
            pending.resolve(work())
        except BaseException as error:
            pending.fail(error)
            if not isinstance(error, (OSError, _errors())):
                raise  # a bug: its traceback belongs on the terminal, too

    thread = threading.Thread(target=body, name=f"layer {pending.key}")
    thread.start()
    return thread


def _errors() -> type[Exception]:
    from scow.errors import Error

    return Error
