"""``build``: from a request to an image. What ``engine.builds`` calls."""

from __future__ import annotations

import contextlib

from scow.build.boxes import NOTHING
from scow.build.cache import Cache, Flights
from scow.build.events import ignore
from scow.build.finish import Exporter
from scow.build.jobs import Serial
from scow.build.outputs import Output
from scow.build.phases import Prologue, phase, say
from scow.build.results import SCRATCH
from scow.build.solver import Options, Solver
from scow.build.world import World
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, BinaryIO, TypeVar

    from scow.build.boxes import Given
    from scow.build.dockerfile.options import Conversion, Resolve
    from scow.build.events import Observer
    from scow.build.frontend import Called
    from scow.build.graph import Edge
    from scow.build.inputs import Inputs
    from scow.build.results import Result
    from scow.build.runners.table import Table
    from scow.build.solver import Runner
    from scow.oci.config import ImageConfig
    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.oci.platform import Platform
    from scow.oci.protocols import Source
    from scow.store.store import Store

    T = TypeVar("T")
    Frontend = Callable[[Inputs, Resolve, str], T]
    """From what was loaded, a resolver of images and the progress vertex of the build file to what is asked for."""

_NONE: Mapping[str, Any] = {}


@value
class BuildRequest:
    """One ``scow build``.

    ``context``: a directory, "-" (``stdin``: a tar, or a Dockerfile alone), a git or http address. ``dockerfile``:
    its path, "-" for ``stdin``, "" for ``Dockerfile`` in the context. ``contexts``: ``--build-context`` name to
    place. ``no_cache``: None uses the cache, () does not, names are ``--no-cache-filter``. ``epoch``:
    SOURCE_DATE_EPOCH in seconds.
    """

    context: str
    dockerfile: str = ""
    stdin: BinaryIO | None = None
    tags: tuple[str, ...] = ()
    target: str = ""
    build_args: Mapping[str, str] = _NONE
    labels: Mapping[str, str] = _NONE
    platforms: tuple[Platform, ...] = ()
    contexts: Mapping[str, str] = _NONE
    no_cache: tuple[str, ...] | None = None
    pull: bool = False
    network: str = "default"
    extra_hosts: tuple[tuple[str, str], ...] = ()
    ulimits: tuple[tuple[str, int, int], ...] = ()
    shm_size: int = 0
    cgroup_parent: str = ""
    outputs: tuple[Output, ...] = (Output(),)
    given: Given = NOTHING
    epoch: int | None = None


@value
class BuildResult:
    """What was made. ``root`` and ``config`` are None if no output was an image; of several platforms the first's."""

    root: Descriptor | None
    config: ImageConfig | None
    layers: tuple[Digest, ...]
    names: tuple[str, ...] = ()
    warnings: tuple[object, ...] = ()
    conversions: tuple[Conversion, ...] = ()

    @property
    def image(self) -> Digest | None:
        """The image's id, as docker prints it."""
        return self.config.digest if self.config else None


def build(
    request: BuildRequest,
    store: Store,
    remote: Source | None = None,
    on: Observer = ignore,
) -> BuildResult:
    """Build and export. ``remote``: where base images are pulled from.

    Faults of steps are raised as ``failed to solve: ...`` with the lines of the build file as notes; work that was
    finished before stays in the cache.
    """
    from scow.build.frontend import conversions, warned

    with _Session(request, store, remote, on) as session:
        return session.finish(session.read(lambda i, r, v: conversions(i, request, r, warned(session.on, v, i))))


def called(
    request: BuildRequest, call: str, store: Store, remote: Source | None = None, on: Observer = ignore
) -> Called:
    """``--call=check``, ``outline`` or ``targets``: what is told of the build file without a build."""
    from scow.build import frontend

    with _Session(request, store, remote, on) as session:
        return session.read(lambda i, r, _: frontend.called(i, request, r, call))


class _Session:
    """One build under way: everything that has to be let go of in the end."""

    def __init__(self, request: BuildRequest, store: Store, remote: Source | None, on: Observer) -> None:
        from scow.build.records import StoreRecords
        from scow.build.sources.images import Images
        from scow.store.content import layer_size

        self.request = request
        self.store = store
        self.on = Serial(on)
        self.exit = contextlib.ExitStack()
        lease = self.exit.enter_context(store.leases.acquire("build"))
        rewrite = any(o.rewrite_timestamp for o in request.outputs)
        epoch = None if request.epoch is None else request.epoch * 10**9
        given = request.given
        if request.network == "host":  # the user's own words
            given = replace(given, allow=(*given.allow, "network.host"))
        self.world = World(store, lease=lease, given=given, epoch=epoch, rewrite=rewrite)
        self.exit.callback(self.world.close)
        self.records = StoreRecords(store.state, lambda d: layer_size(store.paths, d) or 0)
        self.exit.callback(self.records.flush)
        flights = Flights(f"{store.paths.root}/locks")
        self.cache = Cache(self.records, lambda d: layer_size(store.paths, d) is not None, flights, self._keep)
        self.images = Images(self.world, remote, pull=request.pull)
        self.places: dict[str, Any] = {}

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *why: Any) -> None:
        self.exit.__exit__(*why)

    def _keep(self, layers: tuple[Digest, ...]) -> None:
        self.world.keep(*layers)

    def read(self, frontend: Frontend[T]) -> T:
        """What ``frontend`` makes of the build file. Contexts that are no directories are fetched first.

        What is told meanwhile of images and other files comes after what there is to tell of the build file, unless
        an image has to be looked for far away.
        """
        from scow.build import inputs

        found = inputs.find(self.request, self.world, self._solve, self.on)
        name = inputs.shown_name(self.request)
        with Prologue(self.on, f"[internal] load build definition from {name}") as prologue:
            self.images.before_remote = prologue.end
            loaded = inputs.load(self.request, self.world, found, prologue.later)
            say(self.on, prologue.vertex, "transferring dockerfile:", len(loaded.dockerfile))
            self.places.update(loaded.places)
            if self.request.no_cache == () and b"run" in loaded.dockerfile.lower():
                self.world.zygote()  # steps will run for sure: their process starts while the file is converted
            return frontend(loaded, self._resolver(prologue.later), prologue.vertex)

    def _resolver(self, on: Observer) -> Resolve:
        """Looks images up and tells each once."""
        told: set[tuple[str, str]] = set()

        def resolve(name: str, platform: Platform) -> tuple[Digest | None, ImageConfig]:
            if (name, str(platform)) in told:
                return self.images.resolve(name, platform)
            told.add((name, str(platform)))
            with phase(on, f"[internal] load metadata for {name}"):
                return self.images.resolve(name, platform)

        return resolve

    def _solve(self, edge: Edge) -> Result:
        solver = Solver(self._table(), self.cache, self.on, Options())
        return solver.solve((edge,))[0]

    def _table(self) -> Table:
        from scow.build.runners.table import Table

        return Table(
            {
                "exec": self._exec,
                "file": self._file,
                "layers": self._layers,
                "docker-image": self._image,
                "local": self._local,
                "http": self._http,
                "https": self._http,
                "git": self._git,
            }
        )

    def _exec(self) -> Runner:
        from scow.build.runners.execop import ExecRunner

        return ExecRunner(self.world)

    def _file(self) -> Runner:
        from scow.build.runners.fileop import FileRunner

        return FileRunner(self.world)

    def _layers(self) -> Runner:
        from scow.build.runners.layerops import LayerRunner

        return LayerRunner()

    def _image(self) -> Runner:
        from scow.build.sources.images import ImageRunner

        return ImageRunner(self.images)

    def _local(self) -> Runner:
        from scow.build.sources.contexts import ContextRunner
        from scow.store.filedigests import file_digests

        contexts = ContextRunner(self.places, lambda path: file_digests(self.store.paths, path))
        self.exit.callback(contexts.close)
        return contexts

    def _http(self) -> Runner:
        from scow.build.sources.http import HttpRunner

        return HttpRunner(self.world, self.records)

    def _git(self) -> Runner:
        from scow.build.sources.git import GitRunner

        return GitRunner(self.world)

    def finish(self, conversions: tuple[Conversion, ...]) -> BuildResult:
        """Solve all platforms at once, then export."""
        epoch = conversions[0].epoch  # the build file may give one
        self.world.epoch = None if epoch is None else epoch * 10**9
        edges = tuple(c.edge for c in conversions if c.edge is not None)
        solver = Solver(self._table(), self.cache, self.on, Options())
        solved = iter(solver.solve(edges) if edges else ())
        stacks = [next(solved) if c.edge is not None else SCRATCH for c in conversions]
        exporter = Exporter(self.world, list(zip(conversions, stacks, strict=True)), self.request.tags)
        for output in self.request.outputs:
            exporter.export(output, self.on)
        warnings = tuple(w for c in conversions for w in c.warnings)
        return BuildResult(exporter.root, exporter.config, exporter.layers(0), self.request.tags, warnings, conversions)
