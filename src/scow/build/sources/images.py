"""``docker-image://``: base images, from the local store first, then from the source that was given (a registry).

A reference is looked up once per build. Layers are fetched only when a step really runs on them, or the result is
exported.
"""

from __future__ import annotations

import threading

from scow import errors
from scow.build.keys import CacheMap
from scow.build.results import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from scow.build.graph import Vertex
    from scow.build.jobs import Job
    from scow.build.ops import SourceOp
    from scow.build.results import Result
    from scow.build.world import World
    from scow.oci.config import ImageConfig
    from scow.oci.digest import Digest
    from scow.oci.image import Image, Layer
    from scow.oci.platform import Platform
    from scow.oci.protocols import Source

SCHEME = "docker-image://"


class Images:
    """Base images of one build. ``remote``: where to pull from, or None; ``pull``: ask it first (``--pull``)."""

    def __init__(self, world: World, remote: Source | None = None, *, pull: bool = False) -> None:
        self._world = world
        self._local = world.store.local(world.lease)
        self._remote = remote
        self._pull = pull
        self._known: dict[tuple[str, str], tuple[Image, bool]] = {}
        self._roots: dict[str, Digest] = {}
        self._lock = threading.Lock()
        self.before_remote: Callable[[], None] = lambda: None
        """Called when an image is about to be looked for far away, which may take a while."""

    def resolve(self, name: str, platform: Platform) -> tuple[Digest | None, ImageConfig]:
        """For the frontend: the digest of what a remote name stands for (None for a local image), and its
        configuration.
        """
        image, local = self.find(name, platform)
        return (None if local else self._roots[name]), image.config

    def find(self, name: str, platform: Platform, mode: str = "default") -> tuple[Image, bool]:
        """The image of a reference for a platform, and whether it is the local store's."""
        key = (_bare(name), str(platform))
        with self._lock:
            if key not in self._known:
                self._known[key] = self._find(name, platform, mode)
            return self._known[key]

    def _find(self, name: str, platform: Platform, mode: str) -> tuple[Image, bool]:
        sources: list[tuple[Source, bool]] = [(self._local, True)]
        if self._remote is not None and mode != "local":
            sources.insert(0 if self._pull or mode == "pull" else 1, (self._remote, False))
        for source, local in sources:
            if not local:
                self.before_remote()
            try:
                return self._chosen(source, name, platform, local=local), local
            except errors.NotFound:
                continue
            except (errors.Unavailable, errors.Denied) as e:
                if local:
                    raise
                lacking = "" if source is sources[0][0] else f"{name} is not in the local store: "
                raise type(e)(
                    f"{lacking}failed to resolve source metadata for {name}: {e}", e.hint or _remedies(name)
                ) from None
        raise _nowhere(name, pullable=self._remote is not None)

    def _chosen(self, source: Source, name: str, platform: Platform, *, local: bool) -> Image:
        from scow.oci import graph
        from scow.oci.image import Image

        root = source.resolve(name)
        chosen = graph.select(source, root, platform)
        if not local:
            self._roots[name] = root.digest
        return Image(source, chosen)

    def have(self, layers: tuple[Digest, ...]) -> bool:
        """Whether all layers are in the store."""
        return all(self._world.layers.layers.find(d) is not None for d in layers)

    def fetch(self, image: Image, job: Job) -> Stack:
        """The image's layers, each brought into the layer store if it is not there."""
        for layer in image.layers:
            self._world.keep(layer.diff_id)
            if self._world.layers.layers.find(layer.diff_id) is None:
                self._ingest(layer, job)
        return Stack(image.config.diff_ids)

    def _ingest(self, layer: Layer, job: Job) -> None:
        from scow.wire.compress import decompress

        job.cancel.check()
        blob = layer.descriptor
        with layer.open() as stream:
            counted = _Counted(stream, f"extracting {blob.digest}", blob.size, job)
            self._world.layers.ingest(decompress(counted), layer.diff_id)
            counted.done()


class _Counted:
    """A stream that tells how far it was read."""

    def __init__(self, stream: Any, name: str, total: int, job: Job) -> None:
        import time

        self._stream = stream
        self._name = name
        self._total = total
        self._job = job
        self._at = self._told = 0
        self._began = time.time_ns()

    def read(self, size: int = -1) -> bytes:
        """Pass on, and tell now and then."""
        data: bytes = self._stream.read(size)
        self._at += len(data)
        if self._at - self._told > 4 << 20:
            self._told = self._at
            self._job.cancel.check()
            self._job.status(self._name, self._at, self._total, started=self._began)
        return data

    def done(self) -> None:
        """All is read."""
        self._job.status(self._name, self._total, self._total, started=self._began, completed=True)


def _nowhere(name: str, *, pullable: bool) -> errors.NotFound:
    where = "neither in the local store nor in its registry" if pullable else "not in the local store"
    return errors.NotFound(f"{name} is {where}", hint=_remedies(name))


def _remedies(name: str) -> str:
    return f"pull it (scow pull {name}), or make one here: scow bootstrap, scow import, scow load"


def _bare(name: str) -> str:
    """A reference without its digest if it has a tag: the same image whoever asks."""
    head, _, digest = name.partition("@")
    return head if digest and ":" in head.rpartition("/")[2] else name


class ImageRunner:
    """Runs ``docker-image://`` sources."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def _image(self, vertex: Vertex) -> Image:
        from scow.build.ops import Attr
        from scow.oci.platform import Platform, host

        op: SourceOp = vertex.op  # type: ignore[assignment]
        platform = Platform.parse(vertex.platform) if vertex.platform else host()
        name = op.identifier.removeprefix(SCHEME)
        return self._images.find(name, platform, op.attr(Attr.RESOLVE_MODE, "default"))[0]

    def cache_map(self, vertex: Vertex, job: Job) -> CacheMap:  # noqa: ARG002
        """Its layers are what an image is to a build step; what it is called is not in the key."""
        layers = self._image(vertex).config.diff_ids
        return CacheMap({"layers": [str(d) for d in layers]}, (), remember=False, at_hand=self._images.have(layers))

    def run(self, vertex: Vertex, inputs: Sequence[Result], job: Job) -> Sequence[Result]:  # noqa: ARG002
        """Have the layers here."""
        return [self._images.fetch(self._image(vertex), job)]
