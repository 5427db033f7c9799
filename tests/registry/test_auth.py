"""Challenges, tokens, logins: who we are, and that nobody else learns it."""

from __future__ import annotations

import io
import os
import time

import pytest
from tests.registry.conftest import QUICK, Make
from tests.registry.server import Handler, Server, Tokens, Upload, digest_of, only, redirects

from scow.errors import Corrupt, Denied, Error, Invalid, Unavailable
from scow.oci.descriptor import Descriptor
from scow.oci.media_types import OCTETS
from scow.registry import challenge, login
from scow.registry.auth import merged
from scow.registry.credentials import Login
from scow.registry.endpoint import Endpoint, endpoint
from scow.registry.repository import Repository
from scow.registry.settings import Settings
from scow.registry.transport import Transport

pytestmark = pytest.mark.timeout(30)
DATA = os.urandom(200_000)
BLOB = Descriptor.of(OCTETS, DATA)
ALICE = Login("alice", "pass:word")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Basic realm="x"', [("basic", {"realm": "x"})]),
        (
            'Bearer realm="https://a/t?x=1,2",service="s s",scope="repository:a/b:pull,push"',
            [("bearer", {"realm": "https://a/t?x=1,2", "service": "s s", "scope": "repository:a/b:pull,push"})],
        ),
        ('bearer REALM=x , Basic realm = "a\\"b"', [("bearer", {"realm": "x"}), ("basic", {"realm": 'a"b'})]),
        ("Negotiate", [("negotiate", {})]),
        ("", []),
        (",,,", []),
        ('Bearer realm="open', [("bearer", {"realm": "open"})]),
        ('="x"', []),
        ("Bearer a=b=c", [("bearer", {"a": "b"})]),
        ("Bearer " + 'a="' * 5000, None),
    ],
)
def test_challenges(text: str, found: list[tuple[str, dict[str, str]]] | None) -> None:
    got = [(c.scheme, dict(c.parameters)) for c in challenge.parse([text])]
    assert found is None or got == found


def test_scopes_are_merged() -> None:
    assert merged(["repository:a:pull", "repository:a:push,pull", "repository:b:pull"]) == {
        "repository:a:pull,push",
        "repository:b:pull",
    }


@pytest.fixture
def tokens(server: Server) -> Tokens:
    made = Tokens(f"http://{server.host}/token", "alice", "pass:word")
    server.before(made.registry)
    return made


def test_a_token_is_fetched_once_for_a_scope(server: Server, repository: Make, tokens: Tokens) -> None:
    r = repository(login=ALICE)
    for _ in range(3):
        assert not r.has(BLOB)
    assert tokens.count == 1
    assert tokens.asked[0]["scope"] == ["repository:a/b:pull"]
    assert tokens.asked[0]["service"] == ["test service"]
    assert tokens.asked[0]["account"] == ["alice"]
    repository("other", login=ALICE).has(BLOB)
    assert tokens.count == 2


def test_push_asks_for_both_rights_before_it_is_told(server: Server, repository: Make, tokens: Tokens) -> None:
    repository(push=True, login=ALICE).put(BLOB, io.BytesIO(DATA))
    assert tokens.asked[0]["scope"] == ["repository:a/b:pull,push"]
    assert tokens.count == 1
    assert server.blobs["a/b", digest_of(DATA)] == DATA


def test_mounting_asks_for_the_other_repository_too(server: Server, repository: Make, tokens: Tokens) -> None:
    server.blobs["other", digest_of(DATA)] = DATA
    assert repository(push=True, login=ALICE).mount(BLOB.digest, "other")
    assert sorted(tokens.asked[0]["scope"]) == ["repository:a/b:pull,push", "repository:other:pull"]


def test_a_token_that_ends_in_mid_push_is_renewed(server: Server, repository: Make, tokens: Tokens) -> None:
    def forget(h: Handler) -> bool:
        tokens.valid.clear()
        return False

    server.rules.insert(0, only(forget, "PATCH", times=1))
    server.rules.insert(0, only(forget, "PUT", times=1))
    repository(push=True, login=ALICE).put(BLOB, io.BytesIO(DATA))
    assert server.blobs["a/b", digest_of(DATA)] == DATA
    assert tokens.count == 3


def test_tokens_are_not_used_when_they_are_about_to_end(
    server: Server, repository: Make, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.extra = {"expires_in": 1}
    r = repository(login=ALICE)
    r.has(BLOB)
    r.has(BLOB)
    assert tokens.count == 1, "sixty seconds is the least a token is taken to last"
    now = time.monotonic() + 55
    monkeypatch.setattr("scow.registry.tokens.time.monotonic", lambda: now)
    r.has(BLOB)
    assert tokens.count == 2


def test_401_for_ever_ends(server: Server, repository: Make, tokens: Tokens) -> None:
    def never(h: Handler) -> bool:
        if h.place != "/token":
            tokens.valid.clear()
        return False

    server.rules.insert(0, never)
    with pytest.raises(Denied, match="unauthorized"):
        repository(login=ALICE).has(BLOB)
    assert len(server.seen("HEAD")) <= 3
    assert tokens.count <= 3


def test_wrong_passwords_are_said_so(server: Server, repository: Make, tokens: Tokens) -> None:
    with pytest.raises(Denied, match=r"pull access denied for .*: unauthorized: incorrect username or password"):
        repository(login=Login("alice", "wrong")).resolve("v1")
    assert tokens.count == 0


def test_identity_tokens_are_exchanged_by_post(server: Server, repository: Make, tokens: Tokens) -> None:
    assert not repository(login=Login("alice", identity_token="refresh-me")).has(BLOB)
    asked = tokens.asked[0]
    assert asked["grant_type"] == ["refresh_token"] and asked["scope"] == ["repository:a/b:pull"]
    assert server.seen("POST", "/token")[0]["Authorization"] == ""


def test_servers_that_only_know_oauth2(server: Server, repository: Make, tokens: Tokens) -> None:
    tokens.no_get = True
    assert not repository(login=ALICE).has(BLOB)
    assert tokens.asked[-1]["grant_type"] == ["password"]


@pytest.mark.parametrize("reply", [b"", b"[]", b"{}", b'{"token": 5}', b'{"token": "a b"}', b'{"token": "x\\r\\nA: b"}',
                                   b'{"token": "t", "expires_in": "soon"}', b"[" * 100_000, b'"' + b"x" * (2 << 20)])  # fmt: skip
def test_hostile_token_servers(server: Server, repository: Make, reply: bytes) -> None:
    def odd(h: Handler) -> bool:
        if h.place == "/token":
            h.answer(200, reply)
        else:
            h.refuse(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="http://{server.host}/token"')
        return True

    server.before(odd)
    with pytest.raises(Corrupt):
        repository().has(BLOB)


@pytest.mark.parametrize("realm", ["", "ftp://x/", "http://[bad/", "javascript:1", "http://127.0.0.1:1/token"])
def test_hostile_realms(server: Server, repository: Make, realm: str) -> None:
    def odd(h: Handler) -> bool:
        h.refuse(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{realm}"')
        return True

    server.before(odd)
    with pytest.raises(Error):
        repository(login=ALICE).has(BLOB)


def test_a_busy_token_server_is_asked_again(server: Server, repository: Make, tokens: Tokens) -> None:
    def busy(h: Handler) -> bool:
        h.refuse(503, "UNAVAILABLE")
        return True

    server.rules.insert(0, only(busy, part="/token", times=2))
    assert not repository(login=ALICE).has(BLOB)


def basic(h: Handler) -> bool:
    if h.headers.get("Authorization") == ALICE.basic():
        return False
    h.refuse(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate='Basic realm="r"')
    return True


def test_basic(server: Server, repository: Make) -> None:
    server.before(basic)
    r = repository(login=ALICE)
    assert not r.has(BLOB)
    sent = len(server.requests)
    r.has(BLOB)
    assert len(server.requests) == sent + 1, "the second time at once"
    with pytest.raises(Denied, match="no basic auth credentials"):
        repository().has(BLOB)
    with pytest.raises(Denied, match="authentication required"):
        repository(login=Login("alice", "wrong")).has(BLOB)


def test_other_ways_to_log_in_are_named(server: Server, repository: Make) -> None:
    def odd(h: Handler) -> bool:
        h.refuse(401, "UNAUTHORIZED", WWW_Authenticate="Negotiate")
        return True

    server.before(odd)
    with pytest.raises(Denied, match="negotiate"):
        repository().has(BLOB)


# what must not leak


def test_redirects_to_another_host_carry_no_secret(server: Server, repository: Make, tokens: Tokens) -> None:
    with Server() as far:
        far.blobs["a/b", digest_of(DATA)] = DATA
        server.rules.append(only(redirects(f"http://{far.host}{{path}}?X-Amz-Signature=s3cret"), "GET", "/blobs/"))
        with repository(login=ALICE).open(BLOB) as stream:
            assert stream.read() == DATA
        assert [r["Authorization"] for r in far.requests] == [""]
        assert server.seen("GET", "/blobs/")[-1]["Authorization"].startswith("Bearer ")


def test_a_401_of_the_other_host_is_not_answered(server: Server, repository: Make, tokens: Tokens) -> None:
    with Server() as far:
        far.before(basic)
        server.rules.append(only(redirects(f"http://{far.host}{{path}}"), "GET", "/blobs/"))
        with pytest.raises(Denied):
            repository(login=ALICE).open(BLOB)
        assert all(not r["Authorization"] for r in far.requests)


def test_an_upload_elsewhere_carries_no_secret(server: Server, repository: Make, tokens: Tokens) -> None:
    with Server() as far:
        far.uploads["x"] = Upload()

        def elsewhere(h: Handler) -> bool:
            h.answer(202, Location=f"http://{far.host}/v2/a/b/blobs/uploads/x?sig=s3cret")
            return True

        server.rules.append(only(elsewhere, "POST", "/uploads/"))
        repository(push=True, login=ALICE).put(BLOB, io.BytesIO(DATA))
        assert far.blobs["a/b", digest_of(DATA)] == DATA
        assert all(not r["Authorization"] for r in far.requests)


@pytest.mark.parametrize("to", ["{path}", "http://{host}{path}"])
def test_redirect_loops_end(server: Server, repository: Make, to: str) -> None:
    server.before(only(redirects(to.replace("{host}", server.host)), part="/blobs/"))
    with pytest.raises(Unavailable, match="10 redirects"):
        repository().open(BLOB)
    assert len(server.seen("GET", "/blobs/")) == 11


@pytest.mark.parametrize("to", ["", "file:///etc/passwd", "http://[::1", "gopher://x/"])
def test_redirects_to_nonsense(server: Server, repository: Make, to: str) -> None:
    server.before(only(redirects(to), part="/blobs/"))
    with pytest.raises((Invalid, Unavailable)):
        repository().open(BLOB)


def test_errors_and_reprs_show_no_secret(server: Server, repository: Make, tokens: Tokens) -> None:
    secret = "s3cr3t-w0rd"
    texts = [repr(Login("alice", secret, secret, secret))]
    with Server() as far:
        server.rules.append(only(redirects(f"http://u:{secret}@{far.host}{{path}}?X-Sig={secret}"), "GET", "/blobs/"))
        for name in ("alice", "bob"):
            with pytest.raises(Error) as caught:
                repository(login=Login(name, "pass:word" if name == "alice" else secret)).open(BLOB)
            texts += [str(caught.value), str(caught.value.hint)]
    assert not any(secret in text or "pass:word" in text for text in texts)
    assert not any("token-1" in text for text in texts)


# login


@pytest.mark.parametrize("kind", ["token", "basic", "open"])
def test_login_tries_the_credentials(server: Server, transport: Transport, kind: str) -> None:
    if kind == "token":
        server.before(Tokens(f"http://{server.host}/token", "alice", "pass:word").registry)
    elif kind == "basic":
        server.before(basic)
    where = endpoint(server.host)
    assert login.verify(where, transport, ALICE) == ALICE
    if kind != "open":
        with pytest.raises(Denied, match="unauthorized"):
            login.verify(where, transport, Login("alice", "wrong"))


def test_login_keeps_the_identity_token(server: Server, transport: Transport) -> None:
    made = Tokens(f"http://{server.host}/token", "alice", "pass:word")
    made.extra = {"refresh_token": "refresh-me"}
    server.before(made.registry)
    kept = login.verify(endpoint(server.host), transport, ALICE)
    assert (kept.identity_token, kept.password) == ("refresh-me", "")
    assert made.asked[0]["offline_token"] == ["true"]


def test_a_tls_registry_may_not_send_passwords_in_clear() -> None:
    from scow.registry import tokens as t
    from scow.registry.connection import Target

    with pytest.raises(Denied, match="not reached by https"):
        t.place("http://auth.example.com/token", Target("https", "r.example.com", 443), plain=False)
    assert t.place("https://auth.example.com/token", Target("https", "r.example.com", 443), plain=False)


def test_plain_http_is_only_for_loopback_and_those_listed(server: Server) -> None:
    assert endpoint("127.9.9.9:5000").plain and endpoint("localhost").plain and endpoint("[::1]:5000").plain
    for name in ("10.0.0.1:5000", "example.com", "localhost.example.com", "128.0.0.1", "my-localhost:5000"):
        assert not endpoint(name).plain
    with Transport(Settings(limits=QUICK)) as transport:
        strict = Endpoint("far.example:5000", "127.0.0.1", server.server_address[1], plain=False, loopback=False)
        from scow.registry.client import Client

        r = Repository(Client(strict, transport, lambda _: None), "a/b")
        with pytest.raises(Unavailable, match="tls"):
            r.has(BLOB)
        assert server.requests == []
    for entry in (server.host, "127.0.0.1", "127.0.0.0/8"):
        assert endpoint("10.1.2.3:5", ("10.0.0.0/8",)).plain
        assert endpoint(server.host, (entry,)).plain


def test_names_that_lead_nowhere() -> None:
    for name in ("", "host:0", "host:99999", "ho st", "a/b"):
        with pytest.raises(Invalid):
            endpoint(name)
