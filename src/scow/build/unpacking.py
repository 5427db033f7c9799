"""ADD of a local archive: unpacked straight into a draft.

What is an archive is decided by content, as docker does: a tar, perhaps compressed by gzip, bzip2, xz or zstd. The
uncompressed tar is kept in an unnamed file while the layer is written. Paths are resolved inside the root, links in
the archive lead nowhere else.
"""

from __future__ import annotations

import os

from scow import errors
from scow.build.copying import make_directories
from scow.build.draft import Item
from scow.build.files import Info, clean, join, resolve, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from scow.build.copying import Copier
    from scow.build.files import Data, Files
    from scow.build.selectors import Pick
    from scow.build.world import World
    from scow.oci.digest import Digest
    from scow.wire.tar import Entry

MAGICS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
PIECE = 1 << 20
MAX_SIZE = 1 << 38
"""Bytes of an unpacked archive before it is taken for a bomb (256 GiB)."""


class Spool:
    """The files of an uncompressed tar in an unnamed file, as a tree that only opens."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def find(self, path: str) -> Info | None:
        """Not a tree to look around in."""
        raise NotImplementedError(path)

    def entries(self, directory: str) -> dict[str, Info]:
        """Not a tree to look around in."""
        raise NotImplementedError(directory)

    def digest(self, info: Info) -> str:
        """Not asked for: archives are digested as they are."""
        raise NotImplementedError(info.path)

    def open(self, info: Info) -> Data:
        """The bytes of an entry, holes filled."""
        entry: Any = info.token
        if entry.sparse is None and entry.size <= PIECE:
            return os.pread(self.fd, entry.size, entry.data)
        return _Part(self.fd, entry)  # type: ignore[return-value]

    def __del__(self) -> None:
        os.close(self.fd)


class _Part:
    """The data of one entry as a binary file."""

    def __init__(self, fd: int, entry: Entry) -> None:
        self._fd = fd
        self._runs = list(entry.sparse if entry.sparse is not None else ((0, entry.size),))
        self._size = entry.size
        self._at = 0
        self._from = entry.data
        self._run = 0

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes."""
        size = self._size - self._at if size < 0 else min(size, self._size - self._at)
        while self._run < len(self._runs) and self._at >= sum(self._runs[self._run]):
            self._from += self._runs[self._run][1]
            self._run += 1
        start, length = self._runs[self._run] if self._run < len(self._runs) else (self._size, 0)
        if self._at < start:
            data = bytes(min(size, start - self._at))
        else:
            inside = self._at - start
            data = os.pread(self._fd, min(size, length - inside), self._from + inside)
        self._at += len(data)
        return data

    def close(self) -> None:
        """The file belongs to the spool."""


class Unpacker:
    """``spool``: makes an unnamed writable file."""

    def __init__(self, spool: str) -> None:
        self._directory = spool

    def __call__(self, files: Files, picked: Pick, copier: Copier) -> bool:
        """Unpack a file into the copy's destination; False if it is no archive."""
        data = files.open(picked.info)
        stream = _stream(data)
        try:
            fd = self.spool(stream)
        finally:
            stream.close()
        if fd is None:
            return False
        self.extract(Spool(fd), copier, picked.info)
        return True

    def spool(self, stream: BinaryIO) -> int | None:
        """The archive without its compression in an unnamed file; None if it is no tar."""
        head = stream.read(512)
        if head.startswith(MAGICS):
            from scow.wire.compress import decompress

            stream = decompress(_Again(head, stream))
            try:
                head = _exactly(stream, 512)
            except errors.Corrupt:
                return None
        if not _is_tar(head):
            return None
        fd = os.open(self._directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        size = 0
        while head:
            view = memoryview(head)
            while view:
                view = view[os.write(fd, view) :]
            size += len(head)
            if size > MAX_SIZE:
                os.close(fd)
                raise errors.Invalid(f"archive unpacks to more than {MAX_SIZE} bytes")
            head = stream.read(PIECE)
        return fd

    def extract(self, spool: Spool, copier: Copier, archive: Info) -> None:
        """Put all entries into the copier's draft, below its destination."""
        from scow.wire.tar import scan

        draft = copier.draft
        dest = resolve(draft, copier.copy.dest)
        make_directories(draft, dest, copier.made(archive))
        for entry in scan(spool.fd):
            name = os.fsdecode(entry.name)
            parent, base = split(clean(name))
            if not base:
                continue  # the archive's root: the destination stays as it is
            if base.startswith(".wh."):
                raise errors.Invalid(f"{name}: a name that begins with .wh. marks a deleted file in a layer")
            place = resolve(draft, join(dest, parent)) if parent else dest
            if not (place == dest or place.startswith(f"{dest}/") or not dest):
                raise errors.Invalid(f"{name} in the archive leads out of /{dest}")
            make_directories(draft, place, copier.made(archive))
            self._put(spool, copier, entry, join(place, base), dest)

    def _put(self, spool: Spool, copier: Copier, entry: Entry, path: str, dest: str) -> None:
        draft = copier.draft
        there = draft.find(path)
        uid, gid = copier.owner or (entry.uid, entry.gid)
        mtime = entry.mtime if copier.copy.timestamp is None else copier.copy.timestamp
        if entry.kind == "dir":
            info = Info(path, "dir", entry.mode, uid, gid, 0, mtime, xattrs=entry.xattrs)
            item = draft.items.get(path)
            if there is not None and there.kind == "dir":
                draft.put(Item(info, None, item.opaque if item else False))
            else:
                if there is not None:
                    draft.remove(path)
                draft.mkdir(info)
            return
        if there is not None and there.kind == "dir":
            draft.remove(path)
        if entry.kind == "hardlink":
            self._link(copier, entry, path, dest)
            return
        link = os.fsdecode(entry.linkname) if entry.kind == "symlink" else ""
        rdev = (entry.major, entry.minor)
        size = entry.size if entry.kind == "file" else 0
        inode = (spool, path) if entry.kind == "file" else None
        info = Info(path, entry.kind, entry.mode, uid, gid, size, mtime, link, inode, rdev, entry.xattrs)
        draft.put(Item(info, (spool, info._replace(token=entry))))

    def _link(self, copier: Copier, entry: Entry, path: str, dest: str) -> None:
        target = resolve(copier.draft, join(dest, clean(os.fsdecode(entry.linkname))), follow=False)
        item = copier.draft.items.get(target)
        if item is None or item.info.kind in ("dir", "whiteout"):
            raise errors.Invalid(
                f"{os.fsdecode(entry.name)}: link to {os.fsdecode(entry.linkname)}, which is not there"
            )
        copier.draft.put(Item(item.info._replace(path=path), item.origin))


def context_layer(tar: BinaryIO, world: World) -> Digest:
    """An uncompressed archive as a layer, owners as in the archive (as BuildKit has it for remote contexts)."""
    from scow.build.copying import Copier
    from scow.build.draft import Draft, Empty
    from scow.build.jobs import Cancel
    from scow.build.ops import Copy

    unpacker = Unpacker(world.store.paths.tmp)
    fd = unpacker.spool(tar)
    if fd is None:
        raise errors.Corrupt("the build context is no archive")
    draft, cancel = Draft(Empty()), Cancel()
    unpacker.extract(Spool(fd), Copier(Empty(), draft, Copy("/", "/"), None, cancel), Info("", "file"))
    return world.write_layer(draft, cancel)


def tar_or_text(stream: BinaryIO, limit: int) -> tuple[bytes, BinaryIO | None]:
    """An uncompressed tar to read if ``stream`` is one, perhaps compressed; else all of its bytes, which must be
    few.
    """
    head = _exactly(stream, 512)
    whole: Any = _Again(head, stream)
    if head.startswith(MAGICS):
        from scow.wire.compress import decompress

        plain = decompress(whole)
        head = _exactly(plain, 512)
        whole = _Again(head, plain)
    if _is_tar(head):
        return b"", whole
    data = bytearray()
    while len(data) <= limit and (piece := whole.read(PIECE)):
        data += piece
    return bytes(data), None


class _Again:
    """A stream of which the first bytes have been read."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """The head first."""
        if self._head:
            size = len(self._head) if size < 0 else size
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._stream.read(size)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _is_tar(head: bytes) -> bool:
    """Whether a block is a tar header: its checksum is right (V7 has no magic)."""
    if len(head) < 512 or not any(head):
        return False
    try:
        said = int(head[148:156].strip(b" \0") or b"0", 8)
    except ValueError:
        return False
    return said == sum(head[:148]) + sum(head[156:512]) + 8 * 32


def _stream(data: Data) -> BinaryIO:
    if isinstance(data, int):
        return os.fdopen(data, "rb", buffering=0)
    if isinstance(data, bytes):
        import io

        return io.BytesIO(data)
    return data
