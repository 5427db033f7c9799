"""The schema of ``scow.db``, as numbered steps: step *n* turns version *n* into *n* + 1 (``PRAGMA user_version``).

A released step is never changed; a new need is a new step at the end. Digests are TEXT (``sha256:...``), times INTEGER
nanoseconds since the epoch, documents JSON text. There are no foreign keys: rooms remove what refers first, and
``scow.store.check`` reports what a half-told story would leave.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

# One summary row per image, so that listing reads no blob; names point at it.
_IMAGES = """
CREATE TABLE images (
    id TEXT PRIMARY KEY,          -- digest of the config, as docker's image id
    manifest TEXT NOT NULL,       -- descriptor of the manifest
    parent TEXT,                  -- id of the image it was committed from
    created INTEGER NOT NULL,
    size INTEGER NOT NULL,        -- of the uncompressed layers
    platform TEXT NOT NULL,       -- os/architecture[/variant]
    labels TEXT NOT NULL,
    diff_ids TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX images_parent ON images (parent) WHERE parent IS NOT NULL;
CREATE TABLE names (
    name TEXT PRIMARY KEY,        -- reference in full
    image TEXT,                   -- id; NULL where the root is no image this machine can run
    root TEXT NOT NULL,           -- descriptor: what the name resolves to, an index or a manifest
    tagged INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX names_image ON names (image);
CREATE TABLE repo_digests (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    image TEXT NOT NULL,
    root TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX repo_digests_image ON repo_digests (image);
"""

_CONTAINERS = """
CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    image TEXT NOT NULL,
    created INTEGER NOT NULL,
    labels TEXT NOT NULL,
    layers TEXT NOT NULL,         -- diff ids of its parent, kept while the container exists
    config TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX containers_image ON containers (image);
CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    driver TEXT NOT NULL,
    created INTEGER NOT NULL,
    labels TEXT NOT NULL,
    config TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE volumes (
    name TEXT PRIMARY KEY,
    driver TEXT NOT NULL,
    created INTEGER NOT NULL,
    labels TEXT NOT NULL,
    config TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    type TEXT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    attributes TEXT NOT NULL
);
CREATE INDEX events_time ON events (time);
"""

_CACHE = """
CREATE TABLE layers (
    diff_id TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE compressed (
    digest TEXT PRIMARY KEY,      -- of the blob as a registry names it
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    diff_id TEXT NOT NULL         -- what it unpacks to
) WITHOUT ROWID;
CREATE INDEX compressed_diff_id ON compressed (diff_id);
CREATE TABLE build_cache (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    description TEXT NOT NULL,
    result TEXT NOT NULL,
    holds TEXT NOT NULL,          -- resources the result needs, see scow.store.leases
    size INTEGER NOT NULL,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    uses INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX build_cache_used ON build_cache (used);
"""

STEPS: tuple[str, ...] = (_IMAGES, _CONTAINERS, _CACHE)


def migrate(db: Connection, version: int, steps: tuple[str, ...] = STEPS) -> None:
    """Bring ``db`` from ``version`` to the newest; the caller holds the write lock and commits."""
    for step in steps[version:]:
        for statement in _statements(step):
            db.execute(statement)  # not executescript, which would commit the caller's transaction
    db.execute(f"PRAGMA user_version = {len(steps)}")


def _statements(script: str) -> list[str]:
    """The statements of a script; ours hold no ``;`` inside literals, comments or triggers."""
    return [s for s in script.split(";\n") if s.strip()]
