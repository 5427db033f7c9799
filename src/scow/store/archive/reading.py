"""``open_archive``: whichever form it has, an archive becomes a source and a list of images.

An archive of docker 25 and later is an OCI layout with a manifest.json beside it; its OCI side counts, which keeps
the manifests' digests, and manifest.json is asked only for names that index.json does not have.
"""

from __future__ import annotations

import os

from scow.errors import Corrupt, Invalid, NotFound
from scow.oci import graph
from scow.oci.manifest import Manifest
from scow.store.archive.contents import ArchiveImage
from scow.store.archive.docker_archive import DockerArchive, read_manifest
from scow.store.archive.files import DirectoryFiles, TarFiles
from scow.store.archive.legacy import read_repositories
from scow.store.archive.oci_layout import OciLayout
from scow.store.archive.staging import seekable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from scow.oci.digest import Digest
    from scow.store.archive.contents import Archive
    from scow.store.archive.files import Files


def open_archive(source: str | BinaryIO, tmp: str) -> Archive:
    """The archive at a path (a tar, perhaps compressed, or an OCI layout's directory), or in a stream.

    What cannot be read by position is staged as an unnamed file under ``tmp``. Raises NotFound; Invalid if it is no
    image archive; Corrupt, with the reason, if it is a broken or hostile one.
    """
    if isinstance(source, str) and os.path.isdir(source):
        return _interpret(DirectoryFiles(source))
    fd = seekable(source, tmp)
    what = source if isinstance(source, str) else "archive"
    try:
        files = TarFiles(fd, what)
    except BaseException:
        os.close(fd)
        raise
    return _interpret(files)


def _interpret(files: Files) -> Archive:
    try:
        if files.exists("oci-layout") and files.exists("index.json"):
            return _with_names(OciLayout(files))
        if files.exists("manifest.json"):
            return DockerArchive(files, read_manifest(files))
        if files.exists("repositories"):
            return DockerArchive(files, read_repositories(files))
        raise Invalid(f"{files.what} is no image archive", hint="a tar of a root file system is for scow import")
    except NotFound as e:
        files.close()
        raise Corrupt(str(e)) from e
    except BaseException:
        files.close()
        raise


def _with_names(layout: OciLayout) -> OciLayout:
    """Give images that index.json leaves unnamed the names that manifest.json has for their config."""
    files = layout.files
    if all(image.names for image in layout.images) or not files.exists("manifest.json"):
        return layout
    from scow.oci.digest import Digest

    names = {Digest.of(item.config): item.names for item in read_manifest(files)}
    layout.images = tuple([_named(layout, image, names) for image in layout.images])
    return layout


def _named(layout: OciLayout, image: ArchiveImage, names: dict[Digest, tuple[str, ...]]) -> ArchiveImage:
    if image.names:
        return image
    found = graph.document(layout, image.root)
    return ArchiveImage(image.root, names.get(found.config.digest, ()) if isinstance(found, Manifest) else ())
