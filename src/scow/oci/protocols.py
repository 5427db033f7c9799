"""Where documents and blobs lie: the protocols between whoever has them and whoever moves them.

Import it under ``if TYPE_CHECKING:``; a protocol does nothing at run time. It can be imported all the same (``typing``,
5 ms, is left out), but then ``Protocol`` is ``object``.

A *blob* is bytes named by a descriptor: layers and configs, and manifests and indexes too. All methods raise errors of
``scow.errors``; implementations may be called from several threads at once.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO, Protocol, TypeAlias

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest

    Observer: TypeAlias = Callable[[object], None]
    """Takes progress events (values, such as those of ``scow.oci.events``); libraries never print."""
else:
    Protocol = object


class Opener(Protocol):
    """Gives bytes by digest."""

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``; reading to the end raises Corrupt unless they match. NotFound if it is not here."""


class Source(Opener, Protocol):
    """Gives bytes by digest and knows names: a registry, a layout on disk, the local store."""

    def resolve(self, name: str) -> Descriptor:
        """What ``name`` (a tag or a digest, in this source's terms) stands for now. NotFound if it has no such name."""


class Putter(Protocol):
    """Takes bytes by digest."""

    def has(self, blob: Descriptor) -> bool:
        """Whether ``blob`` itself is here; of what it points to this says nothing."""

    def put(self, blob: Descriptor, content: BinaryIO) -> None:
        """Keep ``content``; Corrupt, and nothing kept, unless it is exactly what ``blob`` says. Idempotent."""


class Sink(Putter, Protocol):
    """Takes bytes by digest and remembers names."""

    def tag(self, name: str, root: Descriptor) -> None:
        """Let ``name`` stand for ``root``, which is here already, in place of what it stood for."""


class Writer(Protocol):
    """One blob on its way in: resumable by key, invisible until ``commit``."""

    @property
    def offset(self) -> int:
        """How many bytes are kept so far; more than zero when an interrupted write goes on."""

    def write(self, data: bytes) -> int:
        """Append ``data``; the number of bytes taken, which is all of them."""

    def commit(self, expected: Digest | None = None) -> Digest:
        """Make the blob visible; Corrupt, and the bytes dropped, if it is not ``expected``."""

    def close(self) -> None:
        """Let go; what was written but not committed waits for the next writer with the same key."""


class Content(Opener, Putter, Protocol):
    """Blobs on this machine. The contract is tested by ``tests/oci/content_contract.py``."""

    def writer(self, key: str) -> Writer:
        """Begin the ingest named ``key``, or go on with it; Conflict while another writer has it."""

    def delete(self, digest: Digest) -> None:
        """Forget a blob; NotFound if it is not here."""

    def walk(self) -> Iterator[Descriptor]:
        """Every blob, in no order, with media type ``application/octet-stream``: content knows only bytes."""
