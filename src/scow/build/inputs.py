"""What a build is made from: the build file, its ignore file, and the contexts, wherever they are."""

from __future__ import annotations

import os

from scow import errors
from scow.build.ignore import ignore_files, read_patterns
from scow.build.ops import Attr, SourceOp
from scow.build.phases import phase, say
from scow.build.results import SCRATCH, Stack
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, BinaryIO

    from scow.build.events import Observer
    from scow.build.graph import Edge
    from scow.build.results import Result
    from scow.build.service import BuildRequest
    from scow.build.world import World

    Solve = Callable[[Edge], Result]
    Context = tuple[str | Stack, bytes | None]
    """A directory or layers; with a build file if that is all that was given."""

MAX_FILE = 16 << 20
"""A build file is no longer than this."""
NAME = "Dockerfile"


@value
class Inputs:
    """``places``: local contexts by name, a directory or layers. ``named``: what the frontend is told of named
    contexts.
    """

    dockerfile: bytes
    filename: str
    places: Mapping[str, Any]
    ignore: tuple[str, ...] = ()
    named: Mapping[str, str] = {}
    named_ignore: Mapping[str, tuple[str, ...]] = {}


def find(request: BuildRequest, world: World, solve: Solve, on: Observer) -> Context:
    """The main context; ``solve`` fetches it if it is not on this machine. Errors: NotFound, Invalid."""
    if request.context == "-" and request.dockerfile == "-":
        raise errors.Invalid("invalid argument: can't use stdin for both build context and dockerfile")
    place = request.context
    if place == "-":
        if request.stdin is None:
            raise errors.Invalid("a build context of - needs standard input")
        with phase(on, "[internal] load remote build context"):
            return _archive(request.stdin, world)
    if os.path.isdir(place):
        return os.path.realpath(place), None
    edge = remote_edge(place)
    if edge is None:
        raise errors.NotFound(f'unable to prepare context: path "{place}" not found')
    return _remote(edge, world, solve)


def shown_name(request: BuildRequest) -> str:
    """What the build file is called in progress."""
    return os.path.basename(request.dockerfile) if request.dockerfile not in ("", "-") else NAME


def load(request: BuildRequest, world: World, found: Context, on: Observer) -> Inputs:
    """The build file and what is ignored."""
    place, alone = found
    beside: list[str] = []
    if alone is not None:
        data, filename = alone, NAME
    elif isinstance(place, str):
        data, filename, beside = _from_directory(request, place)
    else:
        data, filename = _from_layers(request, world, place)
    patterns: tuple[str, ...] = ()
    if isinstance(place, str):
        with phase(on, "[internal] load .dockerignore") as vertex:
            text = _first(beside)
            say(on, vertex, "transferring context:", len(text))
            patterns = read_patterns(text)
    places: dict[str, Any] = {"context": place}
    named, named_ignore = _named(request, places)
    return Inputs(data, filename, places, patterns, named, named_ignore)


def _remote(edge: Edge, world: World, solve: Solve) -> Context:
    """A repository, or what an address gives: an archive or a build file alone."""
    stack = solve(edge)
    op = edge.vertex.op
    assert isinstance(stack, Stack) and isinstance(op, SourceOp)
    if op.identifier.startswith("git://"):
        return stack, None
    with world.tree(stack) as files:
        info = files.find("context")
        assert info is not None
        data = files.open(info)
        assert not isinstance(data, int | bytes)
        with data:
            return _archive(data, world)


def remote_edge(place: str) -> Edge | None:
    """The source of a context that is an address; None for a path."""
    from scow.build.dockerfile.convert.git import git_draft, git_ref, is_git
    from scow.build.graph import Edge, Hints, Vertex

    if is_git(place):
        return git_draft(git_ref(place), Hints(f"[internal] load git source {place}")).final()
    if place.startswith(("http://", "https://")):
        op = SourceOp(place, ((Attr.FILENAME, "context"),))
        return Edge(Vertex(op, (), Hints(f"[internal] load remote build context {place}")))
    return None


def _archive(stream: BinaryIO, world: World) -> tuple[Stack, bytes | None]:
    """A tar, perhaps compressed, as a layer; anything else is a build file without a context."""
    from scow.build.unpacking import tar_or_text

    head, tar = tar_or_text(stream, MAX_FILE)
    if tar is None:
        return SCRATCH, head
    layer = world.ingest_context(tar)
    return Stack((layer,)), None


def _from_directory(request: BuildRequest, context: str) -> tuple[bytes, str, list[str]]:
    """The build file, its name, and where its ignore file may be."""
    name = request.dockerfile
    if name == "-":
        if request.stdin is None:
            raise errors.Invalid("a dockerfile of - needs standard input")
        data = request.stdin.read(MAX_FILE + 1)
        return _checked(data, NAME), NAME, [os.path.join(context, ".dockerignore")]
    if name:
        path = name if os.path.exists(name) else os.path.join(context, name)
    else:
        path = next((p for n in (NAME, NAME.lower()) if os.path.exists(p := os.path.join(context, n))), "")
        path = path or os.path.join(context, NAME)
    shown = os.path.basename(path)
    found = _read(path, shown)
    if found is None:
        raise _no_file(shown)
    own, common = ignore_files(path)
    return found, shown, [own, os.path.join(context, common)]


def _from_layers(request: BuildRequest, world: World, context: Stack) -> tuple[bytes, str]:
    """From an archive or a repository, whose files are taken as they are: no ignore file applies, as in BuildKit."""
    from scow.build.files import lookup, read

    if request.dockerfile == "-" and request.stdin is not None:
        return _checked(request.stdin.read(MAX_FILE + 1), NAME), NAME
    name = request.dockerfile or NAME
    if os.path.isfile(name) and request.dockerfile:
        data = _read(name, name)
        assert data is not None
        return data, os.path.basename(name)
    with world.tree(context) as files:
        info = lookup(files, name)
        if info is None or info.kind != "file":
            raise _no_file(name)
        return read(files, info, MAX_FILE), name


def _no_file(name: str) -> errors.NotFound:
    return errors.NotFound(f"failed to read dockerfile: open {name}: no such file or directory")


def _read(path: str, shown: str) -> bytes | None:
    try:
        with open(path, "rb") as f:
            return _checked(f.read(MAX_FILE + 1), shown)
    except FileNotFoundError:
        return None
    except OSError as e:
        raise errors.Invalid(f"failed to read dockerfile: open {shown}: {(e.strerror or '').lower()}") from e


def _checked(data: bytes, name: str) -> bytes:
    if len(data) > MAX_FILE:
        raise errors.Invalid(f"{name} is longer than {MAX_FILE} bytes")
    return data


def _first(paths: list[str]) -> bytes:
    """The first of some files that is there."""
    return next((data for path in paths if (data := _read(path, path)) is not None), b"")


def _named(request: BuildRequest, places: dict[str, Any]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """``--build-context name=place``: a directory becomes ``local:name``, all else is the frontend's."""
    named: dict[str, str] = {}
    ignored: dict[str, tuple[str, ...]] = {}
    for name, place in request.contexts.items():
        if os.path.isdir(place):
            places[name] = os.path.realpath(place)
            named[name] = f"local:{name}"
            ignored[name] = read_patterns(_first([os.path.join(place, ".dockerignore")]))
        elif "://" in place:
            named[name] = place
        else:
            raise errors.NotFound(f"failed to get build context path {name}={place}: no such file or directory")
    return named, ignored
