"""Fetching from a real server, which redirects, breaks off, lies and stalls."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from scow.errors import Corrupt, Denied, Error, Invalid, NotFound, Unavailable
from scow.wire.http import Remote, fetch, redact

BODY = b"".join(b"%d\n" % n for n in range(100_000))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[dict[str, str]]] = []

    def log_message(self, *args: object) -> None:
        pass

    def reply(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        Handler.seen.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
        name, _, rest = self.path.partition("?")[0][1:].partition("/")
        getattr(self, f"on_{name}", self.on_missing)(rest)

    def on_missing(self, rest: str) -> None:
        self.reply(404, b"<html>not here</html>")

    def on_file(self, rest: str) -> None:
        if self.headers.get("If-None-Match") == '"v1"':
            return self.reply(304, ETag='"v1"')
        return self.reply(
            200,
            BODY,
            ETag='"v1"',
            Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT",
            Content_Type="text/plain",
            Content_Disposition='attachment; filename="../../x/numbers.txt"',
        )

    def on_status(self, rest: str) -> None:
        self.reply(int(rest))

    def on_redirect(self, rest: str) -> None:
        self.reply(302, Location="/file" if rest == "0" else f"/redirect/{int(rest) - 1}")

    def on_loop(self, rest: str) -> None:
        self.reply(301, Location="/loop")

    def on_to(self, rest: str) -> None:
        self.reply(307, Location=rest)

    def on_short(self, rest: str) -> None:
        self.reply(200, BODY[:1000], Content_Length="5000")
        self.close_connection = True

    def on_chunked(self, rest: str) -> None:
        self.reply(
            200, b"5\r\nhello\r\n" + {"": b"0\r\n\r\n", "cut": b"", "bad": b"zz\r\n"}[rest], Transfer_Encoding="chunked"
        )
        self.close_connection = True

    def on_stall(self, rest: str) -> None:
        self.reply(200, b"abc", Content_Length="10")
        self.wfile.flush()
        time.sleep(3)

    def on_unsized(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(BODY)

    def on_noise(self, rest: str) -> None:
        self.wfile.write(
            {
                "line": b"x" * 100_000 + b"\r\n",
                "text": b"hello?\r\n\r\n",
                "none": b"",
                "headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000,
            }[rest]
        )
        self.close_connection = True

    def on_private(self, rest: str) -> None:
        wanted = "Basic " + base64.b64encode(b"us er:p@ss").decode()
        self.reply(200 if self.headers.get("Authorization") == wanted else 401, b"secret")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Handler) as s:
        threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{s.server_address[1]}"
        s.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    Handler.seen.clear()


def get(url: str, **options: object) -> bytes:
    out = io.BytesIO()
    fetch(url, out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def test_a_file_and_what_is_known_of_it(server: str) -> None:
    out = io.BytesIO()
    got = fetch(f"{server}/file", out, sha256=hashlib.sha256(BODY).hexdigest().upper(), limit=len(BODY))
    assert out.getvalue() == BODY
    assert (got.size, got.sha256, got.url) == (len(BODY), hashlib.sha256(BODY).hexdigest(), f"{server}/file")
    assert (got.etag, got.last_modified, got.content_type) == ('"v1"', "Wed, 21 Oct 2015 07:28:00 GMT", "text/plain")
    assert (got.filename, got.unchanged) == ("numbers.txt", False)
    assert Handler.seen[0]["accept-encoding"] == "identity"


def test_unchanged(server: str) -> None:
    out = io.BytesIO()
    got = fetch(f"{server}/file", out, etag='"v1"', sha256="0" * 64)
    assert (got.unchanged, got.size, out.getvalue(), got.etag) == (True, 0, b"", '"v1"')
    assert fetch(f"{server}/file", out, etag='"v0"').unchanged is False


def test_bodies_without_length(server: str) -> None:
    assert get(f"{server}/unsized") == BODY
    assert get(f"{server}/chunked/") == b"hello"


def test_redirects(server: str) -> None:
    out = io.BytesIO()
    assert fetch(f"{server}/redirect/5", out).url == f"{server}/file"
    assert out.getvalue() == BODY
    for path in ("redirect/30", "loop"):
        with pytest.raises(Unavailable, match="redirect"):
            get(f"{server}/{path}")
    assert len(Handler.seen) < 30


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://x/"])
def test_redirects_leave_http_for_nothing(server: str, target: str) -> None:
    with pytest.raises(Error):
        get(f"{server}/to/{target}")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://x/y", "data:,x", "/etc/passwd", "http://", "http://[::1", "http://h:99999/", ""],
)
def test_other_urls_are_invalid(url: str) -> None:
    with pytest.raises(Invalid):
        get(url)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (404, NotFound),
        (410, NotFound),
        (401, Denied),
        (403, Denied),
        (400, Invalid),
        (418, Invalid),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (408, Unavailable),
        (304, Error),
    ],
)
def test_statuses(server: str, code: int, kind: type[Error]) -> None:
    url = f"{server.replace('//', '//me:secret@')}/status/{code}?token=hidden"
    if code == 304:
        assert fetch(url, io.BytesIO()).unchanged
        return
    with pytest.raises(kind, match=rf"{server}/status/{code}\?\.\.\..*HTTP {code}") as e:
        get(url)
    assert "secret" not in str(e.value)
    assert "hidden" not in str(e.value)


def test_truncated_bodies(server: str) -> None:
    with pytest.raises(Unavailable, match="ended after 1000 of 5000 bytes"):
        get(f"{server}/short")
    with Remote(f"{server}/short") as remote, pytest.raises(Unavailable):
        remote.read()
    for path in ("chunked/cut", "chunked/bad"):
        with pytest.raises(Unavailable, match="chunked/"):
            get(f"{server}/{path}")


@pytest.mark.parametrize("what", ["line", "text", "none", "headers"])
def test_what_is_no_http(server: str, what: str) -> None:
    with pytest.raises(Unavailable, match=f"/noise/{what}: "):
        get(f"{server}/noise/{what}")


def test_limits(server: str) -> None:
    with pytest.raises(Invalid, match=f"has {len(BODY)} bytes, the limit is 1000"):
        get(f"{server}/file", limit=1000)
    out = io.BytesIO()
    with pytest.raises(Invalid, match="larger than the limit of 1000 bytes"):
        fetch(f"{server}/unsized", out, limit=1000)
    assert len(out.getvalue()) <= 1000
    assert get(f"{server}/unsized", limit=len(BODY)) == BODY


def test_checksums(server: str) -> None:
    with pytest.raises(Corrupt, match="expected was sha256:0000"):
        get(f"{server}/file", sha256="0" * 64)


def test_timeouts(server: str) -> None:
    start = time.monotonic()
    with pytest.raises(Unavailable, match="/stall: timed out"):
        get(f"{server}/stall", timeout=0.3)
    assert time.monotonic() - start < 2


def test_nobody_listens() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with pytest.raises(Unavailable, match="connection refused"):
        get(f"http://127.0.0.1:{port}/")
    with pytest.raises(Unavailable, match=r"no-such-host\.invalid"):
        get("http://no-such-host.invalid/")


def test_credentials_are_sent_to_their_host_only(server: str) -> None:
    with_login = server.replace("//", "//us%20er:p%40ss@")
    assert get(f"{with_login}/private") == b"secret"
    other = server.replace("127.0.0.1", "localhost")
    get(f"{with_login}/to/{other}/file", headers={"Authorization": "Bearer x", "X-Other": "1"})
    assert "authorization" not in Handler.seen[-1]
    assert Handler.seen[-1]["x-other"] == "1"
    get(f"{server}/redirect/0", headers={"Authorization": "Bearer x"})
    assert Handler.seen[-1]["authorization"] == "Bearer x"


def test_proxies_come_from_the_environment(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server)
    with pytest.raises(NotFound):
        get("http://example.invalid/nothing")
    assert Handler.seen[-1]["path"] == "http://example.invalid/nothing"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert get(f"{server}/file") == BODY


def test_odd_characters_in_urls(server: str) -> None:
    with pytest.raises(NotFound):
        get(f"{server}/ü x%20y/ß?q=ä b")
    assert Handler.seen[-1]["path"] == "/%C3%BC%20x%20y/%C3%9F?q=%C3%A4%20b"
    with pytest.raises(Error):
        get(f"{server}/a\r\nX-Injected: 1")
    assert all("x-injected" not in s for s in Handler.seen)


def test_certificates(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    key, cert = os.path.join(tmp_path, "key"), os.path.join(tmp_path, "cert")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, *names]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with Server(("127.0.0.1", 0), Handler) as s:
        s.socket = context.wrap_socket(s.socket, server_side=True)
        threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()
        url = f"https://localhost:{s.server_address[1]}/file"
        with pytest.raises(Denied, match=r"self.signed certificate") as e:
            get(url)
        assert "SSL_CERT_FILE" in (e.value.hint or "")
        monkeypatch.setenv("SSL_CERT_FILE", cert)
        assert get(url) == BODY
        with pytest.raises(Denied, match=r"127\.0\.0\.1"):
            get(url.replace("localhost", "127.0.0.1"))
        s.shutdown()


def test_redaction() -> None:
    assert redact("https://u:p@host:1/path?sig=x#f") == "https://host:1/path?..."
    assert redact("http://[bad") == "(malformed URL)"
    assert redact("") == ""


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment", ""),
        ("attachment; filename=a.txt", "a.txt"),
        ('x; filename="..\\\\..\\\\b"', "b"),
        ('x; filename=".."', ""),
        ("attachment; filename*=UTF-8''%e2%82%ac.txt", "€.txt"),
        ('x; filename="a\tb"', ""),
        ("filename", ""),
    ],
)
def test_filenames(header: str, name: str) -> None:
    from scow.wire.http.fetch import _filename

    assert _filename(header) == name
