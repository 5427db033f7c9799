"""Snapshots: stacks of layers as mounts, writable ones with a key and a directory of their own.

    Parent = tuple[Digest | Key, ...]    bottom first: layers, and prepared snapshots that nobody writes to any more

A prepared snapshot is ROOT/snapshots/<key>/: ``upper/`` and ``work/`` of its overlay, and ``parent``, which names what
it stands on. It appears in one step (a rename) and goes in one step. Nothing is mounted here but layers: the overlay is
a value, ``Mount``, for whoever owns the mount namespace that it is for.
"""

from __future__ import annotations

import errno
import os

from scow.errors import Conflict, Corrupt, Invalid, NotFound
from scow.kernel.files import rename_noreplace
from scow.oci.digest import Digest
from scow.store import overlay
from scow.store.layers.staging import Staging, discard
from scow.store.layers.store import Layers
from scow.store.paths import component

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, TypeAlias

    from scow.kernel.mount import Mount
    from scow.store.diff import Out
    from scow.store.layers.form import Layer
    from scow.store.layers.writer import LayerWriter
    from scow.store.paths import Paths
    from scow.store.tree import Level, Tree

    Key: TypeAlias = str
    Parent: TypeAlias = tuple[Digest | Key, ...]

_PARENT = "parent"


class Snapshotter:
    """Layers and snapshots of one ROOT. All methods may be called by several threads and processes at once.

    ``form`` ("erofs", "directory") overrides the choice of form for new layers.
    """

    def __init__(self, paths: Paths, form: str | None = None) -> None:
        self._paths = paths
        self.layers = Layers(paths, form)
        self._user: bool | None = None

    def ingest(self, stream: BinaryIO, expected: Digest | None = None) -> Layer:
        """Keep an uncompressed tar as a layer. Corrupt, and nothing is left, if it is none or not ``expected``."""
        return self.layers.ingest(stream, expected)

    def writer(self) -> LayerWriter:
        """A layer to be written piece by piece: ``write``, then ``finish() -> Layer`` or ``abort``."""
        return self.layers.writer()

    def open(self, diff_id: Digest) -> BinaryIO:
        """Exactly the bytes that ``diff_id`` names. NotFound."""
        return self.layers.open(diff_id)

    def prepare(self, key: Key, parent: Parent, *, volatile: bool = False) -> tuple[Mount, ...]:
        """Make the writable snapshot ``key`` on ``parent`` (may be empty); the mounts that are its root.

        Conflict if the key is taken; NotFound for a parent that is not here. ``volatile`` as in ``overlay``.
        """
        target = self._paths.snapshot(_checked(key))
        lowers = self.lowers(parent)
        with Staging(self._paths) as staging:
            os.mkdir(f"{staging.path}/upper", 0o700)
            os.mkdir(f"{staging.path}/work", 0o700)
            _inherit_root(lowers, f"{staging.path}/upper")
            with open(f"{staging.path}/{_PARENT}", "x", encoding="ascii") as f:
                f.write("".join(f"{name}\n" for name in parent))
            try:
                rename_noreplace(staging.path, target)
            except FileExistsError:
                raise Conflict(f"snapshot {key} exists") from None
            staging.path = ""
        return (self._writable(target, lowers, volatile),)

    def mounts(self, key: Key, *, volatile: bool = False) -> tuple[Mount, ...]:
        """The mounts of a prepared snapshot once more, after a stop or a reboot. NotFound."""
        parent = self.parent(key)
        return (self._writable(self._paths.snapshot(key), self.lowers(parent), volatile),)

    def view(self, parent: Parent) -> tuple[Mount, ...]:
        """The mounts that show ``parent`` read-only."""
        lowers = self.lowers(parent)
        if len(lowers) < 2:
            lowers = list(dict.fromkeys([*lowers, *self._empty()]))[:2]
        return (overlay.read_only(lowers, userxattr=self.userxattr),)

    def commit(self, key: Key, *, epoch: int | None = None, skip: frozenset[bytes] = frozenset()) -> Layer:
        """Make a layer of what was changed in ``key``; the snapshot stays. ``epoch`` (seconds) limits times, ``skip``
        are paths to leave out.
        """
        with self.writer() as writer:
            self.diff(key, writer, epoch=epoch, skip=skip)
            return writer.finish()

    def diff(self, key: Key, out: Out, *, epoch: int | None = None, skip: frozenset[bytes] = frozenset()) -> None:
        """Write the layer tar of what was changed in ``key`` to ``out``. NotFound."""
        from scow.store.diff import diff

        diff(self._upper(key), out, epoch=epoch, userxattr=self.userxattr, skip=skip)

    def changes(self, key: Key) -> list[tuple[str, str]]:
        """(kind, path) of what was changed in ``key``, as ``docker diff`` lists it."""
        from scow.store.diff import changes
        from scow.store.tree import Tree

        parent = self.parent(key)
        with Tree([self._level(key)]) as upper, self.tree(parent) as lower:
            return changes(upper, lower)

    def remove(self, name: Key | Digest) -> None:
        """Delete a snapshot or a layer. NotFound."""
        if isinstance(name, Digest):
            self.layers.remove(name)
        elif not discard(self._paths, self._paths.snapshot(_checked(name))):
            raise NotFound(f"snapshot {name} is not here")

    def walk(self) -> Iterator[Key | Digest]:
        """All snapshots, then all layers."""
        yield from sorted(os.listdir(self._paths.snapshots))
        yield from self.layers.walk()

    def parent(self, key: Key) -> Parent:
        """What a snapshot stands on. NotFound, Corrupt."""
        path = f"{self._paths.snapshot(_checked(key))}/{_PARENT}"
        try:
            with open(path, encoding="ascii") as f:
                return tuple(Digest.parse(n) if ":" in n else _checked(n) for n in f.read().split("\n") if n)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"snapshot {key} is not here") from None
        except (Invalid, UnicodeDecodeError) as e:
            raise Corrupt(f"{path} is damaged: {e}", hint="remove the container") from None

    def tree(self, parent: Parent) -> Tree:
        """What ``parent`` holds, to be read without mounting it; close it."""
        from scow.store.tree import Tree

        levels: list[Level] = []
        try:
            for name in reversed(parent):
                levels.append(self._level(name))
            return Tree(levels)
        except BaseException:
            for level in levels:
                level.close()
            raise

    def lowers(self, parent: Parent) -> list[str]:
        """The directories of ``parent``, top first, mounted where needed; never empty.

        A layer that occurs twice counts once, where it is topmost: below that it can show nothing any more. What lies
        under a layer whose root is opaque is left out, since overlay merges roots whatever they say.
        """
        found: list[str] = []
        for name in dict.fromkeys(reversed(parent)):
            path = self.layers.lower(name) if isinstance(name, Digest) else self._upper(name)
            found.append(path)
            if _opaque(path, "user" if self.userxattr else "trusted"):
                break
        return found or self._empty()[:1]

    @property
    def userxattr(self) -> bool:
        """Whether overlay has to keep its marks in ``user.*`` attributes: this is not the machine's root."""
        if self._user is None:
            from scow.store.layers.rights import privileged

            self._user = not privileged()
        return self._user

    def _level(self, name: Digest | Key) -> Level:
        from scow.store.layers.directory_form import TREE
        from scow.store.layers.erofs_form import INDEX
        from scow.store.layers.form import TAR
        from scow.store.layers.levels import DirectoryLevel, ErofsLevel

        if not isinstance(name, Digest):
            return DirectoryLevel(self._upper(name), userxattr=self.userxattr)
        directory = self._paths.layer(name)
        if self.layers.meta(name)["form"] == "erofs":
            return ErofsLevel(f"{directory}/{INDEX}", f"{directory}/{TAR}")
        return DirectoryLevel(f"{directory}/{TREE}", userxattr=self.userxattr)

    def _writable(self, directory: str, lowers: list[str], volatile: bool) -> Mount:
        upper, work = f"{directory}/upper", f"{directory}/work"
        return overlay.writable(lowers, upper, work, volatile=volatile, userxattr=self.userxattr)

    def _upper(self, key: Key) -> str:
        path = f"{self._paths.snapshot(_checked(key))}/upper"
        if not os.path.isdir(path):
            raise NotFound(f"snapshot {key} is not here")
        return path

    def _empty(self) -> list[str]:
        """Two empty directories: what an image without layers, or a view of fewer than two, stands on."""
        found = [f"{self._paths.run}/layers/.empty-{n}" for n in (1, 2)]
        for path in found:
            try:
                os.mkdir(path, 0o755)
            except FileExistsError:
                pass
        return found


def _checked(key: Key) -> Key:
    if component(key).startswith(".") or ":" in key or "\n" in key or not key.isascii():
        raise Invalid(f"{key!r} cannot be the key of a snapshot")
    return key


def _opaque(path: str, namespace: str) -> bool:
    try:
        return os.getxattr(path, f"{namespace}.overlay.opaque") == b"y"
    except OSError as e:
        if e.errno in (errno.ENODATA, errno.ENOTSUP, errno.EPERM):
            return False
        raise


def _inherit_root(lowers: list[str], upper: str) -> None:
    """Give the upper directory the attributes of the root it covers, which are the topmost layer's that has any.

    A layer without an entry for its root has the attributes of an implied directory: then the next one is asked.
    Everybody may enter it, whatever the layer says: ``tar -C dir .`` of a private directory makes images whose root is
    0700, and docker's overlay gives every container a root of 0755.
    """
    chosen = os.stat(lowers[-1])
    for path in lowers:
        s = os.stat(path)
        if (s.st_mode & 0o7777, s.st_uid, s.st_gid, s.st_mtime_ns) != (0o755, 0, 0, 0):
            chosen = s
            break
    os.chown(upper, chosen.st_uid, chosen.st_gid)
    os.chmod(upper, chosen.st_mode & 0o7777 | 0o755)  # noqa: S103  (users other than root enter a root, too)
    os.utime(upper, ns=(chosen.st_mtime_ns, chosen.st_mtime_ns))


def usage(snapshotter: Snapshotter, name: Key | Digest) -> int:
    """Bytes on disk of a snapshot (what was changed in it) or layer (all of its form's files). NotFound."""
    from scow.store.layers.usage import tree_usage

    paths = snapshotter._paths
    if isinstance(name, Digest):
        snapshotter.layers.meta(name)
        return tree_usage(paths.layer(name))
    return tree_usage(snapshotter._upper(name))
