"""Where things lie on disk: the one module that knows the tree of ``docs/design/contracts.md``.

ROOT outlives a reboot, RUN need not. Both are 0700: images contain set-user-id programs of anybody's making, and a
directory others may traverse hands those programs to every local user (docker's CVE-2021-41091, containerd's
CVE-2021-41103). Containers with mapped ids do not need to traverse ROOT: their mounts are made before the ids change.
"""

from __future__ import annotations

import errno
import os

from scow.errors import Denied, Invalid, Unavailable, Unsupported
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scow.oci.digest import Digest

_DIRECTORIES = tuple(
    "blobs blobs/sha256 layers snapshots containers cache cache/mounts cache/digests tmp leases locks".split()
)
_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@+="
_LONGEST = 200
_RUN_DIRECTORIES = ("layers", "containers", "net")
_NO_XATTRS = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
_PROBE_XATTR = "user.scow.probe"


@value
class Paths:
    """The tree under ``root`` (persistent) and ``run`` (this boot); both absolute."""

    root: str
    run: str

    @property
    def database(self) -> str:
        """SQLite file of ``scow.store.state``."""
        return f"{self.root}/scow.db"

    @property
    def blobs(self) -> str:
        """Content by digest: ``<algorithm>/<hex>``."""
        return f"{self.root}/blobs"

    def blob(self, digest: Digest) -> str:
        """The file of one blob."""
        return f"{self.root}/blobs/{digest.algorithm}/{digest.hex}"

    @property
    def layers(self) -> str:
        """Uncompressed layers by diff id."""
        return f"{self.root}/layers"

    def layer(self, diff_id: Digest) -> str:
        """The directory of one layer; it exists as a layer once :meth:`layer_meta` does."""
        return f"{self.root}/layers/{diff_id.hex}"

    def layer_meta(self, diff_id: Digest) -> str:
        """The file that is written last and makes the layer exist."""
        return f"{self.root}/layers/{diff_id.hex}/meta.json"

    def layer_mount(self, diff_id: Digest) -> str:
        """Where the layer is mounted, once per boot."""
        return f"{self.run}/layers/{diff_id.hex}"

    @property
    def snapshots(self) -> str:
        """Prepared snapshots by key."""
        return f"{self.root}/snapshots"

    def snapshot(self, key: str) -> str:
        """The directory (``upper/``, ``work/``) of one prepared snapshot."""
        return f"{self.root}/snapshots/{component(key)}"

    @property
    def containers(self) -> str:
        """Persistent directories of containers by id."""
        return f"{self.root}/containers"

    def container(self, container: str) -> str:
        """One container's spec, log and generated files."""
        return f"{self.root}/containers/{component(container)}"

    def container_run(self, container: str) -> str:
        """One container's state, socket and lock, gone at reboot."""
        return f"{self.run}/containers/{component(container)}"

    @property
    def cache(self) -> str:
        """Bodies of the build cache."""
        return f"{self.root}/cache"

    def cache_mount(self, mount: str) -> str:
        """The directory behind one ``RUN --mount=type=cache`` id, which is the user's text."""
        return f"{self.root}/cache/mounts/{escaped(mount)}"

    def file_digests(self, context: str) -> str:
        """The file of remembered file digests of one build context."""
        return f"{self.root}/cache/digests/{escaped(context)}"

    @property
    def tmp(self) -> str:
        """Staging; what no lock holds is garbage."""
        return f"{self.root}/tmp"  # noqa: S108

    def ingest(self, key: str) -> str:
        """The unfinished blob that :meth:`scow.store.blobs.Blobs.writer` continues by key."""
        return f"{self.tmp}/ingest-{escaped(key)}"

    @property
    def leases(self) -> str:
        """One locked file per live lease."""
        return f"{self.root}/leases"

    def lock(self, kind: str, name: str) -> str:
        """The lock file of one named thing, for example ``("container", id)``."""
        return f"{self.root}/locks/{component(kind)}-{escaped(name)}"

    @property
    def gc_lock(self) -> str:
        """Shared by whoever takes or extends a lease, exclusive to garbage collection."""
        return f"{self.root}/locks/gc"

    def network(self, name: str) -> str:
        """One file per address that a network has given out."""
        return f"{self.run}/net/{component(name)}"


def component(name: str) -> str:
    """``name`` if it is safe as one path component, else :class:`Invalid`."""
    if not name or name in (".", "..") or "/" in name or "\0" in name or len(os.fsencode(name)) > 255:
        raise Invalid(f"{name!r} cannot be used as a file name")
    return name


def escaped(text: str) -> str:
    """One safe path component for arbitrary text: itself where possible, percent-escaped, or hashed when too long."""
    if text and not text.strip(_SAFE) and text[0] != ".":
        name = text
    else:
        raw = os.fsencode(text)
        name = "%" + "".join([chr(b) if chr(b) in _SAFE else f"%{b:02x}" for b in raw])
    if len(name) <= _LONGEST:
        return name
    from scow.oci.digest import Digest

    return f"%sha256-{Digest.of(os.fsencode(text)).hex}"


def default_paths(environ: Mapping[str, str], uid: int, root: str | None = None) -> Paths:
    """The tree of a user: ``root`` (``--root``), else ``SCOW_ROOT``, else the system's or the user's own place.

    Without ``XDG_RUNTIME_DIR`` a user's RUN lies under ROOT: a predictable name in ``/tmp`` could be somebody else's.
    """
    chosen = root or environ.get("SCOW_ROOT")
    if chosen:
        top = os.path.abspath(chosen)
        return Paths(top, f"{top}/run")
    if uid == 0:
        return Paths("/var/lib/scow", "/run/scow")
    data = environ.get("XDG_DATA_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".local/share")
    if not os.path.isabs(data):
        raise Invalid(f"XDG_DATA_HOME is not an absolute path: {data}", hint="unset it or name a directory by --root")
    runtime = environ.get("XDG_RUNTIME_DIR")
    top = os.path.join(data, "scow")
    return Paths(top, os.path.join(runtime, "scow") if runtime and os.path.isabs(runtime) else f"{top}/run")


@value
class FileSystem:
    """What ROOT's file system can do; ``scow info`` shows it."""

    type: str
    xattrs: bool
    overlay_upper: bool
    """False: overlay cannot keep a writable directory here (it is itself an overlay, or lacks attributes)."""


def create(paths: Paths) -> None:
    """Make the tree if it is not there. Idempotent, safe against another process doing it too.

    Raises Denied (no permission, read-only) or Unsupported (the file system has no extended attributes), with a hint.
    """
    for top, names in ((paths.root, _DIRECTORIES), (paths.run, _RUN_DIRECTORIES)):
        _top(top)
        for name in names:
            _mkdir(f"{top}/{name}")
    found = probe(paths.root)
    if not found.xattrs:
        raise Unsupported(
            f"{paths.root} is on {found.type}, which keeps no extended attributes, so no layer can be kept there",
            hint="choose a directory on ext4, xfs, btrfs or tmpfs with --root",
        )


def create_run(paths: Paths) -> None:
    """Make the part of the tree that a reboot removes."""
    _top(paths.run)
    for name in _RUN_DIRECTORIES:
        _mkdir(f"{paths.run}/{name}")


def _mkdir(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass


def _top(path: str) -> None:
    """Make one of the two top directories and refuse one that belongs to somebody else."""
    hint = "run as the owner, or choose another place with --root"
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        status = os.stat(path)
    except (FileExistsError, NotADirectoryError) as e:
        raise Invalid(f"{e.filename or path} is not a directory", hint=hint) from e
    except PermissionError as e:
        raise Denied(f"cannot create {path}: {e.strerror}", hint=hint) from e
    except OSError as e:
        if e.errno == errno.EROFS:
            raise Denied(f"cannot create {path}: {e.strerror}", hint="choose a writable place with --root") from e
        raise Unavailable(f"cannot create {path}: {e.strerror}") from e
    if status.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise Denied(f"{path} belongs to uid {status.st_uid}", hint=hint)


def probe(directory: str) -> FileSystem:
    """Find out by trying what the file system under ``directory`` can hold (one temporary file, removed again)."""
    kind = _type_of(directory)
    path = f"{directory}/.probe-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as e:
        raise Denied(f"cannot write in {directory}: {e.strerror}", hint="choose a writable place with --root") from e
    try:
        os.setxattr(path, _PROBE_XATTR, b"1")
        xattrs = True
    except OSError as e:
        if e.errno not in _NO_XATTRS:
            raise Unavailable(f"setxattr {path}: {e.strerror}") from e
        xattrs = False
    finally:
        os.unlink(path)
    return FileSystem(kind, xattrs, xattrs and kind not in ("overlay", "nfs", "nfs4", "vfat", "9p", "fuse"))


def require_upper(directory: str) -> None:
    """Raise Unsupported, naming the remedy, unless overlay can keep writable directories under ``directory``."""
    found = probe(directory)
    if not found.overlay_upper:
        raise Unsupported(
            f"{directory} is on {found.type}, where overlay cannot keep a container's writable layer",
            hint="mount a volume (or tmpfs) on it, or choose a directory on ext4, xfs, btrfs or tmpfs with --root",
        )


def _type_of(directory: str) -> str:
    """The file system type, as mountinfo calls it, of the mount that holds ``directory``."""
    from scow.kernel.mountinfo import mounts

    real = os.path.realpath(directory)
    device = os.stat(real).st_dev
    holding = [m for m in mounts() if real == m.point or real.startswith(m.point.rstrip("/") + "/")]
    same = [m for m in holding if os.makedev(*m.device) == device]  # btrfs gives files another device than the mount's
    return max(enumerate(same or holding), key=lambda m: (len(m[1].point), m[0]))[1].type if holding else "unknown"
