"""One client of a supervisor: messages in, messages out, neither of which may block it.

From the client, by first byte: ``S`` start, ``A<flags>`` attach (i, o, e: which streams), ``I<data>`` stdin, ``C``
stdin has ended, ``R<rows> <columns>`` terminal size, ``W`` tell me the exit code, ``K<signal>`` (``k`` without a
reply), ``T`` no more restarts, ``P`` pause, ``U`` resume, ``E`` exec (a memory file with the process, then three
streams, come with it), ``D`` I will remove the container, ``d`` I have removed it.

To the client: ``+<text>`` done, ``-<json>`` failed, ``c`` created, ``s`` started, ``w<text>`` a warning, ``o<data>``
``e<data>`` output, ``t`` a terminal's master, ``X<code> <oom>`` exit.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.runtime.channel import Channel


FULL = 1 << 20
"""Output a client may leave unread before the container's own writes have to wait for it."""


class Connection:
    """A client's end, with what it has asked for and what it has not read yet.

    ``deaf``: it has sent more stdin than the container reads, and is not listened to for a while.
    """

    __slots__ = ("attached", "channel", "claims", "closed", "control", "deaf", "feeds", "queue", "queued", "waits")

    def __init__(self, channel: Channel, *, control: bool = False) -> None:
        channel.socket.setblocking(False)
        self.channel = channel
        self.control = control
        self.attached = b""
        self.feeds = self.waits = self.claims = self.closed = self.deaf = False
        self.queue: list[tuple[bytes, tuple[int, ...]]] = []
        self.queued = 0

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self.channel.fileno()

    def full(self) -> bool:
        """Whether the container has to wait for this client."""
        return self.queued > FULL

    def send(self, message: bytes, fds: tuple[int, ...] = ()) -> None:
        """Send now or, if the client does not read, later (``flush``)."""
        if self.closed:
            return
        if not self.queue:
            try:
                self.channel.send(message, fds)
                return
            except BlockingIOError:
                pass
        self.queue.append((message, fds))
        self.queued += len(message)

    def close(self) -> None:
        """The client has gone; what is still to be said to it is not said."""
        self.closed = True
        self.queue.clear()
        self.queued = 0
        self.channel.close()

    def flush(self) -> None:
        """Send what is waiting, as far as it goes."""
        while self.queue:
            try:
                self.channel.send(*self.queue[0])
            except BlockingIOError:
                return
            self.queued -= len(self.queue.pop(0)[0])
