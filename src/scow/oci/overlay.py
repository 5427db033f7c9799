"""Openers made of others: new content over old, and a near place before a far one."""

from __future__ import annotations

import io

from scow.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO, Protocol

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.oci.protocols import Opener, Putter

    class Near(Opener, Putter, Protocol):
        """A place that knows what it has."""


class Nowhere:
    """The opener that has nothing."""

    def open(self, blob: Descriptor) -> BinaryIO:
        """NotFound, always."""
        raise NotFound(f"{blob.digest} is not here")


class Overlay:
    """Some blobs of its own; all others are those of ``base``."""

    def __init__(self, base: Opener, own: Mapping[Digest, Callable[[], BinaryIO]]) -> None:
        # Flat however often an image is changed, so that opening does not recurse.
        self.base: Opener = base.base if isinstance(base, Overlay) else base
        self.own: dict[Digest, Callable[[], BinaryIO]] = {**base.own, **own} if isinstance(base, Overlay) else dict(own)

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``."""
        opener = self.own.get(blob.digest)
        return opener() if opener else self.base.open(blob)


class Preferring:
    """What ``near`` has is read there, all else from ``far``: the source of a pull into a store that has some of it."""

    def __init__(self, near: Near, far: Opener) -> None:
        self.near = near
        self.far = far

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``."""
        if self.near.has(blob):
            try:
                return self.near.open(blob)
            except NotFound:
                pass  # it was deleted meanwhile
        return self.far.open(blob)


def constant(data: bytes) -> Callable[[], BinaryIO]:
    """An opener of these bytes."""
    return lambda: io.BytesIO(data)
