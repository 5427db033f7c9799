"""One repository of a registry, as an end of ``scow.oci.copy``: Source and Sink (distribution-spec 1.1)."""

from __future__ import annotations

import io
import threading

from scow.errors import Corrupt, Denied, Error, NotFound
from scow.oci import fields, graph, manifest, media_types
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.verify import take, verified
from scow.registry import failures
from scow.registry.auth import scope
from scow.registry.body import Streamed
from scow.registry.client import Call
from scow.registry.download import Download
from scow.registry.upload import Upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from scow.oci.protocols import Sink, Source
    from scow.registry.body import Body
    from scow.registry.client import Client
    from scow.registry.connection import Answer, Connection

    def _conforms(repository: Repository) -> tuple[Source, Sink]:
        return repository, repository


ACCEPT = ", ".join(media_types.ACCEPT)
_KNOWN = frozenset(media_types.ACCEPT)
BUFFER = 1 << 18
MAX_TAGS = 1_000_000
_PAGE = 1 << 22


class Repository:
    """``name`` is the repository's in its registry, ``shown`` what docker calls it; ``push`` asks for both rights."""

    def __init__(self, client: Client, name: str, shown: str = "", *, push: bool = False) -> None:
        self.client = client
        self.name = name
        self.shown = shown or name
        actions = ("pull", "push") if push else ("pull",)
        self.scopes = frozenset({scope(name, *actions)})
        self._documents: dict[Digest, bytes] = {}
        self._lock = threading.Lock()

    # Source

    def resolve(self, name: str) -> Descriptor:
        """The manifest or index that a tag or digest stands for; by HEAD, which costs no pull at Docker Hub.

        NotFound and Denied in docker's words.
        """
        path = f"{self._path}/manifests/{name}"
        with self._call("HEAD", path, {"Accept": ACCEPT}) as answer:
            found = self._described(answer, name) if answer.status == 200 else None
            # A HEAD's refusal has no body to say why: that is asked for by GET.
            if found is None and answer.status in (429,):
                raise failures.refusal(answer).error()
        return found or self._resolve_whole(path, name)

    def _described(self, answer: Answer, name: str) -> Descriptor | None:
        """The descriptor that the headers make, None if they do not suffice."""
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        said = answer.headers.get("Docker-Content-Digest", "") or (name if ":" in name else "")
        if kind not in _KNOWN or not said or answer.length is None:
            return None
        digest = _digest(said, answer)
        if ":" in name and str(digest) != name:
            raise Corrupt(f"{self.shown}@{name}: the registry has {digest} under this digest")
        return Descriptor(kind, digest, answer.length)

    def _resolve_whole(self, path: str, name: str) -> Descriptor:
        answer = self._call("GET", path, {"Accept": ACCEPT})
        if answer.status != 200:
            raise self._unresolved(answer, name)
        with answer:
            raw = answer.small(fields.MAX_BYTES)
        said = answer.headers.get("Docker-Content-Digest", "") or (name if ":" in name else "")
        digest = _digest(said, answer) if said else Digest.of(raw)
        if Digest.of(raw, digest.algorithm) != digest:
            raise Corrupt(f"{self.shown}: the registry calls {digest} what is {Digest.of(raw, digest.algorithm)}")
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        document = manifest.parse(raw, kind if kind in _KNOWN else "")
        self._remember(digest, raw)
        return Descriptor(document.media_type, digest, len(raw))

    def _unresolved(self, answer: Answer, name: str) -> Error:
        refused = self.client.failed(answer)
        joined = f"{self.shown}@{name}" if ":" in name else f"{self.shown}:{name}"
        if refused.status == 404 and refused.code in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND", ""):
            words = refused.text if refused.code else "manifest unknown: manifest unknown"
            return NotFound(f"manifest for {joined} not found: {words}")
        if refused.status in (401, 403):
            return self._denied(refused)
        return refused.error()

    def _denied(self, refused: failures.Refusal) -> Error:
        text = f"pull access denied for {self.shown}, repository does not exist or may require 'docker login'"
        return refused.error(f"{text}: {refused.text}", f"scow login {self.client.endpoint.registry}")

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes of ``blob``, verified while they are read; resumed when the connection breaks. NotFound, Denied."""
        if graph.is_document(blob):
            return io.BytesIO(self._document(blob))
        if media_types.is_foreign(blob.media_type) and blob.urls:
            from scow.registry.foreign import open_foreign

            return open_foreign(self.client.transport, blob)
        raw = Download(blob, lambda offset: self._ask(blob, offset), self.client.transport)
        return verified(io.BufferedReader(raw, BUFFER), blob)

    def _ask(self, blob: Descriptor, offset: int) -> Answer:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        answer = self._call("GET", f"{self._path}/blobs/{blob.digest}", headers)
        if answer.status == 200 or (offset and answer.status == 206):
            return answer
        refused = self.client.failed(answer)
        if refused.status in (401, 403):
            raise self._denied(refused)
        raise refused.error(f"{blob.digest}: {refused.text}")

    def _document(self, blob: Descriptor) -> bytes:
        with self._lock:
            kept = self._documents.get(blob.digest)
        if kept is not None:
            return take(io.BytesIO(kept), blob)
        if blob.size > fields.MAX_BYTES:
            raise Corrupt(f"{blob.digest}: {blob.size} bytes are more than the limit of {fields.MAX_BYTES}")
        answer = self._call("GET", f"{self._path}/manifests/{blob.digest}", {"Accept": f"{blob.media_type}, {ACCEPT}"})
        if answer.status != 200:
            raise self._unresolved(answer, str(blob.digest))
        with answer:
            return take(io.BytesIO(answer.small(blob.size)), blob)

    # Sink

    def has(self, blob: Descriptor) -> bool:
        """Whether the repository has ``blob``, with its size."""
        kind = "manifests" if graph.is_document(blob) else "blobs"
        headers = {"Accept": blob.media_type} if kind == "manifests" else {}
        with self._call("HEAD", f"{self._path}/{kind}/{blob.digest}", headers) as answer:
            if answer.status == 200:
                return answer.length in (None, blob.size)
            if answer.status == 404:
                return False
            raise self.client.failed(answer).error()

    def put(self, blob: Descriptor, content: BinaryIO) -> None:
        """Upload ``content``; Corrupt, and nothing of that name there, unless it is exactly ``blob``."""
        if graph.is_document(blob):
            self.put_document(take(content, blob), blob.media_type, str(blob.digest))
        else:
            self.upload(Streamed(content, blob))

    def tag(self, name: str, root: Descriptor) -> None:
        """Let the tag ``name`` stand for ``root``, which is there already."""
        self.put_document(self._document(root), root.media_type, name)

    def upload(self, body: Body) -> Digest:
        """Upload something whose digest shows at the end."""
        return Upload(self.client, self.name, self.scopes).run(body)

    def mount(self, digest: Digest, other: str) -> bool:
        """Have a blob of the repository ``other``, of the same registry, here too; whether that went."""
        return Upload(self.client, self.name, self.scopes).mount(digest, other, frozenset({scope(other, "pull")}))

    def put_document(self, raw: bytes, media_type: str, reference: str) -> Digest:
        """Store a manifest or index under a tag or its digest. Invalid if the registry lacks what it points to."""

        def body(connection: Connection) -> None:
            connection.write(raw)

        digest = Digest.of(raw, reference.partition(":")[0] if ":" in reference else "sha256")
        headers = {"Content-Type": media_type, "Content-Length": str(len(raw))}
        call = Call("PUT", f"{self._path}/manifests/{reference}", self.name, self.scopes, headers, body)
        with self.client.expect(call, 201, 202, 200) as answer:
            said = answer.headers.get("Docker-Content-Digest", "")
            if said and _digest(said, answer).algorithm == digest.algorithm and said != str(digest):
                raise Corrupt(f"{answer.shown}: the registry calls {said[:140]} what is {digest}")
        self._remember(digest, raw)
        return digest

    # Tags

    def tags(self) -> Iterator[str]:
        """All tags, page by page, in the registry's order. NotFound, Denied."""
        path: str | None = f"{self._path}/tags/list?n=1000"
        seen: set[str] = set()
        pages: set[str] = set()
        while path and path not in pages:
            pages.add(path)
            answer = self._call("GET", path)
            if answer.status != 200:
                raise self._no_tags(answer)
            with answer:
                doc = fields.loads(answer.small(_PAGE), f"{self.shown}: list of tags")
            for tag in fields.texts(doc, "tags", "list"):
                if tag not in seen:
                    seen.add(tag)
                    yield tag
            if len(seen) > MAX_TAGS:
                raise Corrupt(f"{self.shown}: more than {MAX_TAGS} tags")
            path = _next(answer)

    def _no_tags(self, answer: Answer) -> Error:
        refused = self.client.failed(answer)
        if refused.status in (401, 403):
            return self._denied(refused)
        if refused.status == 404:
            return NotFound(f"repository {self.shown} not found: {refused.text}")
        return refused.error()

    @property
    def _path(self) -> str:
        return f"/v2/{self.name}"

    def _call(self, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
        try:
            return self.client.call(Call(method, path, self.name, self.scopes, headers or {}))
        except Denied as e:
            if str(e).startswith("unauthorized") and len(self.scopes) == 1 and "push" not in next(iter(self.scopes)):
                text = f"pull access denied for {self.shown}, repository does not exist or may require 'docker login'"
                raise Denied(f"{text}: {e}", e.hint) from None
            raise

    def _remember(self, digest: Digest, raw: bytes) -> None:
        with self._lock:
            if len(self._documents) < 64:
                self._documents[digest] = raw


def _digest(text: str, answer: Answer) -> Digest:
    try:
        return Digest.parse(text)
    except Error as e:
        raise Corrupt(f"{answer.shown}: Docker-Content-Digest: {e}") from None


def _next(answer: Answer) -> str | None:
    """The path of the next page (``Link: </v2/...>; rel="next"``, RFC 5988), None at the last."""
    for part in answer.headers.get("Link", "").split(","):
        place, _, rest = part.strip().partition(">")
        if place.startswith("<") and 'rel="next"' in rest.replace("'", '"').replace("rel=next", 'rel="next"'):
            return place[1:]
    return None
