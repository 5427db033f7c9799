"""What a build is made from: the build file, its ignore file, and the contexts, wherever they are."""

from __future__ import annotations

import os

from scow import errors
from scow.build.ignore import ignore_files, read_patterns
from scow.build.ops import Attr, SourceOp
from scow.build.results import SCRATCH, Stack
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, BinaryIO

    from scow.build.graph import Edge
    from scow.build.results import Result
    from scow.build.service import BuildRequest
    from scow.build.world import World

    Solve = Callable[[Edge], Result]

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


def load(request: BuildRequest, world: World, solve: Solve) -> Inputs:
    """Find everything; ``solve`` fetches what is not on this machine."""
    if request.context == "-" and request.dockerfile == "-":
        raise errors.Invalid("invalid argument: can't use stdin for both build context and dockerfile")
    context, alone = _context(request, world, solve)
    if alone is not None:
        data, filename = alone, NAME
        ignored: tuple[str, ...] = ()
    elif isinstance(context, str):
        data, filename, ignored = _from_directory(request, context)
    else:
        data, filename, ignored = _from_layers(request, world, context)
    places: dict[str, Any] = {"context": context}
    named, named_ignore = _named(request, places)
    return Inputs(data, filename, places, ignored, named, named_ignore)


def _context(request: BuildRequest, world: World, solve: Solve) -> tuple[str | Stack, bytes | None]:
    """The main context, and the build file if that is all there is."""
    place = request.context
    if place == "-":
        if request.stdin is None:
            raise errors.Invalid("a build context of - needs standard input")
        return _archive(request.stdin, world)
    edge = remote_edge(place)
    if edge is None:
        if not os.path.isdir(place):
            raise errors.NotFound(f"unable to prepare context: path {place!r} not found")
        return os.path.realpath(place), None
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


def _from_directory(request: BuildRequest, context: str) -> tuple[bytes, str, tuple[str, ...]]:
    name = request.dockerfile
    if name == "-":
        if request.stdin is None:
            raise errors.Invalid("a dockerfile of - needs standard input")
        data = request.stdin.read(MAX_FILE + 1)
        return _checked(data, NAME), NAME, _ignored([os.path.join(context, ".dockerignore")])
    if name:
        path = name if os.path.exists(name) else os.path.join(context, name)
    else:
        path = next((p for n in (NAME, NAME.lower()) if os.path.exists(p := os.path.join(context, n))), "")
        path = path or os.path.join(context, NAME)
    found = _read(path, name or NAME)
    if found is None:
        raise _no_file(name or NAME)
    own, common = ignore_files(path)
    return found, name or os.path.basename(path), _ignored([own, os.path.join(context, common)])


def _from_layers(request: BuildRequest, world: World, context: Stack) -> tuple[bytes, str, tuple[str, ...]]:
    """From an archive or a repository, whose files are taken as they are: no ignore file applies, as in BuildKit."""
    from scow.build.files import lookup, read

    if request.dockerfile == "-" and request.stdin is not None:
        return _checked(request.stdin.read(MAX_FILE + 1), NAME), NAME, ()
    name = request.dockerfile or NAME
    if os.path.isfile(name) and request.dockerfile:
        data = _read(name, name)
        assert data is not None
        return data, name, ()
    with world.tree(context) as files:
        info = lookup(files, name)
        if info is None or info.kind != "file":
            raise _no_file(name)
        return read(files, info, MAX_FILE), name, ()


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


def _ignored(paths: list[str]) -> tuple[str, ...]:
    for path in paths:
        data = _read(path, path)
        if data is not None:
            return read_patterns(data)
    return ()


def _named(request: BuildRequest, places: dict[str, Any]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """``--build-context name=place``: a directory becomes ``local:name``, all else is the frontend's."""
    named: dict[str, str] = {}
    ignored: dict[str, tuple[str, ...]] = {}
    for name, place in request.contexts.items():
        if os.path.isdir(place):
            places[name] = os.path.realpath(place)
            named[name] = f"local:{name}"
            ignored[name] = _ignored([os.path.join(place, ".dockerignore")])
        elif "://" in place:
            named[name] = place
        else:
            raise errors.NotFound(f"failed to get build context path {name}={place}: no such file or directory")
    return named, ignored
