"""``cp``: out of a container, and into one."""

from __future__ import annotations

import os
import stat

from scow.engine.container.copying import local
from scow.engine.container.copying.inside import Pipe
from scow.engine.container.copying.pack import Packer
from scow.engine.container.copying.places import Place, arrange, base, followed, rooted
from scow.engine.container.copying.session import Session
from scow.engine.container.copying.unpack import Unpacker
from scow.errors import Invalid, NotFound
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

    from scow.store.containers import ContainerRecord
    from scow.store.store import Store

PIECE = 1 << 20


@value
class CopyRequest:
    """All of ``cp`` but the files' streams. ``inner`` is the container's path, ``outer`` the host's, ``container`` what
    the user calls the container; ``archive`` gives what is copied in to the container's user.
    """

    container: str
    inner: str
    outer: str = ""
    follow: bool = False
    archive: bool = False


@value
class Copied:
    """What was done: bytes of tar that went over, the destination as it turned out, what could not be read."""

    size: int
    destination: str
    skipped: tuple[str, ...] = ()


class Counter:
    """A Pipe that counts; ``on`` is told of the total."""

    def __init__(self, fd: int, on: Callable[[int], None] | None) -> None:
        self._pipe = Pipe(fd)
        self._on = on
        self.size = 0

    def _count(self, n: int) -> None:
        self.size += n
        if self._on is not None:
            self._on(self.size)

    def read(self, size: int, /) -> bytes:
        """As Pipe's."""
        found = self._pipe.read(size)
        self._count(len(found))
        return found

    def readinto(self, view: memoryview) -> int:
        """As Pipe's."""
        n = self._pipe.readinto(view)
        self._count(n)
        return n

    def write(self, data: bytes | memoryview, /) -> None:
        """As Pipe's."""
        self._pipe.write(data)
        self._count(len(data))


def missing(path: str, container: str) -> NotFound:
    """Docker's error for a path that a container does not have."""
    return NotFound(f"Could not find the file {path} in container {container}")


def copy_out(
    store: Store, record: ContainerRecord, request: CopyRequest, on: Callable[[int], None] | None = None
) -> Copied:
    """Copy ``inner`` of the container to the host's ``outer``. NotFound, Invalid, Denied in docker's words."""
    outer = local.absolute(request.outer)
    local.check_output(outer)
    with Session(store, record, into=False) as session:
        source, name = _source(session, request)
        destination = local.destination(outer)
        # The name in the archive is a renamed link's, or the source's own: of the root "" ("/etc" is "/etc" then).
        directory, chosen = arrange(Place(source.path, exists=True, is_dir=source.is_dir, rename=name), destination)
        root = _open_directory(directory)
        try:
            session.send({"do": "pack", "path": source.path, "name": chosen if chosen != "/" else ""})
            counter = Counter(session.pipe, on)
            try:
                Unpacker(root, directory, own=False).run(counter)
                while counter.read(PIECE):
                    pass
            finally:
                session.end_pipe()
        finally:
            os.close(root)
        skipped = session.finish()["skipped"]
    return Copied(counter.size, outer, tuple(skipped))


def copy_out_stream(store: Store, record: ContainerRecord, request: CopyRequest, out: BinaryIO) -> tuple[str, ...]:
    """Write the tar of ``inner`` to ``out``; what could not be read."""
    with Session(store, record, into=False) as session:
        source, name = _source(session, request)
        # Docker's command line writes what the daemon sends: a link's own name is only restored in a directory.
        del name
        own = base(source.path)
        session.send({"do": "pack", "path": source.path, "name": own if own != "/" else ""})
        pipe = Pipe(session.pipe)
        try:
            while piece := pipe.read(PIECE):
                out.write(piece)
            out.flush()
        finally:
            session.end_pipe()
        return tuple(session.finish()["skipped"])


def _open_directory(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as e:
        raise local.failed("open", e, path) from None


def _source(session: Session, request: CopyRequest) -> tuple[Place, str]:
    """What is to be copied out, and the name it gets if a link was followed."""
    path, rename = request.inner, ""
    if not path:
        raise Invalid("bad parameter: path cannot be empty")
    if request.follow:
        found = _look(session, path)
        if found is not None and found["target"]:
            path, rename = followed(path, found["target"])
    path = rooted(path)
    found = _look(session, path)
    if found is None:
        raise missing(path, request.container)
    return Place(path, exists=True, is_dir=stat.S_ISDIR(found["mode"])), rename


def _look(session: Session, path: str) -> dict[str, Any] | None:
    """What is at a path of the container; None if nothing is."""
    try:
        found: dict[str, Any] = session.ask({"do": "stat", "path": rooted(path)})
    except NotFound:
        return None
    return found


def _target(session: Session, request: CopyRequest) -> Place:
    """What the destination in a container is; a link is followed, also one to what is not there."""
    path = request.inner
    if not path:
        return Place("")
    try:
        found = _look(session, path)
        if found is not None and found["target"]:
            path = found["target"]
            found = _look(session, path)
    except Invalid:
        found = None
    if found is None:
        return Place(path)
    if word := local.odd(found["mode"]):
        raise Invalid(
            f'destination "{request.container}:{request.inner}" must be a directory or a regular file: {word}'
        )
    return Place(path, exists=True, is_dir=stat.S_ISDIR(found["mode"]))


def check_source(request: CopyRequest) -> None:
    """Say what is wrong with the host's end. NotFound, Invalid."""
    local.source(local.absolute(request.outer), follow=request.follow)


def copy_in(
    store: Store, record: ContainerRecord, request: CopyRequest, on: Callable[[int], None] | None = None
) -> Copied:
    """Copy the host's ``outer`` to ``inner`` of the container. NotFound, Invalid, Denied in docker's words."""
    with Session(store, record, into=True) as session:
        destination = _target(session, request)
        source = local.source(local.absolute(request.outer), follow=request.follow)
        directory, name = arrange(source, destination)
        _begin(session, request, directory)
        counter = Counter(session.pipe, on)
        packer = Packer(counter)
        try:
            if source.is_dir:
                packer.tree(source.path, os.fsencode(name))
            else:
                packer.one(source.path, os.fsencode(name))
            packer.close()
        except BrokenPipeError:
            pass  # the answer says why
        finally:
            session.end_pipe()
        _end(session, request, directory)
    return Copied(counter.size, f"{request.container}:{destination.path}", tuple(packer.skipped))


def copy_in_stream(store: Store, record: ContainerRecord, request: CopyRequest, stream: BinaryIO) -> Copied:
    """Unpack the tar ``stream``, which may be compressed, into the directory ``inner`` of the container."""
    from scow.wire.compress import decompress

    with Session(store, record, into=True) as session:
        destination = _target(session, request)
        if not destination.is_dir:
            raise Invalid(f'destination "{request.container}:{request.inner}" must be a directory')
        _begin(session, request, destination.path)
        counter = Counter(session.pipe, None)
        try:
            plain = decompress(stream)
            while piece := plain.read(PIECE):
                counter.write(piece)
        except BrokenPipeError:
            pass
        finally:
            session.end_pipe()
        _end(session, request, destination.path)
    return Copied(0, f"{request.container}:{destination.path}")


def _begin(session: Session, request: CopyRequest, directory: str) -> None:
    config = session.record.config
    session.send(
        {
            "do": "unpack",
            "path": directory,
            "user": config["Config"].get("User") or "" if request.archive else "",
            "read_only": bool(config["HostConfig"].get("ReadonlyRootfs")),
            "mounts": [[m["Destination"], m["RW"]] for m in config["Mounts"]],
        }
    )


def _end(session: Session, request: CopyRequest, directory: str) -> None:
    try:
        session.finish()
    except NotFound as e:
        if str(e).startswith("lstat "):
            raise missing(directory, request.container) from None
        raise
