"""The supervisor's event loop: descriptors and what to do when there is something to do with them."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[int], None]

READ, WRITE = select.POLLIN, select.POLLOUT
GONE = select.POLLHUP | select.POLLERR


class Loop:
    """One poll. Handlers get the events; one that is taken away while others are served is not called any more."""

    def __init__(self) -> None:
        self.poll = select.poll()
        self.handlers: dict[int, Handler] = {}

    def watch(self, fd: int, handler: Handler, events: int = READ) -> None:
        """Call ``handler(events)`` when there is something to do with ``fd``; replaces an earlier handler."""
        self.handlers[fd] = handler
        self.poll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Wait for other events on a watched descriptor."""
        self.poll.modify(fd, events)

    def forget(self, fd: int) -> None:
        """No longer watch ``fd``; call it before the descriptor is closed."""
        if self.handlers.pop(fd, None):
            self.poll.unregister(fd)

    def step(self, milliseconds: int | None) -> None:
        """Wait for something, at most so long, and serve it."""
        for fd, events in self.poll.poll(milliseconds):
            if handler := self.handlers.get(fd):
                handler(events)
