"""A digest that is computed beside other work: a thread hashes what the caller writes and parses at the same time.

Hashing and writing both release the interpreter lock, so on two cores a layer of a gigabyte takes the longer of the two
and not their sum. Small pieces are hashed at once: handing them over would cost more.
"""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import _Hash

    Data = bytes | bytearray | memoryview

SMALL = 1 << 17


class Digester:
    """sha256 of what goes to :meth:`begin`; the bytes must stay as they are until :meth:`settle`."""

    def __init__(self) -> None:
        from hashlib import sha256

        self._hash: _Hash = sha256()
        self._data: Data | None = None
        self._full = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._busy = False
        self._thread: threading.Thread | None = None

    def begin(self, data: Data) -> None:
        """Take the next piece."""
        if len(data) < SMALL:
            self._hash.update(data)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="layer-digest", daemon=True)
            self._thread.start()
        self._data = data
        self._busy = True
        self._full.release()

    def settle(self) -> None:
        """Wait until the piece is hashed."""
        if self._busy:
            self._done.acquire()
            self._busy = False

    def close(self) -> None:
        """End the thread; harmless when done already."""
        self.settle()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._data = None
            self._full.release()
            thread.join()

    def hexdigest(self) -> str:
        """The digest of all pieces."""
        self.settle()
        return self._hash.hexdigest()

    def _run(self) -> None:
        while True:
            self._full.acquire()
            data, self._data = self._data, None
            if data is None:
                return
            self._hash.update(data)
            del data
            self._done.release()
