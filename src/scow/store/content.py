"""Content: every blob on this machine by digest (``scow.oci.protocols.Content``).

A blob is a file (``scow.store.blobs``) or, where its digest is a diff id, a layer: an uncompressed layer is kept once,
by the layer store, and read from there, so ``put`` of one goes there and ``save`` copies it from there.

Bytes are verified when they come in and again while they are read: 1.8 GB/s, against disks that lie. A file that this
process has read to the end is not hashed again while its inode, size and times stay the same.
"""

from __future__ import annotations

import json
import os

from scow.errors import Corrupt, NotFound
from scow.oci import graph, media_types
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.streams import Through
from scow.oci.verify import Verifier, verified
from scow.store import leases
from scow.store.blobs import CHUNK, Blobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, Protocol

    from scow.oci.protocols import Writer
    from scow.store.leases import Lease
    from scow.store.paths import Paths

    class Layers(Protocol):
        """What content asks of the layer store (a part of ``Snapshotter``)."""

        def ingest(self, stream: BinaryIO, expected: Digest | None = None) -> object: ...  # noqa: D102
        def open(self, diff_id: Digest) -> BinaryIO: ...  # noqa: D102
        def remove(self, name: Digest) -> None: ...  # noqa: D102


UNCOMPRESSED = frozenset({media_types.OCI_LAYER, media_types.DOCKER_LAYER})
"""Layer types whose digest is a diff id."""
_Stamp = tuple[int, int, int, int]


class Content:
    """The content of one ROOT. All methods may be called from several threads."""

    def __init__(self, paths: Paths, layers: Layers | None = None, lease: Lease | None = None) -> None:
        self.blobs = Blobs(paths)
        self._paths = paths
        self._layers = layers
        self._lease = lease
        self._verified: dict[Digest, _Stamp] = {}

    def under(self, lease: Lease) -> Content:
        """The same content; whatever is asked for or put through this view is kept alive by ``lease``."""
        view = Content(self._paths, self._layers, lease)
        view._verified = self._verified
        return view

    def has(self, blob: Descriptor) -> bool:
        """Whether ``blob`` is here with its full size and, for a manifest, its config and layers too."""
        self._hold(blob.digest)
        if self.size(blob.digest) != blob.size:
            return False
        if not media_types.is_manifest(blob.media_type):
            return True
        try:
            below = graph.children(self, blob)
        except (Corrupt, NotFound):
            return False  # to be fetched again, and then judged
        return all(self.has(child) for child in below if not media_types.is_foreign(child.media_type))

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``, verified while they are read. NotFound; Corrupt at once if the size differs."""
        if self._layers and self.blobs.size(blob.digest) is None and self._is_layer(blob.digest):
            return verified(self._layers.open(blob.digest), blob)
        file = self.blobs.open(blob.digest)
        status = os.fstat(file.fileno())
        if status.st_size != blob.size:
            file.close()
            raise Corrupt(
                f"blob {blob.digest} has {status.st_size} bytes, not {blob.size}", hint="run scow system check --repair"
            )
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if self._verified.get(blob.digest) == stamp:
            return file
        return _Remembered(file, blob, self._verified, stamp).buffered()

    def put(self, blob: Descriptor, content: BinaryIO) -> None:
        """Keep ``content`` as ``blob``. Corrupt, and nothing is left, unless size and digest are right. Idempotent."""
        self._hold(blob.digest)
        if self._layers and blob.media_type in UNCOMPRESSED:
            self._layers.ingest(_Sized(content, blob).buffered(), blob.digest)
            return
        with self.blobs.scratch() as writer:
            while data := content.read(CHUNK):
                if writer.offset + len(data) > blob.size:
                    raise Corrupt(f"blob {blob.digest} is longer than {blob.size} bytes")
                writer.write(data)
            writer.commit(blob.digest, blob.size)

    def writer(self, key: str) -> Writer:
        """Begin or go on with the ingest named ``key``, also one that a killed process began. Conflict while in use."""
        return self.blobs.writer(key)

    def delete(self, digest: Digest) -> None:
        """Forget a blob or an uncompressed layer, whatever refers to it. NotFound if it is not here."""
        self._verified.pop(digest, None)
        if self.blobs.size(digest) is None and self._layers and self._is_layer(digest):
            self._layers.remove(digest)
        else:
            self.blobs.delete(digest)

    def walk(self) -> Iterator[Descriptor]:
        """Every blob that is a file, then every layer, as ``application/octet-stream``."""
        for digest, status in self.blobs.walk():
            yield Descriptor(media_types.OCTETS, digest, status.st_size)
        if self._layers:
            for name in sorted(os.listdir(self._paths.layers)):
                if len(name) == 64:
                    size = self._layer_size(Digest("sha256", name))
                    if size is not None:
                        yield Descriptor(media_types.OCTETS, Digest("sha256", name), size)

    def size(self, digest: Digest) -> int | None:
        """Size in bytes of a blob or uncompressed layer, None if it is not here."""
        found = self.blobs.size(digest)
        return found if found is not None or not self._layers else self._layer_size(digest)

    def _hold(self, digest: Digest) -> None:
        if self._lease:
            both = digest.algorithm == "sha256" and self._layers
            self._lease.add(leases.blob(digest), *([leases.layer(digest)] if both else []))

    def _is_layer(self, digest: Digest) -> bool:
        return digest.algorithm == "sha256" and os.path.exists(self._paths.layer_meta(digest))

    def _layer_size(self, digest: Digest) -> int | None:
        return layer_size(self._paths, digest)


def layer_size(paths: Paths, diff_id: Digest) -> int | None:
    """Size in bytes of a layer's tar, from the file that makes the layer exist; None if there is no such layer."""
    return _layer_fact(paths, diff_id, "size")


def layer_content_size(paths: Paths, diff_id: Digest) -> int | None:
    """Bytes of all files of a layer, which docker calls its size; None if there is no such layer."""
    return _layer_fact(paths, diff_id, "content", "size")


def _layer_fact(paths: Paths, diff_id: Digest, *names: str) -> int | None:
    """The first of the named numbers that a layer's ``meta.json`` has."""
    if diff_id.algorithm != "sha256":
        return None
    try:
        with open(paths.layer_meta(diff_id), encoding="utf-8") as f:
            meta = json.load(f)
        return int(next(meta[name] for name in names if name in meta))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, StopIteration) as e:
        raise Corrupt(f"{paths.layer_meta(diff_id)} is damaged: {e}", hint="run scow system check --repair") from e


class _Remembered(Verifier):
    """Notes that the whole file was read and found good."""

    def __init__(self, file: BinaryIO, blob: Descriptor, notes: dict[Digest, _Stamp], stamp: _Stamp) -> None:
        super().__init__(file, blob)
        self._read = 0
        self._notes = notes
        self._stamp = stamp

    def saw(self, data: memoryview) -> None:
        super().saw(data)
        self._read += len(data)
        if self._read == self.blob.size:
            self._notes[self.blob.digest] = self._stamp


class _Sized(Through):
    """Corrupt as soon as there are more or, at the end, fewer bytes than ``blob`` says; the reader does the hashing."""

    def __init__(self, stream: BinaryIO, blob: Descriptor) -> None:
        super().__init__(stream)
        self.blob = blob
        self._seen = 0

    def saw(self, data: memoryview) -> None:
        self._seen += len(data)
        if self._seen > self.blob.size or (not data and self._seen < self.blob.size):
            raise Corrupt(f"layer {self.blob.digest} is not {self.blob.size} bytes long")

    def close(self) -> None:
        """Leave the stream to whoever opened it."""
