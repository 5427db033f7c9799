"""What a build step is, as plain data: BuildKit's LLB ops (``solver/pb/ops.proto``), field for field.

An op says nothing about how it is done; runners (``build/runners``) do that. Indices such as ``ExecMount.input``
point into the inputs of the vertex that holds the op; ``NONE`` (-1) means *no input*, that is an empty file tree, or
*no output*. Everything in an op is part of the vertex's digest, so what must not be (names, ``--no-cache``, source
lines) lies in ``graph.Hints``.

Paths are ``str`` with surrogate escapes for bytes that are no UTF-8. Times are nanoseconds since 1970.
"""

from __future__ import annotations

from scow.values import value

NONE = -1
"""No input (an empty tree), or an output that nobody reads."""


@value
class SourceOp:
    """Something from outside: ``docker-image://``, ``local://NAME``, ``git://``, ``https://``, ``oci-layout://``,
    ``scratch://``.

    ``attrs`` are LLB's (``local.includepattern``, ``git.keepgitdir``, ``http.checksum`` ...), sorted by name; see
    ``Attr``.
    """

    identifier: str
    attrs: tuple[tuple[str, str], ...] = ()

    def attr(self, name: str, default: str = "") -> str:
        """The value of one attribute."""
        return dict(self.attrs).get(name, default)


class Attr:
    """Names of ``SourceOp.attrs`` (BuildKit's ``solver/pb/attr.go``)."""

    INCLUDE = "local.includepattern"  # JSON list of patterns
    EXCLUDE = "local.excludepatterns"  # JSON list of patterns (.dockerignore)
    FOLLOW = "local.followpaths"  # JSON list of paths whose symlinks are followed
    SHARED_KEY = "local.sharedkeyhint"
    KEEP_GIT = "git.keepgitdir"  # "true"
    GIT_URL = "git.fullurl"
    GIT_SUBMODULES = "git.skipsubmodules"  # "true" skips them
    GIT_CHECKSUM = "git.checksum"
    CHECKSUM = "http.checksum"
    FILENAME = "http.filename"
    PERM = "http.perm"  # octal
    UID = "http.uid"
    GID = "http.gid"
    RESOLVE_MODE = "image.resolvemode"  # "default" "pull" "local"
    RECORD_TYPE = "image.recordtype"


@value
class User:
    """A user or group: by number, or by name as ``input``'s ``/etc/passwd`` or ``/etc/group`` has it (``input`` NONE:
    root's only).
    """

    name: str = ""
    id: int = 0
    input: int = NONE


@value
class Owner:
    """``--chown``. Without a user it is root; without a group that of the user's entry, or the user's own number."""

    user: User | None = None
    group: User | None = None


# ── exec ────────────────────────────────────────────────────────────────────────────────────────────────────


@value
class CacheOption:
    """``RUN --mount=type=cache``; ``sharing``: shared private locked."""

    id: str
    sharing: str = "shared"


@value
class SecretOption:
    """``RUN --mount=type=secret`` and ``type=ssh``: a file (or socket) that never reaches a layer or a cache key."""

    id: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o400
    optional: bool = True


@value
class SecretEnv:
    """``RUN --mount=type=secret,env=NAME``."""

    id: str
    name: str
    optional: bool = True


@value
class ExecMount:
    """One mount of a RUN. ``dest`` "/" is the root file system; ``kind``: bind cache tmpfs secret ssh.

    ``input``: which input is mounted, NONE for an empty tree. ``selector``: the path inside it. ``output``: which
    output of the vertex the changed tree becomes, NONE if changes are thrown away.
    """

    dest: str
    input: int = NONE
    selector: str = ""
    output: int = NONE
    readonly: bool = False
    kind: str = "bind"
    tmpfs_size: int = 0
    cache: CacheOption | None = None
    secret: SecretOption | None = None
    ssh: SecretOption | None = None


@value
class ProxyEnv:
    """Proxy variables a RUN gets, which are not part of its cache key."""

    http_proxy: str = ""
    https_proxy: str = ""
    ftp_proxy: str = ""
    no_proxy: str = ""
    all_proxy: str = ""


@value
class Meta:
    """The process of an ExecOp. ``user`` is ``name|uid[:group|gid]``, "" is root. ``ulimits``: (name, soft, hard)."""

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    proxy: ProxyEnv | None = None
    extra_hosts: tuple[tuple[str, str], ...] = ()  # (host, address)
    hostname: str = ""
    ulimits: tuple[tuple[str, int, int], ...] = ()
    cgroup_parent: str = ""
    valid_exit_codes: tuple[int, ...] = ()
    stdin: bytes = b""  # unused by Dockerfiles; heredocs of RUN are in args, as in BuildKit


@value
class ExecOp:
    """RUN. ``network``: default none host; ``security``: sandbox insecure."""

    meta: Meta
    mounts: tuple[ExecMount, ...] = (ExecMount("/", 0, output=0),)
    network: str = "default"
    security: str = "sandbox"
    secret_env: tuple[SecretEnv, ...] = ()
    devices: tuple[str, ...] = ()  # CDI names


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────


@value
class Copy:
    """COPY and ADD. ``mode``: "" keeps the source's, else octal (``0755``) or symbolic (``u+x,go=r``) text.

    ``dest`` keeps its trailing slash: with one, or when it is a directory, sources go *into* it. ``contents``: a
    directory's contents are copied, not the directory. ``parents``: ``COPY --parents`` keeps the source path below
    ``dest`` (``/./`` marks where to begin). ``unpack``: extract recognised archives. ``timestamp``: mtime of
    everything created, None keeps the source's.
    """

    src: str
    dest: str
    owner: Owner | None = None
    mode: str = ""
    follow_symlinks: bool = True
    contents: bool = True
    unpack: bool = False
    create_dest: bool = True
    wildcard: bool = True
    allow_empty_wildcard: bool = True
    timestamp: int | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    always_replace: bool = False
    parents: bool = False


@value
class MkFile:
    """A file with ``data`` (heredocs of COPY)."""

    path: str
    data: bytes
    mode: int = 0o644
    owner: Owner | None = None
    timestamp: int | None = None


@value
class MkDir:
    """WORKDIR: a directory, with its parents if ``parents``; one that exists is left as it is."""

    path: str
    mode: int = 0o755
    parents: bool = True
    owner: Owner | None = None
    timestamp: int | None = None


@value
class Rm:
    """Remove a path."""

    path: str
    allow_missing: bool = False
    wildcard: bool = False


@value
class Symlink:
    """``path`` becomes a link whose text is ``target``."""

    target: str
    path: str
    owner: Owner | None = None
    timestamp: int | None = None


@value
class FileAction:
    """One change of a FileOp.

    ``input``: the tree that is changed, ``source``: the tree that is copied from (Copy only). Both are indices of the
    vertex's inputs, or ``len(inputs) + n`` for what action ``n`` of the same op made, or NONE. ``output``: output of
    the vertex, NONE for an intermediate tree.
    """

    action: Copy | MkFile | MkDir | Rm | Symlink
    input: int = 0
    source: int = NONE
    output: int = NONE


@value
class FileOp:
    """COPY, ADD and WORKDIR: actions in order."""

    actions: tuple[FileAction, ...]


# ── layers ──────────────────────────────────────────────────────────────────────────────────────────────────


@value
class MergeOp:
    """All inputs, one on top of the other (``COPY --link``); ``inputs`` are indices, lowest first."""

    inputs: tuple[int, ...]


@value
class DiffOp:
    """The layers by which ``upper`` differs from ``lower``; NONE for either is an empty tree."""

    lower: int = NONE
    upper: int = NONE


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Op: TypeAlias = SourceOp | ExecOp | FileOp | MergeOp | DiffOp
