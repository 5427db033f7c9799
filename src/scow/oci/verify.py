"""Reading content that is only good if it is exactly what its descriptor says."""

from __future__ import annotations

import io

from scow.errors import Corrupt
from scow.oci.digest import Digest, hasher
from scow.oci.fields import MAX_BYTES
from scow.oci.streams import Through

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from scow.oci.descriptor import Descriptor
    from scow.oci.protocols import Opener


class Verifier(Through):
    """Checks size and digest while it reads; the last piece is given only after both were found right."""

    def __init__(self, stream: BinaryIO, blob: Descriptor) -> None:
        super().__init__(stream)
        self.blob = blob
        self._hash = hasher(blob.digest.algorithm)
        self._seen = 0
        self._good = False

    def saw(self, data: memoryview) -> None:
        """Hash a piece; Corrupt when it shows that the content is too short, too long or different."""
        self._hash.update(data)
        self._seen += len(data)
        size = self.blob.size
        if self._seen > size or (self._seen == size and not self._good and self.stream.read(1)):
            raise Corrupt(f"{self.blob.digest}: more than {size} bytes")
        if self._seen < size:
            if not data:
                raise Corrupt(f"{self.blob.digest}: ended after {self._seen} of {size} bytes, with {self._found()}")
        elif not self._good:
            if self._found() != self.blob.digest:
                raise Corrupt(f"{self.blob.digest}: the content is {self._found()}")
            self._good = True

    def _found(self) -> Digest:
        return Digest(self.blob.digest.algorithm, self._hash.hexdigest())


def verified(stream: BinaryIO, blob: Descriptor) -> BinaryIO:
    """``stream``, checked against ``blob`` while it is read: Corrupt instead of the last bytes of anything else."""
    return Verifier(stream, blob).buffered()


def read(source: Opener, blob: Descriptor, limit: int = MAX_BYTES) -> bytes:
    """All bytes of a small blob, verified here whatever the source did; Corrupt if there are more than ``limit``."""
    if blob.size > limit:
        raise Corrupt(f"{blob.digest}: {blob.size} bytes are more than the limit of {limit}")
    with io.BytesIO(blob.data) if blob.data is not None else source.open(blob) as stream:
        return take(stream, blob)


def take(stream: BinaryIO, blob: Descriptor) -> bytes:
    """The rest of ``stream``, which must be exactly ``blob``; Corrupt otherwise. At most one byte more is read."""
    pieces = []
    wanted = blob.size + 1
    while wanted and (data := stream.read(wanted)):
        pieces.append(data)
        wanted -= len(data)
    whole = b"".join(pieces)
    found = Digest.of(whole, blob.digest.algorithm)
    if not wanted:
        raise Corrupt(f"{blob.digest}: more than {blob.size} bytes")
    if found != blob.digest or len(whole) != blob.size:
        raise Corrupt(f"{blob.digest}: the content is {found}, {len(whole)} of {blob.size} bytes")
    return whole
