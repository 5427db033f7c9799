"""A layer on its way in: a tar stream is written, digested, parsed and judged in one pass."""

from __future__ import annotations

import errno
import json
import os

from scow.errors import Conflict, Corrupt, NotFound, Unavailable
from scow.oci.digest import Digest
from scow.store.layers.assemble import Assembler
from scow.store.layers.digester import Digester
from scow.store.layers.form import META, TAR, Draft, Layer
from scow.store.layers.nodes import content_size
from scow.store.layers.staging import Staging, discard
from scow.store.leases import renew
from scow.wire.tar import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO

    from scow.store.layers.form import Form
    from scow.store.layers.nodes import Limits
    from scow.store.paths import Paths

CHUNK = 1 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ROOM = "free some space, for example with scow system prune"


class LayerWriter:
    """Takes the bytes of a tar with :meth:`write`; :meth:`finish` makes the layer. A context manager that aborts.

    The layer does not exist before :meth:`finish` returns, and nothing is left of it if the process is killed before.
    """

    def __init__(self, paths: Paths, form: Form, limits: Limits | None = None) -> None:
        self._paths = paths
        self._form = form
        self._parser = Parser()
        self._assembler = Assembler(limits)
        self._digester = Digester()
        self._size = 0
        self._staging = Staging(paths)
        try:
            self._fd = os.open(f"{self._staging.path}/{TAR}", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except BaseException:
            self._staging.close()
            raise

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append to the archive. Corrupt as soon as it cannot be a layer; the writer is of no use then."""
        size = len(data)
        self._digester.begin(data)
        try:
            _write(self._fd, data)
            self._size += size
            if self._size > self._assembler.limits.size:
                raise Corrupt(f"layer is larger than {self._assembler.limits.size} bytes")
            add = self._assembler.add
            for entry in self._parser.feed(data):
                add(entry)
        finally:
            self._digester.settle()
        return size

    def finish(self, expected: Digest | None = None) -> Layer:
        """End the archive and make the layer. Corrupt if the archive is cut short or its diff id is not ``expected``.

        The layer may be there already, or be made by another process at this moment: then that one stays.
        """
        self._parser.close()
        diff_id = Digest("sha256", self._digester.hexdigest())
        if expected is not None and diff_id != expected:
            raise Corrupt(f"layer has diff id {diff_id}, not {expected}")
        layer = Layer(diff_id, self._size)
        # An old layer that nothing names must count as new, or a collection could take it from who has just made it.
        if not renew(self._paths.gc_lock, self._paths.layer_meta(diff_id)):
            self._seal(layer)
            publish(self._paths, self._staging, diff_id)
        self.abort()
        return layer

    def replace(self, expected: Digest) -> None:
        """End the archive and swap what was made for the layer that is there, in one step. Corrupt, NotFound."""
        from scow.kernel.files import exchange

        self._parser.close()
        if self._digester.hexdigest() != expected.hex:
            raise Corrupt(f"layer {expected} is damaged: its bytes have digest sha256:{self._digester.hexdigest()}")
        self._seal(Layer(expected, self._size))
        try:
            exchange(self._staging.path, self._paths.layer(expected))
        except FileNotFoundError:
            raise NotFound(f"layer {expected} was removed") from None
        fsync_directory(self._paths.layers)
        self.abort()

    def _seal(self, layer: Layer) -> None:
        """Make the form, then ``meta.json``, all synced."""
        staging = self._staging
        root = self._assembler.finish()
        content = content_size(root)
        try:
            facts = self._form.build(Draft(staging.path, self._fd, layer, root))
        except OSError as e:
            if e.errno in _NO_ROOM:
                raise Unavailable(f"layer {layer.diff_id}: {e.strerror}", hint=_ROOM) from e
            raise
        meta = {"diff_id": str(layer.diff_id), "size": layer.size, "content": content, "form": self._form.name, **facts}
        fd = os.open(f"{staging.path}/{META}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write(fd, json.dumps(meta).encode() + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        os.fsync(staging.fd)

    def abort(self) -> None:
        """Drop what was written; harmless when done already."""
        self._digester.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._staging.close()

    def __enter__(self) -> LayerWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.abort()


def publish(paths: Paths, staging: Staging, diff_id: Digest) -> None:
    """Give a finished staging directory the layer's name, unless the layer is there; a broken one is replaced."""
    target = paths.layer(diff_id)
    for _ in range(8):
        if staging.publish(target):
            fsync_directory(paths.layers)
            return
        if os.path.exists(paths.layer_meta(diff_id)):
            return
        discard(paths, target)  # what a power cut left: a directory without meta.json
    raise Conflict(f"layer {diff_id} is being made and removed by others again and again")


def fsync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def pump(stream: BinaryIO, writer: LayerWriter) -> None:
    """Write all of ``stream``."""
    into = getattr(stream, "readinto", None)
    if into is None:
        while data := stream.read(CHUNK):
            writer.write(data)
        return
    buffer = memoryview(bytearray(CHUNK))
    while n := into(buffer):
        writer.write(buffer[:n])


def _write(fd: int, data: bytes | bytearray | memoryview) -> None:
    view = memoryview(data)
    while view:
        try:
            n = os.write(fd, view)
        except OSError as e:
            raise Unavailable(f"write layer {os.readlink(f'/proc/self/fd/{fd}')}: {e.strerror}", hint=_ROOM) from e
        view = view[n:]
