"""What the tests of layers share: stores of both forms, archives, and a directory tree as a comparable value."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.peers import peers_up

from scow.kernel.mount import MNT_DETACH, mount_at, umount
from scow.kernel.mountinfo import mounts
from scow.store.layers.erofs_form import ErofsForm
from scow.store.paths import Paths, create
from scow.store.snapshots import Snapshotter
from scow.wire.tar import Entry, Writer

FORMS = ("erofs", "directory")
ROOT = os.geteuid() == 0
NEEDS_ROOT = "mounts: needs root"

Member = tuple[Entry, bytes | None]


def file(name: str | bytes, data: bytes = b"", **fields: Any) -> Member:
    return Entry(raw(name), "file", size=len(data), **fields), data


def directory(name: str | bytes, mode: int = 0o755, **fields: Any) -> Member:
    return Entry(raw(name), "dir", mode, **fields), None


def link(name: str | bytes, target: str | bytes, kind: str = "symlink", **fields: Any) -> Member:
    return Entry(raw(name), kind, linkname=raw(target), **fields), None


def node(name: str | bytes, kind: str, major: int = 0, minor: int = 0, **fields: Any) -> Member:
    return Entry(raw(name), kind, major=major, minor=minor, **fields), None


def raw(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name


def archive(*members: Member, sparse: bool = True) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, sparse=sparse)
    for entry, data in members:
        writer.add(entry, data)
    writer.close()
    return out.getvalue()


def text(path: str) -> str:
    with open(path) as f:
        return f.read()


def touch(path: str) -> None:
    with open(path, "w"):
        pass


@contextmanager
def store(path: Any, form: str | None) -> Iterator[Snapshotter]:
    """A Snapshotter under ``path`` whose mounts are gone afterwards; "erofs-loop" is how older kernels have it."""
    paths = Paths(f"{path}/root", f"{path}/run")
    create(paths)
    try:
        snapshotter = Snapshotter(paths, form.partition("-")[0] if form else None)
        if form == "erofs-loop":
            snapshotter.layers._forms["erofs"] = ErofsForm(paths, how="loop", direct=False)
        yield snapshotter
    finally:
        clean(str(path))


def clean(path: str) -> None:
    """Unmount all below ``path``."""
    for m in reversed(mounts()):
        if m.point.startswith(path.rstrip("/") + "/"):
            umount(m.point, MNT_DETACH)


@contextmanager
def mounted(snapshotter: Snapshotter, parent: Any, point: Any) -> Iterator[str]:
    """``parent`` read-only at ``point``."""
    with shown(snapshotter.view(tuple(parent)), point) as at:
        yield at


@contextmanager
def shown(wanted: Any, point: Any) -> Iterator[str]:
    """Mounts of a snapshot at ``point``."""
    os.makedirs(point, exist_ok=True)
    for m in wanted:
        mount_at(m, str(point))
    try:
        yield str(point)
    finally:
        umount(str(point))


def ingest(snapshotter: Snapshotter, *members: Member) -> Any:
    return snapshotter.ingest(io.BytesIO(archive(*members))).diff_id


def tree(top: str, *, marks: bool = False, times: bool = True) -> dict[str, tuple[Any, ...]]:
    """Everything below ``top`` by relative path: kind, mode, owner, mtime, content, attributes, and which names are
    one file. Directory sizes and link counts of directories differ between file systems and are left out.
    """
    found: dict[str, tuple[Any, ...]] = {}
    groups: dict[tuple[int, int], str] = {}
    for folder, names, files in os.walk(os.fsencode(top)):
        for name in sorted(names + files):
            path = os.path.join(folder, name)
            shown = os.fsdecode(os.path.relpath(path, os.fsencode(top)))
            found[shown] = describe(path, groups, shown, marks=marks, times=times)
        names.sort()
        names[:] = [n for n in names if not os.path.islink(os.path.join(folder, n))]
    return found


def describe(path: bytes, groups: dict[tuple[int, int], str], shown: str, *, marks: bool, times: bool) -> Any:
    s = os.lstat(path)
    if stat.S_ISREG(s.st_mode):
        with open(path, "rb") as f:
            content: Any = (s.st_size, hashlib.file_digest(f, "sha256").hexdigest())
    elif stat.S_ISLNK(s.st_mode):
        content = os.fsdecode(os.readlink(path))
    else:
        content = s.st_rdev if stat.S_ISCHR(s.st_mode) or stat.S_ISBLK(s.st_mode) else None
    attributes = {
        name: os.getxattr(path, name, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False)
        if marks or ".overlay." not in name
    }
    same = groups.setdefault((s.st_dev, s.st_ino), shown) if not stat.S_ISDIR(s.st_mode) else shown
    links = s.st_nlink if not stat.S_ISDIR(s.st_mode) else 0
    return s.st_mode, s.st_uid, s.st_gid, s.st_mtime_ns if times else 0, content, attributes, same, links


def peers_tool(*command: str) -> subprocess.CompletedProcess[str] | None:
    """Run a program of the newer Debian tree (erofs-utils 1.9); None if there is none."""
    if not peers_up():
        return None
    done = subprocess.run(["/opt/peers/bin/inpeers", *command], capture_output=True, text=True, timeout=60)
    return None if done.returncode == 127 else done
