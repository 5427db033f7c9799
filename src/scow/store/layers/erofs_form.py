"""The EROFS form: ``layer.tar`` as it came, ``layer.erofs`` beside it, mounted once per boot under RUN/layers."""

from __future__ import annotations

import errno
import json
import os

from scow.errors import Corrupt, NotFound, Unavailable
from scow.kernel.mount import Mount, mount_at
from scow.store.layers.form import META, TAR
from scow.store.layers.points import is_mount, mounting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from scow.oci.digest import Digest
    from scow.store.layers.form import Draft
    from scow.store.layers.nodes import Node
    from scow.store.paths import Paths

INDEX = "layer.erofs"
DIRECT_IO_MEAN = 1 << 20
"""Mean size of a layer's files from which on the tar is read directly, and not cached a second time.

Measured (20,000 files of 5 KB; 512 MB in one): direct reading of small files is 3 times slower cold and 5 times slower
when the tar was just written, because each file is its own request; a large file is read 1.6 times faster cold.
"""
_OPTIONS = ("ro", "nosuid", "nodev")


class ErofsForm:
    """``how`` is what the probe found: "file" (Linux 6.12), "loop", each perhaps with ``direct``."""

    name = "erofs"

    def __init__(self, paths: Paths, *, how: str = "file", direct: bool = True) -> None:
        self._paths = paths
        self._how = how
        self._direct = direct

    def build(self, draft: Draft) -> dict[str, Any]:
        """Write the index."""
        from scow.store.erofs.writer import Source, write_index
        from scow.store.layers.nodes import inodes, walk

        directories = walk(draft.root)
        nodes = list(inodes(directories))
        out = os.open(f"{draft.directory}/{INDEX}", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            size = write_index(
                directories, nodes, Source(draft.tar, draft.layer.size, draft.layer.diff_id.hex.encode()), out
            )
            os.fdatasync(out)
            os.fdatasync(draft.tar)
        finally:
            os.close(out)
        return {"index": size, "mean": _mean(nodes)}

    def lower(self, diff_id: Digest) -> str:
        """The layer's mount point. A mount that is there already, by whichever process, is used."""
        point = self._paths.layer_mount(diff_id)
        if not is_mount(point):
            with mounting(self._paths):
                if not is_mount(point):
                    self._mount(self._paths.layer(diff_id), point)
        return point

    def open(self, directory: str, size: int) -> BinaryIO:
        """The tar itself."""
        file = open(f"{directory}/{TAR}", "rb")
        if os.fstat(file.fileno()).st_size != size:
            file.close()
            raise Unavailable(f"{directory}/{TAR} is not {size} bytes long", hint="run scow system check --repair")
        return file

    def _mount(self, directory: str, point: str) -> None:
        """Mount, holding the lock. The mount point's directory may be left from a call that was killed."""
        try:
            with open(f"{directory}/{META}", encoding="utf-8") as f:
                mean = json.load(f).get("mean", 0)
        except FileNotFoundError:
            raise NotFound(f"layer {os.path.basename(directory)} is not here") from None
        try:
            os.mkdir(point, 0o700)
        except FileExistsError:
            pass
        direct = self._direct and mean >= DIRECT_IO_MEAN
        try:
            mount_pair(f"{directory}/{INDEX}", f"{directory}/{TAR}", point, self._how, direct=direct)
        except OSError as e:
            if e.errno not in (errno.EINVAL, errno.EUCLEAN, errno.EIO, errno.ENOENT):
                raise
            why = f"layer {os.path.basename(directory)} cannot be mounted, its index may be damaged: {e.strerror}"
            raise Corrupt(why, hint="scow system check --repair") from e


def mount_pair(index: str, tar: str, point: str, how: str, *, direct: bool) -> None:
    """Mount an index and its tar; ``how`` is "file" or "loop"."""
    from scow.store.layers import loop

    words = ("directio",) if direct else ()
    if how == "file":
        mount_at(Mount("erofs", index, "", (*_OPTIONS, f"device={tar}", *words)), point)
        return
    with loop.attached(index, direct=False) as first, loop.attached(tar, direct=direct) as second:
        mount_at(Mount("erofs", first, "", (*_OPTIONS, f"device={second}")), point)


def _mean(nodes: list[Node]) -> int:
    """Mean size of the files that have any."""
    sizes = [node.size for node in nodes if node.size and node.mode >> 12 == 0o10]
    return sum(sizes) // len(sizes) if sizes else 0
