"""A small registry for tests, on loopback, that can be told to go wrong in every way a real one does.

with Server() as s:
    s.before(fails(503, times=2, headers={"Retry-After": "0"}))     # a rule: looks at a request first
    Repository(client(s), "a/b").resolve("latest")
    assert [r.method for r in s.requests] == ["HEAD", "HEAD", "HEAD"]

A rule is a function of the handler; it returns True when it has answered.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import re
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Rule = Callable[["Handler"], bool]


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    def __getitem__(self, name: str) -> str:
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), "")


@dataclass
class Upload:
    data: bytearray = field(default_factory=bytearray)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server  # type: ignore[assignment]

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError, ValueError):
            super().handle()

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._any
        raise AttributeError(name)

    def _any(self) -> None:
        self.query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.place = urllib.parse.urlsplit(self.path).path
        self.request_ = Request(self.command, self.path, dict(self.headers.items()))
        self.server.requests.append(self.request_)
        for rule in list(self.server.rules):
            if rule(self):
                return
        self.route()

    # answers

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        if "Content_Length" not in headers and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str = "", **headers: str) -> None:
        if self.command in ("PUT", "PATCH", "POST") and not self.request_.body:
            self.close_connection = True  # what was not read would be taken for the next request
        doc = {
            "errors": [
                {
                    "code": code,
                    "message": message or code.lower().replace("_", " "),
                    "detail": f"{self.command} {self.path}",
                }
            ]
        }
        self.answer(status, json.dumps(doc).encode(), Content_Type="application/json", **headers)

    def cut(self) -> None:
        """Close the connection as a crash does."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def read(self, limit: int | None = None) -> bytes:
        """The request's body, or its first ``limit`` bytes."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = self._chunked(limit)
        else:
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length if limit is None else min(limit, length))
        self.request_.body += data
        return data

    def _chunked(self, limit: int | None) -> bytes:
        out = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            out += self.rfile.read(size)
            self.rfile.readline()
            if limit is not None and len(out) >= limit:
                return out[:limit]
        self.rfile.readline()
        return out

    # the registry

    def route(self) -> None:
        s = self.server
        if self.place in ("/v2/", "/v2"):
            return self.answer(200, b"{}")
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs|tags)/(.*)", self.place)
        if match and match[3].startswith("uploads"):
            match = None
        upload = re.fullmatch(r"/v2/(.+)/blobs/uploads/([^/]*)", self.place)
        if upload:
            return self.upload(upload[1], upload[2])
        if not match:
            return self.refuse(404, "NOT_FOUND")
        repo, kind, name = match.groups()
        if kind == "tags":
            return self.tags(repo)
        if kind == "manifests" and self.command == "PUT":
            data = self.read()
            for ref in {name, digest_of(data)}:
                s.manifests[repo, ref] = (self.headers["Content-Type"], data)
            return self.answer(201, Docker_Content_Digest=digest_of(data), Location=self.place)
        if kind == "manifests":
            if (repo, name) not in s.manifests:
                return self.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
            kind, data = s.manifests[repo, name]
            return self.answer(200, data, Content_Type=kind, Docker_Content_Digest=digest_of(data))
        if (repo, name) not in s.blobs:
            return self.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        return self.blob(s.blobs[repo, name])

    def blob(self, data: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and self.server.ranges:
            start = int(wanted[1])
            return self.answer(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
        return self.answer(200, data, Content_Type="application/octet-stream")

    def tags(self, repo: str) -> None:
        tags = sorted({ref for r, ref in self.server.manifests if r == repo and ":" not in ref})
        if not tags:
            return self.refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
        page = self.server.page
        last = self.query.get("last", "")
        rest = [t for t in tags if t > last]
        headers = {}
        if page and len(rest) > page:
            headers["Link"] = f'</v2/{repo}/tags/list?n={page}&last={rest[page - 1]}>; rel="next"'
            rest = rest[:page]
        self.answer(200, json.dumps({"name": repo, "tags": rest}).encode(), **headers)
        return None

    def upload(self, repo: str, name: str) -> None:
        s = self.server
        if self.command == "POST":
            mount, other = self.query.get("mount"), self.query.get("from")
            if mount and (other, mount) in s.blobs:
                s.blobs[repo, mount] = s.blobs[other, mount]
                return self.answer(201, Location=f"/v2/{repo}/blobs/{mount}", Docker_Content_Digest=mount)
            name = f"u{next(s.names)}"
            s.uploads[name] = Upload()
            return self.answer(202, Location=f"/v2/{repo}/blobs/uploads/{name}?_state=x", Range="0-0")
        if name not in s.uploads:
            return self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
        upload = s.uploads[name]
        place = f"/v2/{repo}/blobs/uploads/{name}?_state=x"
        if self.command == "GET":
            return self.answer(204, Location=place, Range=f"0-{max(len(upload.data) - 1, 0)}")
        if self.command == "DELETE":
            del s.uploads[name]
            return self.answer(204)
        start = self.headers.get("Content-Range", "").partition("-")[0]
        if start and int(start) != len(upload.data):
            return self.answer(416, Location=place, Range=f"0-{len(upload.data) - 1}")
        upload.data += self.read()
        if self.command == "PATCH":
            return self.answer(202, Location=place, Range=f"0-{len(upload.data) - 1}")
        data = bytes(upload.data)
        if self.query.get("digest") != digest_of(data):
            return self.refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        del s.uploads[name]
        s.blobs[repo, digest_of(data)] = data
        return self.answer(201, Docker_Content_Digest=digest_of(data))


class Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(
        self, address: str = "127.0.0.1", wrap: Callable[[socket.socket], socket.socket] | None = None
    ) -> None:
        super().__init__((address, 0), Handler)
        if wrap:
            self.socket = wrap(self.socket)
        self.requests: list[Request] = []
        self.rules: list[Rule] = []
        self.blobs: dict[tuple[str | None, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: dict[str, Upload] = {}
        self.names = itertools.count()
        self.over = threading.Event()
        self.live: set[socket.socket] = set()
        self.ranges = True
        self.page = 0
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *_: object) -> None:
        pass  # clients that go away are what is tested

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def before(self, *rules: Rule) -> None:
        self.rules += rules

    def seen(self, method: str = "", part: str = "") -> list[Request]:
        return [r for r in self.requests if r.method in (method or r.method) and part in r.path]

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self.live.add(request)
        try:
            super().finish_request(request, client_address)  # type: ignore[arg-type]
        finally:
            self.live.discard(request)

    def __exit__(self, *why: object) -> None:
        """No thread is left behind."""
        self.shutdown()
        self.over.set()
        for request in list(self.live):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(request, socket.SHUT_RDWR)
        super().__exit__(*why)


@contextlib.contextmanager
def serving(**options: object) -> Iterator[Server]:
    with Server(**options) as server:  # type: ignore[arg-type]
        yield server


# rules


def only(rule: Rule, method: str = "", part: str = "", times: int = 1 << 30) -> Rule:
    """``rule`` for the first ``times`` requests that fit."""
    left = [times]
    lock = threading.Lock()

    def chosen(h: Handler) -> bool:
        if (method and h.command != method) or part not in h.path:
            return False
        with lock:
            if left[0] <= 0:
                return False
            left[0] -= 1
        return rule(h)

    return chosen


def fails(status: int, code: str = "UNKNOWN", message: str = "", **headers: str) -> Rule:
    def rule(h: Handler) -> bool:
        h.refuse(status, code, message, **headers)
        h.close_connection = True
        return True

    return rule


def drops(h: Handler) -> bool:
    """The connection ends without an answer."""
    h.cut()
    return True


def truncates(after: int) -> Rule:
    """Announces the whole blob and ends after some bytes of what is asked for."""

    def rule(h: Handler) -> bool:
        repo, _, name = h.place.removeprefix("/v2/").partition("/blobs/")
        data = h.server.blobs[repo, name]
        start = int((h.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        h.send_response(206 if start else 200)
        if start:
            h.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        h.send_header("Content-Length", str(len(data) - start))
        h.end_headers()
        h.wfile.write(data[start : start + after])
        h.cut()
        return True

    return rule


def stalls(seconds: float) -> Rule:
    def rule(h: Handler) -> bool:
        h.server.over.wait(seconds)
        h.cut()
        return True

    return rule


def redirects(to: str, status: int = 307) -> Rule:
    def rule(h: Handler) -> bool:
        h.answer(status, Location=to.replace("{path}", h.path))
        return True

    return rule


class Tokens:
    """A token server's half and a registry's half: tokens that name scopes, and end when told to."""

    def __init__(self, realm: str, user: str = "", password: str = "") -> None:
        self.realm = realm
        self.pair = (user, password)
        self.valid: set[str] = set()
        self.asked: list[dict[str, list[str]]] = []
        self.extra: dict[str, object] = {}
        self.count = 0
        self.no_get = False

    def registry(self, h: Handler) -> bool:
        if h.place == "/token":
            return self.token(h)
        if h.headers.get("Authorization", "").removeprefix("Bearer ") in self.valid:
            return False
        match = re.match(r"/v2/(.+)/(manifests|blobs|tags)/", h.place)
        scope = f',scope="repository:{match[1]}:pull"' if match else ""
        if h.headers.get("Content-Length") or h.headers.get("Transfer-Encoding"):
            h.close_connection = True
        challenge = f'Bearer realm="{self.realm}",service="test service"{scope}'
        h.refuse(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)
        return True

    def token(self, h: Handler) -> bool:
        import base64

        if h.command == "POST":
            asked = urllib.parse.parse_qs(h.read().decode())
        else:
            asked = urllib.parse.parse_qs(urllib.parse.urlsplit(h.path).query)
            if self.no_get:
                h.answer(405)
                return True
        self.asked.append(asked)
        word = base64.b64encode(":".join(self.pair).encode()).decode()
        posted = (asked.get("username", [""])[0], asked.get("password", [""])[0]) == self.pair
        refreshed = asked.get("refresh_token") == ["refresh-me"]
        if self.pair[0] and h.headers.get("Authorization") != f"Basic {word}" and not posted and not refreshed:
            h.answer(401, b'{"details": "incorrect username or password"}')
            return True
        self.count += 1
        text = f"token-{self.count}"
        self.valid.add(text)
        h.answer(200, json.dumps({"token": text, "expires_in": 300, **self.extra}).encode())
        return True
