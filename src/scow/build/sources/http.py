"""``http://`` and ``https://``: one file of the web, as a layer with that file.

Without a checksum the server is asked in every build; with the validators (ETag, Last-Modified) of the file we have it
mostly says *not modified*. The file's time is the server's Last-Modified, its mode 0600 unless the op says otherwise.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading

from scow import errors
from scow.build.cache import Record
from scow.build.keys import CacheMap
from scow.build.ops import Attr
from scow.build.results import Stack
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from scow.build.cache import Records
    from scow.build.graph import Vertex
    from scow.build.jobs import Job
    from scow.build.ops import SourceOp
    from scow.build.results import Result
    from scow.build.world import World
    from scow.oci.digest import Digest

TIMEOUT = 60
PIECE = 1 << 20


@value
class Download:
    """A file that was fetched: its layer, the digest of its bytes, and what the server said of it."""

    layer: Digest
    digest: str
    etag: str = ""
    modified: str = ""


class HttpRunner:
    """Runs http sources; ``records`` remembers downloads between builds."""

    def __init__(self, world: World, records: Records) -> None:
        self._world = world
        self._records = records
        self._done: dict[str, Download] = {}
        self._lock = threading.Lock()

    def cache_map(self, vertex: Vertex, job: Job) -> CacheMap:
        """With a checksum that alone; else the bytes as the server has them now."""
        op: SourceOp = vertex.op  # type: ignore[assignment]
        form = {n: op.attr(n) for n in (Attr.FILENAME, Attr.PERM, Attr.UID, Attr.GID)}
        checksum = op.attr(Attr.CHECKSUM)
        if checksum:
            return CacheMap({"http": checksum, "form": form, "url": op.identifier}, ())
        got = self._get(op, job)
        return CacheMap({"http": got.digest, "form": form, "modified": got.modified}, ())

    def run(self, vertex: Vertex, inputs: Sequence[Result], job: Job) -> Sequence[Result]:  # noqa: ARG002
        """The layer with the file."""
        op: SourceOp = vertex.op  # type: ignore[assignment]
        got = self._get(op, job)
        wanted = op.attr(Attr.CHECKSUM)
        if wanted and got.digest != wanted:
            raise errors.Corrupt(f"digest mismatch {got.digest}: {wanted} ({op.identifier})")
        return [Stack((got.layer,))]

    def _get(self, op: SourceOp, job: Job) -> Download:
        key = "http:" + hashlib.sha256(repr(op).encode("utf-8", "surrogateescape")).hexdigest()
        with self._lock:
            done = self._done.get(key)
        if done is None:
            done = self._fetch(op, self._known(key), job)
            self._records.save(Record(key, key, ((done.layer,),), _described(done), op.identifier))
            with self._lock:
                self._done[key] = done
        return done

    def _known(self, key: str) -> Download | None:
        record = self._records.find(key)
        if record is None or not record.outputs:
            return None
        (stack,) = record.outputs
        self._world.keep(*stack)
        if self._world.layers.layers.find(stack[0]) is None:
            return None
        return Download(stack[0], **json.loads(record.preimage))

    def _fetch(self, op: SourceOp, known: Download | None, job: Job) -> Download:
        response = request(op.identifier, known)
        if response is None:
            assert known is not None
            return known
        with response:
            spooled = os.open(self._world.store.paths.tmp, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                digest = _spool(response, spooled, op.identifier, job)
                return self._layer(op, response.headers, spooled, digest)
            finally:
                os.close(spooled)

    def _layer(self, op: SourceOp, headers: Any, spooled: int, digest: str) -> Download:
        from email.utils import parsedate_to_datetime

        from scow.wire.tar import Entry, Writer

        modified = headers.get("Last-Modified") or ""
        try:
            mtime = int(parsedate_to_datetime(modified).timestamp()) * 10**9 if modified else 0
        except (ValueError, OverflowError):
            mtime = 0
        name = (op.attr(Attr.FILENAME) or "download").encode("utf-8", "surrogateescape")
        if b"/" in name or name in (b"", b".", b"..") or name.startswith(b".wh."):
            raise errors.Invalid(f"{op.identifier}: invalid filename {name.decode('utf-8', 'replace')!r}")
        mode = int(op.attr(Attr.PERM) or "600", 8)
        uid, gid = int(op.attr(Attr.UID) or 0), int(op.attr(Attr.GID) or 0)
        size = os.lseek(spooled, 0, os.SEEK_END)
        os.lseek(spooled, 0, os.SEEK_SET)
        with self._world.layers.writer() as out:
            writer = Writer(out)
            writer.add(Entry(name, "file", mode, uid, gid, size, mtime), spooled)
            writer.close()
            layer = out.finish()
        self._world.keep(layer.diff_id)
        return Download(layer.diff_id, digest, headers.get("ETag") or "", modified)


def _described(got: Download) -> bytes:
    return json.dumps({"digest": got.digest, "etag": got.etag, "modified": got.modified}).encode()


def request(url: str, known: Download | None = None) -> Any:
    """A response to GET; None if the server says that ``known`` is what it has. Errors name the address."""
    import urllib.error
    import urllib.request

    asked = urllib.request.Request(url, headers={"User-Agent": "scow"})  # noqa: S310 - the opener knows http and https only
    if known is not None and known.etag:
        asked.add_header("If-None-Match", known.etag)
    if known is not None and known.modified:
        asked.add_header("If-Modified-Since", known.modified)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    try:
        return opener.open(asked, timeout=TIMEOUT)
    except urllib.error.HTTPError as e:
        e.close()
        if e.code == 304 and known is not None:
            return None
        kind = errors.NotFound if e.code == 404 else errors.Unavailable if e.code >= 500 else errors.Denied
        raise kind(f"invalid response status {e.code} from {url}") from None
    except (urllib.error.URLError, OSError) as e:
        raise errors.Unavailable(f"GET {url}: {getattr(e, 'reason', e)}") from None


def _spool(response: Any, fd: int, url: str, job: Job) -> str:
    running = hashlib.sha256()
    total = int(response.headers.get("Content-Length") or 0)
    done = 0
    while piece := response.read(PIECE):
        job.cancel.check()
        running.update(piece)
        os.write(fd, piece)
        done += len(piece)
        job.status(f"GET {url}", done, total)
    if total and done != total:
        raise errors.Unavailable(f"GET {url}: {done} of {total} bytes")
    return f"sha256:{running.hexdigest()}"
