"""A blob on its way to a registry (distribution-spec, "Pushing blobs").

POST opens a session, one PATCH streams the whole blob, PUT names its digest: what docker does, so every registry takes
it, and the digest need not be known before the last byte. Small blobs go in one PUT. After a broken connection the
session is asked how far it came and goes on there; where it is gone, another one begins.
"""

from __future__ import annotations

import io
import re

from scow.errors import Corrupt, Error, NotFound, Unavailable
from scow.registry.client import Call
from scow.registry.connection import Connection, Lost, NoHttp
from scow.registry.failures import AGAIN
from scow.registry.retry import Patience, retry_after
from scow.registry.transport import locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.oci.digest import Digest
    from scow.registry.body import Body, Write
    from scow.registry.client import Client
    from scow.registry.connection import Answer

MONOLITHIC = 1 << 16
"""Blobs up to this size are sent in one request."""


class Upload:
    """Uploads to one repository. ``scopes``: what its requests need."""

    def __init__(self, client: Client, repository: str, scopes: frozenset[str]) -> None:
        self._client = client
        self._repository = repository
        self._scopes = scopes

    def mount(self, digest: Digest, other: str, scopes: frozenset[str]) -> bool:
        """Let the registry take a blob over from another repository of its own; whether it did."""
        from urllib.parse import quote

        path = f"{self._begin}?mount={digest}&from={quote(other, safe='')}"
        try:
            with self._client.call(self._call("POST", path, scopes=self._scopes | scopes)) as answer:
                if answer.status == 202:
                    self._cancel(self._location(answer))
                return answer.status == 201
        except Error:
            return False  # then it is uploaded; what is really wrong shows there

    def run(self, body: Body) -> Digest:
        """Upload ``body``; its digest. Errors: the registry's refusals, Lost after all tries."""
        patience = Patience(self._client.transport)
        while True:
            try:
                if body.size is not None and body.size <= MONOLITHIC:
                    return self._whole(body)
                return self._streamed(body, patience)
            except _Gone as e:
                if not patience.again():
                    raise Unavailable(str(e)) from None

    @property
    def _begin(self) -> str:
        return f"/v2/{self._repository}/blobs/uploads/"

    def _open(self) -> str:
        headers = {"Content-Length": "0"}
        return self._location(self._client.expect(self._call("POST", self._begin, headers=headers), 202))

    def _location(self, answer: Answer) -> str:
        with answer:
            place = answer.headers.get("Location", "")
            if not place:
                raise Corrupt(f"{answer.shown}: the registry opened an upload but did not say where")
            target, path = locate(place, answer.connection.target)
            return f"{target}{path}"

    def _call(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        scopes: frozenset[str] = frozenset(),
        body: Callable[[Connection], None] | None = None,
    ) -> Call:
        return Call(
            method, path, self._repository, scopes or self._scopes, headers or {}, body, repeat=method != "PATCH"
        )

    def _whole(self, body: Body) -> Digest:
        """One PUT with all of it."""
        out = io.BytesIO()
        body.send(lambda data: (out.write(data), None)[1], 0)
        data, digest = out.getvalue(), body.digest()
        headers = {"Content-Length": str(len(data)), "Content-Type": "application/octet-stream"}
        return self._named(self._open(), digest, headers, lambda connection: connection.write(data))

    def _streamed(self, body: Body, patience: Patience) -> Digest:
        location, offset = self._open(), 0
        while True:
            try:
                location = self._patch(location, body, offset)
                break
            except Lost as e:
                if isinstance(e, NoHttp) or not patience.again():
                    raise
            except _Later as e:
                if not patience.again(e.after):
                    raise e.error from None
            location, reached = self._reached(location) or (self._open(), 0)
            if reached > offset:
                patience.progress()
            offset = reached
        return self._named(location, body.digest(), {"Content-Length": "0"}, None)

    def _patch(self, location: str, body: Body, offset: int) -> str:
        headers = {"Content-Type": "application/octet-stream"}
        if offset and body.size is not None:
            headers["Content-Range"] = f"{offset}-{body.size - 1}"
        if body.size is not None:
            headers["Content-Length"] = str(body.size - offset)

            def send(connection: Connection) -> None:
                body.send(connection.write, offset)
        else:
            headers["Transfer-Encoding"] = "chunked"

            def send(connection: Connection) -> None:
                body.send(_chunked(connection), offset)
                connection.write(b"0\r\n\r\n")

        answer = self._client.call(self._call("PATCH", location, headers=headers, body=send))
        if answer.status in (202, 201, 204):
            return self._location(answer)
        after = retry_after(answer.headers)
        refused = self._client.failed(answer)
        if refused.status in AGAIN:
            raise _Later(refused.error(), after)
        if refused.status in (404, 416) or refused.code == "BLOB_UPLOAD_INVALID":
            raise _Gone(f"{refused.shown}: {refused.text}")
        raise refused.error()

    def _reached(self, location: str) -> tuple[str, int] | None:
        """Where the session goes on, and at which offset; None if it was given up."""
        with self._client.call(self._call("GET", location)) as answer:
            if answer.status not in (204, 202, 200):
                return None
            match = re.fullmatch(r"(?:bytes=)?0-(\d{1,19})", answer.headers.get("Range", "").strip())
            # "0-0" is what registries say of one byte and of none: sending that byte again must be possible.
            offset = int(match[1]) + 1 if match and match[1] != "0" else 0
            place = answer.headers.get("Location", "")
            if place:
                target, path = locate(place, answer.connection.target)
                location = f"{target}{path}"
            return location, offset

    def _named(
        self, location: str, digest: Digest, headers: dict[str, str], body: Callable[[Connection], None] | None
    ) -> Digest:
        """End the session: the blob gets its name."""
        path = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        answer = self._client.call(self._call("PUT", path, headers=headers, body=body))
        if answer.status in (201, 202, 204):
            answer.close()
            return digest
        refused = self._client.failed(answer)
        if refused.status == 404 or refused.code == "BLOB_UPLOAD_UNKNOWN":
            # An answer that got lost leaves the session ended and the blob there.
            if self._there(digest):
                return digest
            raise _Gone(f"{refused.shown}: {refused.text}")
        raise refused.error()

    def _there(self, digest: Digest) -> bool:
        path = f"/v2/{self._repository}/blobs/{digest}"
        with self._client.call(self._call("HEAD", path)) as answer:
            return answer.status == 200

    def _cancel(self, location: str) -> None:
        """Give a session up; that this fails does not matter."""
        try:
            self._client.call(self._call("DELETE", location)).close()
        except Error:
            pass


class _Gone(NotFound):
    """The session is no more: begin anew."""


class _Later(Exception):
    """The registry could not take it now."""

    def __init__(self, error: Error, after: float | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


def _chunked(connection: Connection) -> Write:
    """A writer in HTTP's chunked coding."""

    def write(data: bytes | memoryview) -> None:
        if not len(data):
            return
        head = b"%x\r\n" % len(data)
        if len(data) <= 1 << 14:
            connection.write(head + bytes(data) + b"\r\n")
            return
        connection.write(head)
        connection.write(data)
        connection.write(b"\r\n")

    return write
