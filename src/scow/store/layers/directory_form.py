"""The directory form: a layer unpacked under ``fs/``, where EROFS cannot be mounted (rootless, old kernels)."""

from __future__ import annotations

import io
import os

from scow.errors import Corrupt, NotFound
from scow.store.layers.form import TAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from scow.oci.digest import Digest
    from scow.store.layers.form import Draft
    from scow.store.paths import Paths

TREE = "fs"
SPLIT = "layer.split"


class DirectoryForm:
    """Unpacked trees. On disk a layer takes its files and about 1% more for what else its tar held (``split``)."""

    name = "directory"

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def build(self, draft: Draft) -> dict[str, Any]:
        """Unpack, keep the rest of the tar, and give the tar's space back."""
        from scow.store.layers.nodes import walk
        from scow.store.layers.rights import privileged
        from scow.store.layers.split import write_split
        from scow.store.layers.unpack import Unpacker

        walk(draft.root)
        unpacker = Unpacker(draft.tar, full=privileged())
        unpacker.write(draft.root, f"{draft.directory}/{TREE}")
        out = os.open(f"{draft.directory}/{SPLIT}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_split(draft.tar, draft.layer.size, unpacker.gaps, out)
            _syncfs(out)
        finally:
            os.close(out)
        os.unlink(f"{draft.directory}/{TAR}")
        return {"skipped": unpacker.skipped}

    def lower(self, diff_id: Digest) -> str:
        """The unpacked tree."""
        path = f"{self._paths.layer(diff_id)}/{TREE}"
        if not os.path.isdir(path):
            raise NotFound(f"layer {diff_id} is not here")
        return path

    def open(self, directory: str, size: int) -> BinaryIO:
        """The tar, put together again."""
        from scow.store.layers.split import SplitReader

        root = os.open(f"{directory}/{TREE}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            split = os.open(f"{directory}/{SPLIT}", os.O_RDONLY | os.O_CLOEXEC)
        except BaseException:
            os.close(root)
            raise
        reader = SplitReader(split, root)
        if reader.size != size:
            reader.close()
            raise Corrupt(f"{directory}/{SPLIT} is of a tar of other length", hint="run scow system check --repair")
        return io.BufferedReader(reader, 1 << 18)


def _syncfs(fd: int) -> None:
    """Write out the file system at once: cheaper than fsync of every file of a tree."""
    from scow.kernel.syscall import libc, oserror

    if libc.syncfs(fd) != 0:
        oserror("syncfs", f"fd {fd}")
