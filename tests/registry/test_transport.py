"""Connections: kept, closed, encrypted, through proxies."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading

import pytest
from tests.registry.conftest import QUICK, Make, client
from tests.registry.server import Handler, Server, only, redirects

from scow.errors import Denied, Error, Invalid, Unavailable
from scow.oci.descriptor import Descriptor
from scow.oci.media_types import OCTETS
from scow.registry import proxy, settings, tls
from scow.registry.client import Client
from scow.registry.connection import Lost, Target
from scow.registry.endpoint import Endpoint
from scow.registry.repository import Repository
from scow.registry.settings import Limits, Settings
from scow.registry.transport import Request, Transport

pytestmark = pytest.mark.timeout(30)
BLOB = Descriptor.of(OCTETS, b"data")


def test_one_connection_serves_many_requests(server: Server, repository: Make) -> None:
    seen = set()

    def note(h: Handler) -> bool:
        seen.add(h.client_address[1])
        return False

    server.before(note)
    r = repository()
    for _ in range(5):
        r.has(BLOB)
    assert len(seen) == 1


def test_an_idle_connection_the_server_closed_is_no_failure(server: Server, transport: Transport) -> None:
    def closes(h: Handler) -> bool:
        h.answer(404)
        h.close_connection = True  # without saying so
        return True

    server.before(closes)
    limits = Limits(tries=1)
    with Transport(Settings(limits=limits)) as impatient:
        r = Repository(client(server.host, impatient), "a/b")
        for _ in range(20):
            assert not r.has(BLOB)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with Transport(Settings(limits=QUICK)) as t:
        with pytest.raises(Unavailable, match="connection refused"):
            Repository(client(f"127.0.0.1:{port}", t), "a").has(BLOB)
        with pytest.raises(Unavailable, match=r"lookup no\.such\.host\.invalid"):
            Repository(client("no.such.host.invalid", t), "a").has(BLOB)


def test_a_server_that_accepts_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as s, Transport(Settings(limits=QUICK)) as t:
        silent = Repository(client(f"127.0.0.1:{s.getsockname()[1]}", t), "a")
        with pytest.raises(Lost, match="nothing came for 1 s"):
            silent.has(BLOB)


def test_a_document_that_trickles_is_given_up(server: Server, repository: Make) -> None:
    def trickle(h: Handler) -> bool:
        h.send_response(200)
        h.send_header("Content-Length", "1000")
        h.end_headers()
        for _ in range(100):
            h.wfile.write(b" ")
            h.wfile.flush()
            if h.server.over.wait(0.1):
                break
        return True

    server.before(only(trickle, "GET", "/tags/"))
    with pytest.raises(Lost, match="took longer than"):
        list(repository().tags())


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An authority, a server's certificate for localhost and 127.0.0.1, a client's."""
    folder = str(tmp_path_factory.mktemp("certs"))

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2",
            "-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    with open(f"{folder}/ext", "w") as f:
        f.write("subjectAltName=DNS:localhost,DNS:registry.test,IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-out", f"{name}.crt", *(["-extfile", "ext"] if name == "server" else []))  # fmt: skip
    return folder


def tls_server(folder: str, *, ask: bool = False) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.crt", f"{folder}/server.key")
    if ask:
        context.load_verify_locations(f"{folder}/ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return Server(wrap=lambda s: context.wrap_socket(s, server_side=True, do_handshake_on_connect=False))


def strict(server: Server, transport: Transport) -> Repository:
    """A repository on the server as if it were far away: only TLS, verified."""
    where = Endpoint(
        f"far:{server.server_address[1]}", "127.0.0.1", server.server_address[1], plain=False, loopback=False
    )
    made = Client(where, transport, lambda _: None)
    return Repository(made, "a/b")


def certs_d(tmp_path: os.PathLike[str], server: Server, **files: str) -> Settings:
    folder = os.path.join(tmp_path, "certs.d", server.host)
    os.makedirs(folder)
    for name, source in files.items():
        os.symlink(source, os.path.join(folder, name.replace("_", ".")))
    return Settings(certificates=(os.path.join(tmp_path, "certs.d"),), limits=QUICK)


def test_private_authorities_are_trusted_for_their_host_only(certificates: str, tmp_path: os.PathLike[str]) -> None:
    trusting = tls_server(certificates)
    made = certs_d(tmp_path, trusting, ca_crt=f"{certificates}/ca.crt")
    with trusting as s, tls_server(certificates) as other, Transport(made) as t:
        assert not strict(s, t).has(BLOB)
        assert s.requests[-1].method == "HEAD"
        assert not Repository(client(s.host, t), "a").has(BLOB), "a loopback registry with certificates is TLS"
        wary = tls.context(other.host, t.settings.certificates)
        assert wary.verify_mode == ssl.CERT_REQUIRED
        t._contexts[other.host, True] = wary  # as of a host that is not this machine
        with pytest.raises(Denied, match="failed to verify certificate") as caught:
            strict(other, t).has(BLOB)
        assert "certs.d" in (caught.value.hint or "")


def test_a_certificate_for_another_name_is_refused(certificates: str, tmp_path: os.PathLike[str]) -> None:
    with tls_server(certificates) as s:
        folder = os.path.join(tmp_path, "certs.d", f"127.0.0.2:{s.server_address[1]}")
        os.makedirs(folder)
        os.symlink(f"{certificates}/ca.crt", os.path.join(folder, "ca.crt"))
        with Transport(Settings(certificates=(os.path.join(tmp_path, "certs.d"),), limits=QUICK)) as t:
            request = Request("GET", Target("https", "127.0.0.2", s.server_address[1]), "/v2/")
            with pytest.raises(Error) as caught:
                t.exchange(request)
            assert "mismatch" in str(caught.value) or "refused" in str(caught.value)


def test_client_certificates(certificates: str, tmp_path: os.PathLike[str]) -> None:
    c = certificates
    given = {"ca_crt": f"{c}/ca.crt", "client_cert": f"{c}/client.crt", "client_key": f"{c}/client.key"}
    for files, welcome in (({"ca_crt": f"{c}/ca.crt"}, False), (given, True)):
        server = tls_server(c, ask=True)
        with server, Transport(certs_d(tmp_path, server, **files)) as t:
            if welcome:
                assert not strict(server, t).has(BLOB)
            else:
                with pytest.raises(Unavailable):
                    strict(server, t).has(BLOB)


@pytest.mark.parametrize("files", [{"client_cert": "client.crt"}, {"client_key": "client.key"}, {"ca_crt": "ext"}])
def test_certificates_that_cannot_be_used_are_named(
    certificates: str, tmp_path: os.PathLike[str], files: dict[str, str]
) -> None:
    with tls_server(certificates) as s:
        made = certs_d(tmp_path, s, **{k: f"{certificates}/{v}" for k, v in files.items()})
        with Transport(made) as t, pytest.raises(Invalid, match=r"certs\.d|missing"):
            strict(s, t).has(BLOB)


def test_a_loopback_registry_may_speak_tls(certificates: str) -> None:
    with tls_server(certificates) as s, Transport(Settings(limits=QUICK)) as t:
        assert not Repository(client(s.host, t), "a").has(BLOB)


def test_from_tls_nothing_is_redirected_to_plain_http(certificates: str, tmp_path: os.PathLike[str]) -> None:
    with tls_server(certificates) as s, Server() as plain:
        s.before(only(redirects(f"http://{plain.host}{{path}}"), part="/blobs/"))
        made = certs_d(tmp_path, s, ca_crt=f"{certificates}/ca.crt")
        with Transport(made) as t, pytest.raises(Denied, match="redirected from https to http"):
            strict(s, t).has(BLOB)
        assert plain.requests == []


# proxies


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "through"),
    [
        ("example.com", 443, "", True),
        ("example.com", 443, "example.com", False),
        ("a.example.com", 443, "example.com", False),
        ("a.example.com", 443, ".example.com", False),
        ("example.com", 443, ".example.com", True),
        ("notexample.com", 443, "example.com", True),
        ("example.com", 443, "example.com:5000", True),
        ("example.com", 5000, "x, example.com:5000", False),
        ("10.1.2.3", 443, "10.0.0.0/8", False),
        ("10.1.2.3", 443, "10.1.2.3", False),
        ("11.1.2.3", 443, "10.0.0.0/8", True),
        ("example.com", 443, "*", False),
        ("localhost", 443, "", False),
        ("127.0.0.1", 5000, "", False),
    ],
)
def test_who_is_asked_through_a_proxy(host: str, port: int, no_proxy: str, through: bool) -> None:
    found = proxy.proxy_for("https", host, port, {"https_proxy": "http://p:3128", "no_proxy": no_proxy})
    assert (found is not None) is through
    assert proxy.proxy_for("http", host, port, {"https_proxy": "http://p:3128"}) is None


def test_the_forms_of_a_proxy() -> None:
    assert proxy.parse("p") == proxy.Proxy("p", 80)
    assert proxy.parse("http://u%40:s3cret@p:3128/") == proxy.Proxy("p", 3128, "Basic dUA6czNjcmV0")
    assert "s3cret" not in repr(proxy.parse("http://u:s3cret@p:3128")) + str(proxy.parse("u:s3cret@p"))
    for bad in ("socks5://u:s3cret@p", "http://p:x"):
        with pytest.raises(Invalid) as caught:
            proxy.parse(bad)
        assert "s3cret" not in str(caught.value)


class Tunnel:
    """A proxy that passes CONNECT on and answers plain requests from ``server``."""

    def __init__(self, server: Server) -> None:
        self.seen: list[bytes] = []
        self._to = server.server_address
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(near,), daemon=True).start()

    def _one(self, near: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += near.recv(65536)
        self.seen.append(head)
        far = socket.create_connection(self._to)  # type: ignore[arg-type]
        if head.startswith(b"CONNECT"):
            near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            line, _, rest = head.partition(b"\r\n")
            method, url, version = line.split(b" ")
            far.sendall(b" ".join((method, b"/" + url.split(b"/", 3)[3], version)) + b"\r\n" + rest)
        for a, b in ((near, far), (far, near)):
            threading.Thread(target=self._pass, args=(a, b), daemon=True).start()

    @staticmethod
    def _pass(a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        a.close()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)  # or the thread would wait for ever
        self._listening.close()


def test_through_a_proxy(certificates: str, tmp_path: os.PathLike[str]) -> None:
    with tls_server(certificates) as s:
        tunnel = Tunnel(s)
        folder = os.path.join(tmp_path, "certs.d", "registry.test")
        os.makedirs(folder)
        os.symlink(f"{certificates}/ca.crt", os.path.join(folder, "ca.crt"))
        proxies = {"https_proxy": f"http://u:s3cret@127.0.0.1:{tunnel.port}"}
        with Transport(Settings((), (os.path.join(tmp_path, "certs.d"),), proxies, QUICK)) as t:
            where = Endpoint("registry.test", "registry.test", None, plain=False, loopback=False)
            assert not Repository(Client(where, t, lambda _: None), "a/b").has(BLOB)
        assert tunnel.seen[0].startswith(b"CONNECT registry.test:443 ")
        assert b"Proxy-Authorization: Basic dTpzM2NyZXQ=" in tunnel.seen[0]
        assert all("Proxy-Authorization" not in r.headers for r in s.requests), "the registry does not learn it"
        tunnel.close()


def test_plain_http_through_a_proxy(server: Server) -> None:
    tunnel = Tunnel(server)
    made = Settings(("registry.test",), (), {"http_proxy": f"127.0.0.1:{tunnel.port}"}, QUICK)
    with Transport(made) as t, t.exchange(Request("GET", Target("http", "registry.test", 80), "/v2/")) as answer:
        assert answer.status == 200
    assert tunnel.seen[0].startswith(b"GET http://registry.test/v2/ HTTP/1.1\r\n")
    assert server.requests[0]["Host"] == "registry.test"
    tunnel.close()


# settings


def test_settings_come_from_files_and_the_environment(tmp_path: os.PathLike[str]) -> None:
    home = str(tmp_path)
    os.makedirs(f"{home}/.config/scow")
    with open(f"{home}/.config/scow/registries.json", "w") as f:
        f.write('{"insecure-registries": ["a:5000", "10.0.0.0/8"]}')
    found = settings.load({"HOME": home, "HTTPS_PROXY": "p:1", "no_proxy": "x"})
    assert found.insecure[-2:] == ("a:5000", "10.0.0.0/8")
    assert found.certificates[0] == f"{home}/.config/scow/certs.d"
    assert "/etc/docker/certs.d" in found.certificates
    assert dict(found.proxies) == {"https_proxy": "p:1", "no_proxy": "x"}
    with open(f"{home}/.config/scow/registries.json", "w") as f:
        f.write('{"insecure-registries": "a"}')
    with pytest.raises(Invalid, match=r"registries\.json"):
        settings.load({"HOME": home})
