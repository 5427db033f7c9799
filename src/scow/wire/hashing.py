"""Digest and size in the pass that moves the bytes.

hashlib lets other threads run while it works on more than 2 KiB, and so does ``write``: with ``threaded=True`` a
HashingWriter hashes a large piece in a second thread while it is being written. ``write`` returns when both are done,
so no piece is copied or kept.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Stream(Protocol):
        """What is read from: short reads are fine, nothing means the end."""

        def read(self, size: int, /) -> bytes:
            """At most ``size`` bytes."""
            ...

    class Out(Protocol):
        """What is written to: takes all it is given, and keeps no reference to it."""

        def write(self, data: bytes | memoryview, /) -> object:
            """Take all of ``data``."""
            ...


LARGE = 1 << 17
"""Pieces from this size on are worth the hand-over to another thread, which costs some 20 microseconds."""


def _hash(algorithm: str) -> Any:
    import hashlib

    return hashlib.new(algorithm, usedforsecurity=False)


class HashingReader:
    """Reads ``stream`` and knows the ``size`` and ``hexdigest`` of what was read."""

    def __init__(self, stream: Stream, algorithm: str = "sha256") -> None:
        self.size = 0
        self._stream = stream
        self._hash = _hash(algorithm)

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes."""
        data = self._stream.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """As many bytes as one read gives, into ``buffer``."""
        into = getattr(self._stream, "readinto", None)
        if into is None:
            data = self._stream.read(len(buffer))
            n = len(data)
            buffer[:n] = data
        else:
            n = into(buffer) or 0
        self._hash.update(memoryview(buffer)[:n])
        self.size += n
        return n

    def drain(self) -> int:
        """Read to the end; how many bytes that were."""
        before = self.size
        while self.read(1 << 18):
            pass
        return self.size - before

    @property
    def hexdigest(self) -> str:
        """Of what was read so far."""
        return str(self._hash.hexdigest())


class HashingWriter:
    """Writes to ``out`` (None only digests) and knows the ``size`` and ``hexdigest`` of what was written.

    With ``threaded=True`` call ``close``, which ends the thread and leaves ``out`` open.
    """

    def __init__(self, out: Out | None = None, algorithm: str = "sha256", *, threaded: bool = False) -> None:
        self.size = 0
        self._write = out.write if out is not None else None
        self._hash = _hash(algorithm)
        self._aside: _Aside | None = None
        self._threaded = threaded and out is not None

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Write all of ``data``."""
        n = memoryview(data).nbytes
        write = self._write
        if self._threaded and n >= LARGE and write is not None:
            if self._aside is None:
                self._aside = _Aside(self._hash.update)
            self._aside.begin(data)
            try:
                write(data)  # type: ignore[arg-type]
            finally:
                self._aside.wait()
        else:
            if write is not None:
                write(data)  # type: ignore[arg-type]
            self._hash.update(data)
        self.size += n
        return n

    def close(self) -> None:
        """End the thread, if there is one."""
        if self._aside is not None:
            self._aside.end()
            self._aside = None

    def __del__(self) -> None:
        self.close()

    @property
    def hexdigest(self) -> str:
        """Of what was written so far."""
        return str(self._hash.hexdigest())


class _Aside:
    """A thread that calls one function with one piece at a time."""

    def __init__(self, call: Callable[[Any], object]) -> None:
        import threading

        self._box: list[Any] = [None]
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        threading.Thread(target=_serve, args=(call, self._box, self._go, self._done), daemon=True).start()

    def begin(self, data: bytes | bytearray | memoryview) -> None:
        """Hand over ``data``."""
        self._box[0] = data
        self._go.release()

    def wait(self) -> None:
        """Until the call has returned."""
        self._done.acquire()

    def end(self) -> None:
        """Let the thread go."""
        self._box[0] = None
        self._go.release()


def _serve(call: Callable[[Any], object], box: list[Any], go: Any, done: Any) -> None:
    while True:
        go.acquire()
        data = box[0]
        if data is None:
            return
        call(data)
        box[0] = data = None
        done.release()


class Tee:
    """Writes everything to each of ``outs``, in turn."""

    def __init__(self, *outs: Out) -> None:
        self._writes = [out.write for out in outs]

    def write(self, data: bytes | memoryview, /) -> int:
        """Write all of ``data`` to all of them."""
        for write in self._writes:
            write(data)
        return len(data)
