"""EXPOSE, VOLUME, USER, WORKDIR, STOPSIGNAL and MAINTAINER."""

from __future__ import annotations

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.base import Origin, Request, at_least_one, exactly_one
from scow.build.dockerfile.source import SPACE
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.instructions.base import Word


@value
class Expose:
    """EXPOSE: ``80``, ``80/udp``, ``8000-8010``, sorted as text."""

    origin: Origin
    ports: tuple[str, ...]

    def expand(self, _word: Word) -> Expose:
        """Not here: a variable may hold several ports, so the converter expands it to words."""
        return self


@value
class Volume:
    """VOLUME."""

    origin: Origin
    paths: tuple[str, ...]

    def expand(self, word: Word) -> Volume:
        """Paths are expanded."""
        return replace(self, paths=tuple(word(p) for p in self.paths))


@value
class User:
    """``USER name[:group]``."""

    origin: Origin
    user: str

    def expand(self, word: Word) -> User:
        """The user is expanded."""
        return replace(self, user=word(self.user))


@value
class Workdir:
    """WORKDIR."""

    origin: Origin
    path: str

    def expand(self, word: Word) -> Workdir:
        """The path is expanded."""
        return replace(self, path=word(self.path))


@value
class StopSignal:
    """STOPSIGNAL, by name or number."""

    origin: Origin
    signal: str

    def expand(self, word: Word) -> StopSignal:
        """The signal is expanded."""
        return replace(self, signal=word(self.signal))


@value
class Maintainer:
    """MAINTAINER, which is deprecated."""

    origin: Origin
    name: str

    def expand(self, _word: Word) -> Maintainer:
        """Not expanded."""
        return self


def parse_expose(request: Request) -> Expose:
    """EXPOSE."""
    ports = at_least_one(request, "EXPOSE")
    request.flags()
    return Expose(request.origin, tuple(sorted(ports)))


def parse_volume(request: Request) -> Volume:
    """VOLUME."""
    paths = tuple(p.strip(SPACE) for p in at_least_one(request, "VOLUME"))
    request.flags()
    if not all(paths):
        raise DockerfileError("VOLUME specified can not be an empty string")
    return Volume(request.origin, paths)


def parse_user(request: Request) -> User:
    """USER."""
    user = exactly_one(request, "USER")
    request.flags()
    return User(request.origin, user)


def parse_workdir(request: Request) -> Workdir:
    """WORKDIR."""
    path = exactly_one(request, "WORKDIR")
    request.flags()
    return Workdir(request.origin, path)


def parse_stopsignal(request: Request) -> StopSignal:
    """STOPSIGNAL."""
    signal = exactly_one(request, "STOPSIGNAL")
    request.flags()
    return StopSignal(request.origin, signal)


def parse_maintainer(request: Request) -> Maintainer:
    """MAINTAINER."""
    name = exactly_one(request, "MAINTAINER")
    request.flags()
    return Maintainer(request.origin, name)
