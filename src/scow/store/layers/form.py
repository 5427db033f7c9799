"""What a form of layers has to do, and the values both share."""

from __future__ import annotations

from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Protocol

    from scow.oci.digest import Digest
    from scow.store.layers.nodes import Node
else:
    Protocol = object

TAR = "layer.tar"
META = "meta.json"


@value
class Layer:
    """A layer that is kept: its diff id and the size of its tar in bytes."""

    diff_id: Digest
    size: int


@value
class Draft:
    """A layer in its staging directory, before it has a form: ``layer.tar`` is written, and its digest is known.

    ``tar`` is its descriptor, ``root`` the tree it holds. Whoever gets a draft may use the tree up.
    """

    directory: str
    tar: int
    layer: Layer
    root: Node


class Form(Protocol):
    """One way to keep layers. All methods may be called by several processes at once."""

    name: str

    def build(self, draft: Draft) -> dict[str, Any]:
        """Make the form of a draft in its directory, synced to disk; facts for ``meta.json``. May delete the tar."""

    def lower(self, diff_id: Digest) -> str:
        """The directory that overlay takes as this layer's lower, made ready (mounted) where needed."""

    def open(self, directory: str, size: int) -> BinaryIO:
        """The exact bytes of the tar of the layer in ``directory``; seekable."""
