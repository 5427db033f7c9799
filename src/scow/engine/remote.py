"""All registries as one Source: for base images, whose names say which registry they are in."""

from __future__ import annotations

import io
import threading

from scow.errors import NotFound
from scow.oci import graph, manifest
from scow.oci.reference import Reference
from scow.oci.verify import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from scow.engine.registries import Registries
    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.oci.protocols import Source
    from scow.registry.repository import Repository

    def _conforms(remote: Remote) -> Source:
        return remote


class Remote:
    """Remembers of every blob it has met which repository has it."""

    def __init__(self, registries: Registries) -> None:
        self._registries = registries
        self._places: dict[Digest, Repository] = {}
        self._documents: dict[Digest, bytes] = {}
        self._lock = threading.Lock()

    def resolve(self, name: str) -> Descriptor:
        """What a reference stands for in its registry. NotFound, Denied, Unavailable."""
        reference = Reference.parse(name)
        repository = self._registries.repository(reference)
        root = repository.resolve(str(reference.digest or reference.tag))
        with self._lock:
            self._places[root.digest] = repository
        return root

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of a blob below something that was resolved."""
        with self._lock:
            repository = self._places.get(blob.digest)
            raw = self._documents.get(blob.digest)
        if repository is None:
            raise NotFound(f"{blob.digest} belongs to no image that was asked for")
        if not graph.is_document(blob):
            return repository.open(blob)
        if raw is None:
            raw = read(repository, blob)
            with self._lock:
                self._documents[blob.digest] = raw
                for child in graph.references(manifest.parse(raw, blob.media_type)):
                    self._places.setdefault(child.digest, repository)
        return io.BytesIO(raw)
