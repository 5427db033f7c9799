"""What every kind of archive gives: a source, and the list of the images in it with their names."""

from __future__ import annotations

from scow.errors import Invalid, NotFound
from scow.oci.reference import Reference
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO, Protocol

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest

    class Archive(Protocol):
        """An image archive as a ``Source`` that also tells what it holds."""

        images: tuple[ArchiveImage, ...]

        def resolve(self, name: str) -> Descriptor:
            """The root called ``name``: a reference, or a digest; Invalid if it is not the only one."""

        def open(self, blob: Descriptor) -> BinaryIO:
            """The bytes of ``blob``, verified while they are read."""

        def close(self) -> None:
            """Let go of the file or directory."""


@value
class ArchiveImage:
    """One image of an archive: its root, and its references in full (with a tag); () for an untagged one."""

    root: Descriptor
    names: tuple[str, ...] = ()


def find(images: Iterable[ArchiveImage], name: str, what: str) -> Descriptor:
    """The root that ``name`` (a reference or a digest) stands for. NotFound, Invalid."""
    found = {image.root.digest: image.root for image in images if _is_called(image, name)}
    if not found:
        raise NotFound(f"{what}: no image is called {name!r}")
    if len(found) > 1:
        raise Invalid(f"{what}: {len(found)} images are called {name!r}", hint="name it by its digest")
    return next(iter(found.values()))


def full_name(text: str) -> str:
    """A reference in full. Raises Invalid."""
    return str(Reference.parse(text))


def _is_called(image: ArchiveImage, name: str) -> bool:
    if name == str(image.root.digest):
        return True
    try:
        return full_name(name) in image.names
    except Invalid:
        return False


def blob_path(digest: Digest) -> str:
    """Where an OCI layout keeps a blob."""
    return f"blobs/{digest.algorithm}/{digest.hex}"
