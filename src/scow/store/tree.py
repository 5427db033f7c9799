"""Looking into a stack of layers without mounting it: paths are looked up as in a root made of it.

For what needs a few files of an image (``USER`` names, ``COPY --from``, scanners). Whiteouts and opaque directories
count as overlay counts them; links are followed inside the root, which they cannot leave; nothing is ever looked up
through a link of the machine's own.
"""

from __future__ import annotations

import stat

from scow.errors import Invalid, NotFound
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO, Protocol

    from scow.store.layers.levels import Handle

    class Level(Protocol):
        """One layer of a stack. Handles are the level's own; a missing name is None."""

        def root(self) -> Handle: ...  # noqa: D102
        def child(self, directory: Handle, name: bytes) -> Handle | None: ...  # noqa: D102
        def names(self, directory: Handle) -> Iterable[tuple[bytes, Handle]]: ...  # noqa: D102
        def info(self, handle: Handle) -> Info: ...  # noqa: D102
        def opaque(self, handle: Handle) -> bool: ...  # noqa: D102
        def xattrs(self, handle: Handle) -> dict[bytes, bytes]: ...  # noqa: D102
        def open(self, handle: Handle) -> BinaryIO: ...  # noqa: D102
        def close(self) -> None: ...  # noqa: D102


_LINKS_MAX = 40
_MARKS = (b"trusted.overlay.", b"user.overlay.")


@value
class Info:
    """What lstat(2) tells: ``mode`` with type bits, ``mtime`` in ns, ``device`` (major, minor), ``target`` of a link.

    ``identity`` is equal for hard links of one file, and for nothing else.
    """

    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    links: int = 1
    device: tuple[int, int] = (0, 0)
    target: bytes = b""
    identity: object = None

    @property
    def kind(self) -> str:
        """file, dir, symlink, char, block, fifo or socket, as in ``wire.tar.Entry``."""
        return _KINDS[stat.S_IFMT(self.mode)]

    @property
    def whiteout(self) -> bool:
        """Whether it is overlay's mark of something deleted."""
        return stat.S_ISCHR(self.mode) and self.device == (0, 0)


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


class Found:
    """A name in the merged tree: ``info``, and its places, top first (only a directory may have several)."""

    __slots__ = ("info", "places")

    def __init__(self, info: Info, places: list[tuple[Level, Handle]]) -> None:
        self.info = info
        self.places = places


class Tree:
    """A stack of levels (``layers.levels``), the topmost first; a context manager. Paths are str or bytes.

    Methods raise NotFound for what is not there, Invalid for what is of another kind.
    """

    def __init__(self, levels: list[Level]) -> None:
        self._levels = levels
        self.root = _merge([(level, level.root()) for level in levels]) or Found(Info(stat.S_IFDIR | 0o755), [])
        """Where :func:`child` and :func:`children` begin."""

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all levels."""
        for level in self._levels:
            level.close()

    def stat(self, path: str | bytes, *, follow: bool = True) -> Info:
        """What lies at ``path``; with ``follow``, at the end of the link that lies there."""
        return self._find(path, follow)[1].info

    def exists(self, path: str | bytes, *, follow: bool = True) -> bool:
        """Whether ``path`` names anything."""
        try:
            self._find(path, follow)
        except (NotFound, Invalid):
            return False
        return True

    def resolve(self, path: str | bytes) -> bytes:
        """``path`` with all links followed; absolute."""
        return self._find(path, True)[0]

    def xattrs(self, path: str | bytes, *, follow: bool = True) -> dict[bytes, bytes]:
        """Extended attributes, without overlay's own."""
        level, handle = self._find(path, follow)[1].places[0]
        return {k: v for k, v in level.xattrs(handle).items() if not k.startswith(_MARKS)}

    def open(self, path: str | bytes) -> BinaryIO:
        """A regular file's data; seekable."""
        found = self._find(path, True)[1]
        if found.info.kind != "file":
            raise Invalid(f"{_shown(path)} is no regular file")
        level, handle = found.places[0]
        return level.open(handle)

    def read(self, path: str | bytes, limit: int = 1 << 24) -> bytes:
        """A whole file; Invalid if it is larger than ``limit`` bytes."""
        with self.open(path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise Invalid(f"{_shown(path)} is larger than {limit} bytes")
        return data

    def list(self, path: str | bytes) -> dict[bytes, Info]:
        """What is in a directory, by name in byte order."""
        found = self._find(path, True)[1]
        if found.info.kind != "dir":
            raise Invalid(f"{_shown(path)} is no directory")
        return {name: below.info for name, below in children(found)}

    def walk(self, path: str | bytes = b"/") -> Iterator[tuple[bytes, Info]]:
        """All below ``path`` (links not followed), parents first, each directory in byte order; absolute paths."""
        top, found = self._find(path, True)
        pending = [(top.rstrip(b"/"), found)]
        while pending:
            above, directory = pending.pop()
            deeper = []
            for name, below in children(directory):
                full = above + b"/" + name
                yield full, below.info
                if below.info.kind == "dir":
                    deeper.append((full, below))
            pending += reversed(deeper)

    def _find(self, path: str | bytes, follow: bool) -> tuple[bytes, Found]:
        raw = path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path
        if b"\0" in raw:
            raise Invalid("path has a NUL byte")
        todo = _parts(raw)
        trail = [(b"", self.root)]
        links = 0
        while todo:
            part = todo.pop()
            if trail[-1][1].info.kind != "dir":
                raise NotFound(f"{_shown(path)}: not a directory")
            if part == b"..":
                if len(trail) > 1:
                    trail.pop()
                continue
            found = child(trail[-1][1], part)
            if found is None:
                raise NotFound(f"{_shown(path)}: no such file or directory")
            if found.info.kind == "symlink" and (todo or follow or raw.endswith(b"/")):
                links += 1
                if links > _LINKS_MAX:
                    raise Invalid(f"{_shown(path)}: too many levels of symbolic links")
                if found.info.target.startswith(b"/"):
                    del trail[1:]
                todo += _parts(found.info.target)
                continue
            trail.append((part, found))
        return b"/" + b"/".join(name for name, _ in trail[1:]), trail[-1][1]


def child(directory: Found, name: bytes) -> Found | None:
    """One name of a merged directory, links not followed; None if it is not there."""
    places = []
    for level, handle in directory.places:
        found = level.child(handle, name)
        if found is not None:
            places.append((level, found))
    return _merge(places)


def children(directory: Found) -> Iterator[tuple[bytes, Found]]:
    """All names of a merged directory, in byte order."""
    by_name: dict[bytes, list[tuple[Level, Handle]]] = {}
    for level, handle in directory.places:
        for name, below in level.names(handle):
            by_name.setdefault(name, []).append((level, below))
    for name in sorted(by_name):
        found = _merge(by_name[name])
        if found is not None:
            yield name, found


def _merge(places: list[tuple[Level, Handle]]) -> Found | None:
    """What overlay shows where these things, top first, have one name; None for nothing, or below a whiteout."""
    if not places:
        return None
    level, handle = places[0]
    top = level.info(handle)
    if top.whiteout:
        return None
    kept = [places[0]]
    if top.kind == "dir" and not level.opaque(handle):
        for level, handle in places[1:]:
            if level.info(handle).kind != "dir":
                break
            kept.append((level, handle))
            if level.opaque(handle):
                break
    return Found(top, kept)


def _parts(path: bytes) -> list[bytes]:
    return [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]


def _shown(path: str | bytes) -> str:
    return path if isinstance(path, str) else path.decode("utf-8", "backslashreplace")
