"""The build service: ``build`` with this machine's networks."""

from __future__ import annotations

from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.events import Observer
    from scow.build.frontend import Called
    from scow.build.service import BuildRequest, BuildResult
    from scow.engine.images import Images
    from scow.engine.registries import Registries
    from scow.store.store import Store


class Builds:
    """Builds of one store."""

    def __init__(self, store: Store, images: Images, registries: Registries) -> None:
        self.store = store
        self.images = images
        self.registries = registries

    def build(self, request: BuildRequest, on: Observer) -> BuildResult:
        """Build and export. Errors say ``failed to solve: ...``; their notes are the lines of the build file.

        RUN steps with the default network get the bridge that containers get.
        """
        from scow.build.service import build
        from scow.engine.buildnet import Namespaces

        with Namespaces(self.store.paths.run) as namespaces:
            given = replace(request.given, network=namespaces.borrow)
            return build(replace(request, given=given), self.store, self.registries.source(), on=on)

    def call(self, request: BuildRequest, call: str, on: Observer) -> Called:
        """What is told of a build file without a build: "check", "outline" or "targets"."""
        from scow.build.service import called

        return called(request, call, self.store, self.registries.source(), on=on)
