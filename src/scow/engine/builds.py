"""The build service: ``build`` with this machine's networks."""

from __future__ import annotations

from scow.oci.lazy import lazy
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from scow.build.events import Observer
    from scow.build.frontend import Called
    from scow.build.service import BuildRequest, BuildResult
    from scow.engine.registries import Registries
    from scow.oci.descriptor import Descriptor
    from scow.oci.protocols import Source
    from scow.store.store import Store


class Remote:
    """Registries as a source of base images; their code is loaded when the first image is looked for there."""

    def __init__(self, registries: Callable[[], Registries]) -> None:
        self._registries = registries

    @lazy
    def _source(self) -> Source:
        return self._registries().source()

    def resolve(self, name: str) -> Descriptor:
        """What a reference stands for in its registry."""
        return self._source.resolve(name)

    def open(self, blob: Descriptor) -> BinaryIO:
        """A blob of an image that was resolved."""
        return self._source.open(blob)


class Builds:
    """Builds of one store."""

    def __init__(self, store: Store, registries: Callable[[], Registries]) -> None:
        self.store = store
        self._remote = Remote(registries)

    def build(self, request: BuildRequest, on: Observer) -> BuildResult:
        """Build and export. Errors say ``failed to solve: ...``; their notes are the lines of the build file.

        RUN steps with the default network get the bridge that containers get.
        """
        from scow.build.service import build
        from scow.engine.buildnet import Namespaces

        with Namespaces(self.store.paths.run) as namespaces:
            given = replace(request.given, network=namespaces.borrow)
            return build(replace(request, given=given), self.store, self._remote, on=on)

    def call(self, request: BuildRequest, call: str, on: Observer) -> Called:
        """What is told of a build file without a build: "check", "outline" or "targets"."""
        from scow.build.service import called

        return called(request, call, self.store, self._remote, on=on)
