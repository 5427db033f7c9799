"""Where a pull puts things: layers into the layer store while they arrive, documents into content.

A layer is downloaded, digested, decompressed, digested again and written in one pass; its compressed form is not kept,
only remembered, so that a push can name it. Two pulls of one layer, in whatever processes, share one download: the
second waits for the first, and does it itself if that one fails.
"""

from __future__ import annotations

import io

from scow.errors import Corrupt, NotFound
from scow.oci import media_types
from scow.oci.streams import CHUNK
from scow.store import leases, locks, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.oci.image import Image
    from scow.oci.protocols import Opener, Putter
    from scow.store.content import Content
    from scow.store.leases import Lease
    from scow.store.store import Store

    def _conforms(arrivals: Arrivals, near: Near) -> tuple[Putter, Opener, Putter]:
        return arrivals, near, near


FIRST_WAIT = 0.01
LONGEST_WAIT = 0.25


class Near:
    """Content by size alone: a pulled manifest is here although the blobs it names are not."""

    def __init__(self, content: Content) -> None:
        self._content = content

    def has(self, blob: Descriptor) -> bool:
        """Whether the blob itself is here."""
        return self._content.size(blob.digest) == blob.size

    def open(self, blob: Descriptor) -> BinaryIO:
        """Its bytes, verified."""
        return self._content.open(blob)

    def put(self, blob: Descriptor, content: BinaryIO) -> None:
        """Keep it."""
        self._content.put(blob, content)


class Arrivals:
    """The sink of one image. ``wait(seconds)`` sleeps, and raises when the pull is given up."""

    def __init__(
        self, store: Store, lease: Lease, layers: Mapping[Digest, Digest], wait: Callable[[float], None]
    ) -> None:
        self._store = store
        self._lease = lease
        self._near = Near(store.content.under(lease))
        self._layers = layers
        self._wait = wait

    def has(self, blob: Descriptor) -> bool:
        """Whether a document, or the layer that a blob unpacks to, is here."""
        diff_id = self._layers.get(blob.digest)
        if diff_id is None:
            self._lease.add(leases.blob(blob.digest))
            return self._near.has(blob)
        self._lease.add(leases.layer(diff_id))
        return self._store.layers.layers.find(diff_id) is not None

    def put(self, blob: Descriptor, content: BinaryIO) -> None:
        """Take a blob in. Corrupt, and nothing of it is kept, if it is not what was announced."""
        diff_id = self._layers.get(blob.digest)
        if diff_id is None:
            self._near.put(blob, content)
        else:
            self._layer(blob, diff_id, content)

    def _layer(self, blob: Descriptor, diff_id: Digest, content: BinaryIO) -> None:
        from scow.wire.ahead import ReadAhead
        from scow.wire.compress import decompress

        with self._alone(diff_id):
            if self._store.layers.layers.find(diff_id) is not None:
                return
            with ReadAhead(content) as ahead:
                try:
                    self._store.layers.ingest(decompress(ahead), diff_id)
                except Corrupt as e:
                    raise Corrupt(f"{blob.digest}: {e}") from None
                if ahead.read(1):
                    raise Corrupt(f"{blob.digest}: there is more behind the layer")
        if media_types.compression_of(blob.media_type) != "none":
            usage.learn(self._store.state, usage.Compressed(blob.digest, blob.media_type, blob.size, diff_id))

    def _alone(self, diff_id: Digest) -> locks.Lock:
        """The right to download a layer; waits for others who do."""
        path = self._store.paths.lock("pull", diff_id.hex)
        pause = FIRST_WAIT
        while (lock := locks.attempt(path)) is None:
            self._wait(pause)
            pause = min(pause * 2, LONGEST_WAIT)
        return lock


def layers_of(image: Image) -> dict[Digest, Digest]:
    """Diff ids by the digests of the blobs they are packed in; {} for artifacts. Corrupt if they contradict."""
    if not media_types.is_config(image.manifest.config.media_type):
        return {}
    found: dict[Digest, Digest] = {}
    for layer in image.layers:
        if found.setdefault(layer.descriptor.digest, layer.diff_id) != layer.diff_id:
            raise Corrupt(f"{image.root.digest}: {layer.descriptor.digest} stands for two different layers")
    if image.manifest.config.digest in found:
        raise Corrupt(f"{image.root.digest}: its config is one of its layers")
    return found


class Lazily(io.RawIOBase):
    """A stream that is opened when it is first read: whoever only waits for a layer holds no connection."""

    def __init__(self, source: Opener, blob: Descriptor) -> None:
        self._source = source
        self._blob = blob
        self._stream: BinaryIO | None = None

    def buffered(self) -> BinaryIO:
        """This, as a full binary stream."""
        return io.BufferedReader(self, CHUNK)

    def readable(self) -> bool:  # noqa: D102
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:  # noqa: D102
        if self._stream is None:
            self._stream = self._source.open(self._blob)
        n: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        return n

    def close(self) -> None:  # noqa: D102
        if not self.closed:
            super().close()
            if self._stream is not None:
                self._stream.close()


class Incoming:
    """The source of a pull: documents from here where they are, layers opened only when they are read."""

    def __init__(self, near: Near, far: Opener, layers: Mapping[Digest, Digest]) -> None:
        self._near = near
        self._far = far
        self._layers = layers

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``."""
        if blob.digest in self._layers:
            return Lazily(self._far, blob).buffered()
        if self._near.has(blob):
            try:
                return self._near.open(blob)
            except (NotFound, Corrupt):
                pass  # deleted meanwhile, or damaged: the registry has it
        return self._far.open(blob)
