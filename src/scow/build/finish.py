"""The end of a build: every ``--output`` from the solved layers."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time

from scow import errors
from scow.build import outputs
from scow.build.export import Built, put_image
from scow.build.phases import phase, say
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from scow.build.dockerfile.options import Conversion
    from scow.build.events import Observer
    from scow.build.outputs import Output
    from scow.build.results import Result
    from scow.build.world import World
    from scow.oci.config import ImageConfig
    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest

SHOWN = {
    "image": "exporting to image",
    "docker": "exporting to docker image format",
    "oci": "exporting to oci image format",
    "local": "exporting to client directory",
    "tar": "exporting to client tarball",
}


class Exporter:
    """The results of one build, by platform."""

    def __init__(self, world: World, results: list[tuple[Conversion, Result]], tags: tuple[str, ...]) -> None:
        self._world = world
        self._results = results
        self._tags = tags
        self.root: Descriptor | None = None
        self.config: ImageConfig | None = None

    def layers(self, number: int) -> tuple[Digest, ...]:
        """The layers of one platform's result, waiting for those under way."""
        settled = self._results[number][1].settled()
        if settled is None:
            raise errors.Invalid("the result of a build must be layers")
        return settled

    @property
    def _solved(self) -> list[tuple[Conversion, tuple[Digest, ...]]]:
        return [(c, self.layers(n)) for n, (c, _) in enumerate(self._results)]

    def export(self, output: Output, on: Observer) -> None:
        """Do one output."""
        if output.kind == "cacheonly":
            return
        with phase(on, SHOWN[output.kind]) as vertex:
            began = time.time_ns()
            _ = self._solved
            say(on, vertex, "exporting layers", started=began)
            if output.kind in ("image", "docker", "oci"):
                self._image(output, vertex, on)
            else:
                self._files(output)

    def _image(self, output: Output, vertex: str, on: Observer) -> None:
        from scow.oci.reference import Reference

        names = tuple(dict.fromkeys((*self._tags, *output.names)))
        archive = output.kind == "oci" or (output.kind == "docker" and output.dest)
        docker = output.docker_types
        roots = []
        for conversion, layers in self._solved:
            built = Built(layers, conversion.config, conversion.epoch, docker, output.annotations)
            alone = len(self._solved) == 1
            root, config = put_image(built, self._world, names if alone and not archive else (), enter=not archive)
            roots.append(replace(root, platform=conversion.platform))
            self.config = self.config or config
        root = roots[0] if len(roots) == 1 else self._index(roots, () if archive else names, docker=docker)
        self.root = self.root or replace(root, platform=None)
        say(on, vertex, f"writing image {self.config.digest if self.config else root.digest}")
        for name in names:
            say(on, vertex, f"naming to {Reference.parse(name)}")
        if archive:
            with _target(output) as out:
                outputs.write_archive(replace(output, names=names), replace(root, platform=None), self._world, out)

    def _index(self, roots: list[Descriptor], names: tuple[str, ...], *, docker: bool) -> Descriptor:
        from scow.oci import media_types
        from scow.oci.manifest import Index

        index = Index.of(roots, media_types.DOCKER_LIST if docker else media_types.OCI_INDEX)
        local = self._world.store.local(self._world.lease)
        root = index.descriptor()
        local.put(root, io.BytesIO(index.raw))
        for name in names:
            local.tag(name, root)
        return root

    def _files(self, output: Output) -> None:
        for conversion, layers in self._solved:
            epoch = conversion.epoch * 10**9 if output.rewrite_timestamp and conversion.epoch is not None else None
            if output.kind == "tar":
                if len(self._solved) > 1:
                    raise errors.Unsupported("--output type=tar of several platforms")
                with _target(output) as out:
                    outputs.write_tar(layers, self._world, out, epoch)
                continue
            place = output.dest
            if len(self._solved) > 1:
                place = os.path.join(place, str(conversion.platform).replace("/", "_"))
            outputs.write_directory(layers, self._world, place)


@contextlib.contextmanager
def _target(output: Output) -> Iterator[BinaryIO]:
    """A file that appears when all of it is written, or standard output."""
    if output.dest in ("-", ""):
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = os.path.join(output.dest, "image.tar") if os.path.isdir(output.dest) else output.dest
    staged = f"{path}.{os.getpid()}.part"
    try:
        with open(staged, "xb") as f:
            yield f
        os.rename(staged, path)
    except OSError as e:
        raise errors.Unavailable(f"write {path}: {(e.strerror or '').lower()}") from e
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged)
