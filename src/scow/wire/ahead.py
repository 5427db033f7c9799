"""Reading ahead in a second thread, so that decompressing a layer overlaps digesting and writing it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Protocol

    class Stream(Protocol):
        """What is read from: short reads are fine, nothing means the end."""

        def read(self, size: int, /) -> bytes:
            """At most ``size`` bytes."""
            ...


PIECE = 1 << 18
DEPTH = 8


class ReadAhead:
    """Gives what ``stream`` gives, which another thread reads up to DEPTH pieces ahead; its errors are raised when
    they are reached.

    Worth it where making the bytes and using them both take processor time outside the interpreter's lock. Use it as
    a context, or ``close`` it, before anything happens to ``stream``: only then does nobody read that any more.
    """

    def __init__(self, stream: Stream, piece: int = PIECE) -> None:
        import queue
        import threading

        self._made: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()
        self._room = threading.Semaphore(DEPTH)
        self._stop = [False]
        self._rest: bytes | None = b""
        self._at = 0
        args = (stream.read, piece, self._made.put, self._room, self._stop)
        self._thread = threading.Thread(target=_pump, args=args, daemon=True)
        self._thread.start()

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes, everything if it is negative; nothing at the end."""
        if size < 0:
            parts = []
            while part := self.read(PIECE):
                parts.append(part)
            return b"".join(parts)
        if self._rest is None:
            return b""
        if self._at == len(self._rest):
            self._next()
            if self._rest is None:
                return b""
        piece = self._rest[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def _next(self) -> None:
        piece = self._made.get()
        self._at = 0
        if isinstance(piece, BaseException):
            self._rest = None
            raise piece
        self._rest = piece or None
        self._room.release()

    def close(self) -> None:
        """Stop; returns when the thread has, which is after the read it is in."""
        self._stop[0] = True
        self._rest = None
        self._room.release()
        self._thread.join()

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self.close()


def _pump(read: Callable[[int], bytes], size: int, put: Callable[[Any], None], room: Any, stop: list[bool]) -> None:
    """The thread. What goes wrong is handed to the reader, which raises it."""
    piece = b"start"
    while piece:
        room.acquire()
        if stop[0]:
            return
        try:
            piece = read(size)
        except BaseException as e:
            put(e)
            if isinstance(e, Exception):
                return
            raise
        put(piece)
