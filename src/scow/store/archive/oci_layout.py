"""OCI image layouts (image-spec image-layout.md): a source, and as a directory also a sink."""

from __future__ import annotations

import fcntl
import os

from scow.errors import Corrupt, Invalid, NotFound, Unavailable, Unsupported
from scow.oci import fields
from scow.oci.manifest import Index
from scow.oci.reference import Reference
from scow.oci.verify import verified
from scow.store.archive.contents import ArchiveImage, blob_path, find, full_name
from scow.store.archive.files import DirectoryFiles, document
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from scow.oci.descriptor import Descriptor
    from scow.oci.digest import Digest
    from scow.store.archive.files import Files

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
REF_NAME = "org.opencontainers.image.ref.name"
"""The standard's name of an image: any text; docker writes the tag alone."""
FULL_NAME = "io.containerd.image.name"
"""containerd's and docker's: the reference in full."""
_CHUNK = 1 << 20


class OciLayout:
    """The layout in ``files``, read-only."""

    def __init__(self, files: Files) -> None:
        self.files = files
        check_version(document(files, "oci-layout", fields.MAX_BYTES), files.what)
        self.entries = Index(document(files, "index.json", fields.MAX_BYTES)).manifests
        """Descriptors of index.json, with their annotations."""
        self.images = _images(self.entries)

    def resolve(self, name: str) -> Descriptor:
        """The root with this ref.name, else this reference or digest. NotFound; Invalid if there are several."""
        found = {d.digest: d for d in self.entries if d.annotations.get(REF_NAME) == name}
        if len(found) == 1:
            return _bare(next(iter(found.values())))
        return find(self.images, name, self.files.what)

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``, verified while they are read."""
        path = blob_path(blob.digest)
        size = self.files.size(path)
        if size != blob.size:
            raise Corrupt(f"{self.files.what}: {path} has {size} bytes, not {blob.size}")
        return verified(self.files.open(path), blob)

    def close(self) -> None:
        """Let go of the files."""
        self.files.close()


class OciDirectory:
    """A layout in a directory as a sink (and a source), made if it is not there; several processes may write it."""

    def __init__(self, path: str) -> None:
        self.path = path
        os.makedirs(f"{path}/blobs", exist_ok=True)
        if not os.path.exists(f"{path}/oci-layout"):
            foreign = set(os.listdir(path)) - {"blobs", "index.json", "oci-layout"}
            if foreign:
                raise Invalid(f"{path} is not empty and no OCI layout", hint="name a new or an empty directory")
            _replace(f"{path}/oci-layout", LAYOUT)
        with open(f"{path}/oci-layout", "rb") as f:
            check_version(f.read(fields.MAX_BYTES), path)

    def resolve(self, name: str) -> Descriptor:
        """As ``OciLayout.resolve``."""
        return self._read().resolve(name)

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``, verified while they are read."""
        try:
            return verified(open(f"{self.path}/{blob_path(blob.digest)}", "rb"), blob)
        except FileNotFoundError as e:
            raise NotFound(f"{self.path}: blob {blob.digest} is not there") from e

    def has(self, blob: Descriptor) -> bool:
        """Whether ``blob`` is here in its full size, and for a manifest all that it refers to."""
        from scow.oci import graph, media_types

        try:
            if os.stat(f"{self.path}/{blob_path(blob.digest)}").st_size != blob.size:
                return False
            below = graph.children(self, blob) if media_types.is_manifest(blob.media_type) else ()
        except (FileNotFoundError, Corrupt, NotFound):
            return False
        return all(self.has(child) for child in below if not media_types.is_foreign(child.media_type))

    def put(self, blob: Descriptor, content: BinaryIO) -> None:
        """Keep ``content`` as ``blob``; Corrupt, and nothing kept, unless it is exactly that."""
        target = f"{self.path}/{blob_path(blob.digest)}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        staged = f"{self.path}/blobs/.{os.urandom(8).hex()}"
        reader = verified(content, blob)
        try:
            with open(staged, "xb") as f:
                while data := reader.read(_CHUNK):
                    f.write(data)
            os.rename(staged, target)
        except OSError as e:
            _forget(staged)
            raise Unavailable(f"cannot write {target}: {e.strerror}") from e
        except BaseException:
            _forget(staged)
            raise
        finally:
            reader.detach()  # type: ignore[attr-defined]  # the caller closes what it opened

    def tag(self, name: str, root: Descriptor) -> None:
        """Enter ``root`` in index.json as ``name``, in place of what had that name; "" enters it unnamed."""
        if not self.has(root):
            raise NotFound(f"{self.path}: blob {root.digest} is not there")
        entry = annotated(root, name)
        lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries = self._read().entries if os.path.exists(f"{self.path}/index.json") else ()
            kept = [d for d in entries if not _same_name(d, entry)]
            _replace(f"{self.path}/index.json", Index.of([*kept, entry]).raw)
        finally:
            os.close(lock)

    def _read(self) -> OciLayout:
        files = DirectoryFiles(self.path)
        try:
            return OciLayout(files)
        finally:
            files.close()


def check_version(raw: bytes, what: str) -> None:
    """Raise Unsupported unless the oci-layout document is of version 1."""
    version = fields.text(fields.loads(raw, f"{what}: oci-layout"), "imageLayoutVersion", "oci-layout")
    if version.split(".", 1)[0] != "1":
        raise Unsupported(f"{what}: image layout version {version!r} is not known; 1.x is")


def annotated(root: Descriptor, name: str) -> Descriptor:
    """``root`` as index.json lists it under ``name``.

    A reference (with a "/" or ":") gets both annotations, as docker and BuildKit write them; a bare word is the
    standard's name, as skopeo and umoci use it ("v1" is no image in library/); "" is none.
    """
    plain = _bare(root)
    if not name:
        return plain
    names = {REF_NAME: name}
    if "/" in name or ":" in name:
        reference = Reference.parse(name)
        names = {FULL_NAME: str(reference.with_digest(None)), REF_NAME: reference.tag or str(reference.digest)}
    return replace(plain, annotations={**plain.annotations, **names})


def _bare(root: Descriptor) -> Descriptor:
    plain = {k: v for k, v in root.annotations.items() if k not in (REF_NAME, FULL_NAME)}
    return replace(root, annotations=plain)


def _same_name(old: Descriptor, new: Descriptor) -> bool:
    """Whether ``new`` takes the place of ``old`` in an index."""
    for key in (FULL_NAME, REF_NAME):
        if key in new.annotations:
            return old.annotations.get(key) == new.annotations[key]
    return old.digest == new.digest and FULL_NAME not in old.annotations and REF_NAME not in old.annotations


def _images(entries: tuple[Descriptor, ...]) -> tuple[ArchiveImage, ...]:
    """One image per digest, with all its names, in the order of the index."""
    names: dict[Digest, list[str]] = {}
    roots: dict[Digest, Descriptor] = {}
    for entry in entries:
        roots.setdefault(entry.digest, _bare(entry))
        name = _name(entry)
        held = names.setdefault(entry.digest, [])
        if name and name not in held:
            held.append(name)
    return tuple([ArchiveImage(root, tuple(names[digest])) for digest, root in roots.items()])


def _name(entry: Descriptor) -> str | None:
    """The reference an entry says it is: containerd's annotation, or a ref.name that is more than a tag."""
    full = entry.annotations.get(FULL_NAME)
    if full:
        return full_name(full)
    text = entry.annotations.get(REF_NAME, "")
    if "/" not in text and ":" not in text:
        return None
    try:
        return full_name(text)
    except Invalid:
        return None


def _replace(path: str, raw: bytes) -> None:
    staged = f"{path}.{os.urandom(8).hex()}"
    with open(staged, "xb") as f:
        f.write(raw)
    os.rename(staged, path)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
