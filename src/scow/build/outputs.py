"""``-o type=...,dest=...``: where a build's result goes."""

from __future__ import annotations

import os
import stat

from scow import errors
from scow.build.export import refuse_unknown
from scow.build.files import walk
from scow.build.results import Stack
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from scow.build.files import Files, Info
    from scow.build.world import World
    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest

KINDS = ("image", "docker", "oci", "local", "tar", "cacheonly")
PIECE = 1 << 20


@value
class Output:
    """One ``--output``. ``dest`` is a path, "-" standard output; ``names`` of an image; ``push`` is the caller's
    affair.
    """

    kind: str = "image"
    dest: str = ""
    names: tuple[str, ...] = ()
    push: bool = False
    docker_types: bool = False
    rewrite_timestamp: bool = False
    annotations: tuple[tuple[str, str], ...] = ()
    tar: bool = True


def parse(text: str) -> Output:
    """``type=docker,dest=out.tar`` and the short form: ``-`` is a tar on standard output, any other word a
    directory.
    """
    import csv

    rows = next(csv.reader([text]), [])
    if len(rows) == 1 and "=" not in text:
        return Output("tar", "-") if text == "-" else Output("local", text)
    given = {}
    for row in rows:
        key, found, word = row.partition("=")
        if not found:
            raise errors.Invalid(f"invalid value {row}: expected key=value in --output {text!r}")
        given[key.strip().lower()] = word
    return _output(given, text)


def _output(given: dict[str, str], text: str) -> Output:
    kind = given.pop("type", "")
    if not kind:
        raise errors.Invalid(f"type is required for output {text!r}")
    push = False
    if kind == "registry":
        kind, push = "image", True
    if kind not in KINDS:
        raise refuse_unknown(kind)
    push = _flag(given, "push", push)
    dest = given.pop("dest", "")
    if kind in ("local", "tar", "oci") and not dest:
        raise errors.Invalid(f"dest is required for {kind} exporter", hint=f"-o type={kind},dest=PATH")
    names = tuple(n for n in given.pop("name", "").split(",") if n)
    oci = _flag(given, "oci-mediatypes", kind != "docker")
    rewrite = _flag(given, "rewrite-timestamp", False)
    tar = _flag(given, "tar", True)
    notes = tuple((k.removeprefix("annotation."), given.pop(k)) for k in sorted(given) if k.startswith("annotation."))
    compression = given.pop("compression", "uncompressed")
    if compression != "uncompressed":
        raise errors.Unsupported(
            f"--output compression={compression}", hint="layers are compressed when they are pushed"
        )
    if given:
        raise errors.Unsupported(f"--output {next(iter(given))}={next(iter(given.values()))}")
    return Output(kind, dest, names, push, not oci, rewrite, notes, tar)


def _flag(given: dict[str, str], name: str, default: bool) -> bool:
    text = given.pop(name, None)
    if text is None:
        return default
    if text.lower() in ("", "1", "t", "true"):
        return True
    if text.lower() in ("0", "f", "false"):
        return False
    raise errors.Invalid(f"invalid value for {name}: {text!r}")


def write_archive(output: Output, root: Descriptor, world: World, out: BinaryIO) -> None:
    """The image as ``docker load`` takes it (docker), or an OCI archive (oci)."""
    from scow.oci.reference import Reference
    from scow.store.archive.contents import ArchiveImage
    from scow.store.archive.writing import save

    names = tuple(str(Reference.parse(n)) for n in output.names)
    save(out, world.store.content, [ArchiveImage(root, names)], docker=output.kind == "docker")


def write_tar(layers: tuple[Digest, ...], world: World, out: BinaryIO, epoch: int | None = None) -> None:
    """The root file system as one tar."""
    from scow.build.draft import Draft, Empty, Item
    from scow.wire.tar import Writer

    with world.tree(Stack(layers)) as files:
        draft = Draft(Empty())
        for info in walk(files, _root(files)):
            draft.put(Item(info, (files, info)))
        writer = Writer(out)
        draft.write(writer, epoch)
        writer.close()


def write_directory(layers: tuple[Digest, ...], world: World, dest: str) -> None:
    """The files of the result in a directory of the user's, which is made; what is there stays, files are replaced."""
    os.makedirs(dest, exist_ok=True)
    with world.tree(Stack(layers)) as files:
        write_tree(files, _root(files), dest, owners=False)


def _root(files: Files) -> Info:
    root = files.find("")
    assert root is not None
    return root


def write_tree(files: Files, top: Info, dest: str, *, owners: bool = True) -> None:
    """Everything below ``top`` into the directory ``dest``, by descriptors: links in ``dest`` are never followed."""
    cut = len(top.path) + 1 if top.path else 0
    times: list[tuple[str, int]] = []
    linked: dict[object, str] = {}
    for info in walk(files, top):
        path = info.path[cut:]
        directory = _open_directory(dest, path.rpartition("/")[0])
        try:
            _write(files, info, directory, (dest, path, linked), owners=owners)
        finally:
            os.close(directory)
        if info.kind == "dir":
            times.append((path, info.mtime))
    for path, mtime in reversed(times):
        directory = _open_directory(dest, path)
        try:
            os.utime(directory, ns=(mtime, mtime))
        finally:
            os.close(directory)


def _open_directory(root: str, path: str) -> int:
    from scow.kernel.openat import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if not path:
        return top
    try:
        return openat2(top, path, os.O_RDONLY | os.O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    finally:
        os.close(top)


def _write(
    files: Files, info: Info, directory: int, place: tuple[str, str, dict[object, str]], *, owners: bool
) -> None:
    dest, path, linked = place
    name = path.rpartition("/")[2]
    if info.kind == "dir":
        try:
            os.mkdir(name, 0o700, dir_fd=directory)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                raise errors.Conflict(f"{dest}/{path} exists and is no directory") from None
    else:
        try:
            os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            pass
        if info.kind == "file" and info.inode is not None and info.inode in linked:
            other = linked[info.inode]
            above = _open_directory(dest, other.rpartition("/")[0])
            try:
                os.link(other.rpartition("/")[2], name, src_dir_fd=above, dst_dir_fd=directory)
            finally:
                os.close(above)
            return
        _make(files, info, directory, name)
        if info.inode is not None:
            linked[info.inode] = path
    if owners:
        os.chown(name, info.uid, info.gid, dir_fd=directory, follow_symlinks=False)
    if info.kind != "symlink":
        os.chmod(name, info.mode, dir_fd=directory)
    os.utime(name, ns=(info.mtime, info.mtime), dir_fd=directory, follow_symlinks=False)


def _make(files: Files, info: Info, directory: int, name: str) -> None:
    if info.kind == "symlink":
        os.symlink(info.link, name, dir_fd=directory)
    elif info.kind == "fifo":
        os.mkfifo(name, 0o600, dir_fd=directory)
    elif info.kind in ("char", "block"):
        kind = stat.S_IFCHR if info.kind == "char" else stat.S_IFBLK
        os.mknod(name, kind | 0o600, os.makedev(*info.rdev), dir_fd=directory)
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=directory), "wb", buffering=0) as f:
            data = files.open(info)
            if isinstance(data, bytes):
                f.write(data)
                return
            with os.fdopen(data, "rb", buffering=0) if isinstance(data, int) else data as source:
                while piece := source.read(PIECE):
                    f.write(piece)
