"""Manifests, tags and refusals."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from tests.oci.samples import index, sample
from tests.registry.server import Handler, Server, digest_of, fails, only

from scow.errors import Corrupt, Denied, Error, NotFound, Unavailable, Unsupported
from scow.oci import media_types
from scow.oci.copy import copy
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.manifest import Index, Manifest
from scow.oci.memory import Memory

if TYPE_CHECKING:
    from tests.registry.conftest import Make

pytestmark = pytest.mark.timeout(30)
CONFIG = Descriptor.of(media_types.OCI_CONFIG, b"{}")
MANIFEST = Manifest.of(CONFIG, ())
ROOT = MANIFEST.descriptor()


def tagged(server: Server, raw: bytes = MANIFEST.raw, kind: str = media_types.OCI_MANIFEST, tag: str = "v1") -> None:
    for ref in (tag, digest_of(raw)):
        server.manifests["a/b", ref] = (kind, raw)


def test_a_tag_is_resolved_by_one_head(server: Server, repository: Make) -> None:
    tagged(server)
    assert repository().resolve("v1") == ROOT
    assert repository().resolve(str(ROOT.digest)) == ROOT
    assert [r.method for r in server.seen(part="/manifests/")] == ["HEAD", "HEAD"]
    assert media_types.OCI_INDEX in server.seen("HEAD")[0]["Accept"]


@pytest.mark.parametrize("lacking", ["Docker_Content_Digest", "Content_Type", "everything"])
def test_without_headers_the_bytes_decide(server: Server, repository: Make, lacking: str) -> None:
    tagged(server)
    headers = {"Docker_Content_Digest": str(ROOT.digest), "Content_Type": media_types.OCI_MANIFEST}
    given = {} if lacking == "everything" else {k: v for k, v in headers.items() if k != lacking}

    def bare(h: Handler) -> bool:
        h.answer(200, MANIFEST.raw, **given)
        return True

    server.before(only(bare, part="/manifests/"))
    assert repository().resolve("v1") == ROOT
    assert [r.method for r in server.seen(part="/manifests/")] == ["HEAD", "GET"]


def test_a_registry_that_lies_about_a_digest(server: Server, repository: Make) -> None:
    wrong = str(Digest.of(b"other"))

    def lies(h: Handler) -> bool:
        h.answer(200, MANIFEST.raw, Docker_Content_Digest=wrong, Content_Type=media_types.OCI_MANIFEST)
        return True

    server.before(only(lies, part="/manifests/"))
    found = repository().resolve("v1")
    with pytest.raises(Corrupt, match=wrong):
        repository().open(found).read()
    with pytest.raises(Corrupt, match="under this digest"):
        repository().resolve(str(ROOT.digest))


def test_a_manifest_that_is_not_what_was_asked_for(server: Server, repository: Make) -> None:
    server.manifests["a/b", str(ROOT.digest)] = (media_types.OCI_MANIFEST, MANIFEST.raw[:-1] + b" ")
    with pytest.raises(Corrupt, match="the content is"):
        repository().open(ROOT).read()


def test_a_huge_manifest_is_not_read(server: Server, repository: Make) -> None:
    sent = []

    def huge(h: Handler) -> bool:
        h.send_response(200)
        h.send_header("Content-Type", media_types.OCI_MANIFEST)
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        for _ in range(100_000):
            h.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
            sent.append(65536)
        return True

    server.before(only(huge, "GET", "/manifests/"), only(fails(404), "HEAD"))
    with pytest.raises(Corrupt, match="more than the limit"):
        repository().resolve("v1")
    assert sum(sent) < 64 << 20
    with pytest.raises(Corrupt, match="limit"):
        repository().open(Descriptor(media_types.OCI_MANIFEST, ROOT.digest, 1 << 30))


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"[" * 200_000, "nested"),
        (b'{"a":' * 200_000, "nested"),
        (b'{"schemaVersion":2,"manifests":' + b"[" * 2000 + b"]" * 2000 + b"}", "nested"),
        (b"nonsense", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b'{"schemaVersion":1e999}', "JSON"),
    ],
    ids=["arrays", "objects", "deep", "text", "binary", "numbers"],
)
def test_json_bombs_are_refused(server: Server, repository: Make, raw: bytes, problem: str) -> None:
    def bomb(h: Handler) -> bool:
        h.answer(200, raw)
        return True

    server.before(only(bomb, "GET", "/manifests/"))
    with pytest.raises(Corrupt, match=problem):
        repository().resolve("v1")


def test_an_index_that_contains_itself_or_goes_too_deep(server: Server, repository: Make) -> None:
    node = ROOT
    tagged(server)
    for _ in range(12):
        index = Index.of([node])
        tagged(server, index.raw, media_types.OCI_INDEX, "deep")
        node = index.descriptor()
    with pytest.raises(Corrupt, match="too deep"):
        copy(repository(), repository().resolve("deep"), Memory())


def test_schema_1_is_refused(server: Server, repository: Make) -> None:
    tagged(server, b'{"schemaVersion":1,"name":"x"}', media_types.DOCKER_SCHEMA1_SIGNED)
    with pytest.raises(Unsupported, match="schema 1"):
        copy(repository(), repository().resolve("v1"), Memory())


def test_a_missing_tag_in_docker_words(server: Server, repository: Make) -> None:
    wanted = f"manifest for {server.host}/a/b:nosuch not found: manifest unknown: manifest unknown"
    with pytest.raises(NotFound) as caught:
        repository().resolve("nosuch")
    assert str(caught.value) == wanted


@pytest.mark.parametrize(("status", "code"), [(403, "DENIED"), (401, "UNAUTHORIZED")])
def test_no_access_in_docker_words(server: Server, repository: Make, status: int, code: str) -> None:
    server.before(only(fails(status, code, "requested access to the resource is denied"), part="/manifests/"))
    with pytest.raises(Denied) as caught:
        repository().resolve("v1")
    assert str(caught.value) == (
        f"pull access denied for {server.host}/a/b, repository does not exist or may require 'docker login': "
        f"{code.lower()}: requested access to the resource is denied"
    )
    assert "scow login" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"\x1b[31mred\x07", "HTTP status: 500"),
        (b'{"errors":[{"code":"X\\u001b[2J","message":"\\u001b[31mred\\n' + b"long" * 1000 + b'"}]}', "red"),
        (b'{"errors":"no list"}', "HTTP status: 500"),
        (b'{"errors":[]}', "HTTP status: 500"),
        (b"[" * 60_000, "HTTP status: 500"),
        (b"x" * 1_000_000, "HTTP status: 500"),
    ],
)
def test_hostile_refusals(server: Server, repository: Make, body: bytes, shown: str) -> None:
    def refuses(h: Handler) -> bool:
        h.answer(500, body)
        h.close_connection = True
        return True

    server.before(only(refuses, part="/blobs/"))
    with pytest.raises(Unavailable, match=shown) as caught:
        repository().open(CONFIG)
    text = str(caught.value)
    assert text.isprintable() and len(text) < 1000


def test_rate_limits_are_waited_for(server: Server, repository: Make) -> None:
    tagged(server)
    server.before(only(fails(429, "TOOMANYREQUESTS", Retry_After="1"), part="/manifests/", times=1))
    import time

    before = time.monotonic()
    repository().resolve("v1")
    assert time.monotonic() - before >= 1


def test_but_not_longer_than_patience(server: Server, repository: Make) -> None:
    server.before(only(fails(429, "TOOMANYREQUESTS", "You have reached your pull rate limit", Retry_After="3600")))
    with pytest.raises(Unavailable, match="toomanyrequests: You have reached your pull rate limit") as caught:
        repository().open(CONFIG)
    assert "3600 s" in (caught.value.hint or "")
    assert len(server.seen(part="/blobs/")) == 1


@pytest.mark.parametrize("page", [0, 1, 3])
def test_tags_page_by_page(server: Server, repository: Make, page: int) -> None:
    wanted = [f"v{n}" for n in range(7)]
    for tag in wanted:
        tagged(server, tag=tag)
    server.page = page
    assert list(repository().tags()) == wanted


def test_tags_that_go_in_circles_end(server: Server, repository: Make) -> None:
    def circle(h: Handler) -> bool:
        h.answer(200, json.dumps({"tags": ["a"]}).encode(), Link=f"<{h.path}>; rel=next")
        return True

    server.before(only(circle, part="/tags/"))
    assert list(repository().tags()) == ["a"]


def test_tags_of_nothing(server: Server, repository: Make) -> None:
    with pytest.raises(NotFound, match=r"repository .*a/b not found: name unknown"):
        list(repository().tags())


@pytest.mark.parametrize("doc", [b"[]", b'{"tags": {}}', b'{"tags": [1]}', b"x"])
def test_hostile_lists_of_tags(server: Server, repository: Make, doc: bytes) -> None:
    def says(h: Handler) -> bool:
        h.answer(200, doc)
        return True

    server.before(only(says, part="/tags/"))
    with pytest.raises(Corrupt):
        list(repository().tags())


def test_copy_both_ways(server: Server, repository: Make) -> None:
    """The whole of a graph there and back, by the verb that everything uses."""
    memory = Memory()
    root = index(memory, sample(b"one", bytes(300_000)), sample(b"two", b"one"), platforms=False)
    up = repository(push=True)
    copy(memory, root, up)
    up.tag("latest", root)
    back = Memory()
    copy(repository(), repository().resolve("latest"), back)
    assert sorted(str(d.digest) for d in back.walk()) == sorted(
        {ref for _, ref in server.manifests if ":" in ref} | {d for _, d in server.blobs}
    )
    before = len(server.seen("PATCH") + server.seen("POST"))
    copy(memory, root, up)
    assert len(server.seen("PATCH") + server.seen("POST")) == before, "what is there is not sent again"


def test_a_manifest_is_put_by_digest_and_by_tag(server: Server, repository: Make) -> None:
    r = repository(push=True)
    r.put(CONFIG, io.BytesIO(b"{}"))
    r.put(ROOT, io.BytesIO(MANIFEST.raw))
    r.tag("x", ROOT)
    assert server.manifests["a/b", "x"] == (media_types.OCI_MANIFEST, MANIFEST.raw)
    with pytest.raises(Corrupt):
        r.put(ROOT, io.BytesIO(b"other"))


def test_a_registry_that_renames_what_it_is_given(server: Server, repository: Make) -> None:
    def renames(h: Handler) -> bool:
        h.read()
        h.answer(201, Docker_Content_Digest=str(Digest.of(b"other")))
        return True

    server.before(only(renames, "PUT", "/manifests/"))
    with pytest.raises(Corrupt, match="the registry calls"):
        repository(push=True).put(ROOT, io.BytesIO(MANIFEST.raw))


@pytest.mark.parametrize("name", ["v1", "sha256:" + "0" * 64])
def test_errors_never_escape_as_python_errors(server: Server, repository: Make, name: str) -> None:
    """Whatever bytes come instead of HTTP."""
    for reply in (b"", b"\0" * 100, b"HTTP/9.9 999 x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
                  b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", b"HTTP/1.1 abc\r\n\r\n",
                  b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 200 OK\r\nA" + b"a" * 70000):  # fmt: skip

        def raw(h: Handler, reply: bytes = reply) -> bool:
            h.wfile.write(reply)
            h.cut()
            return True

        server.rules[:] = [only(raw, part="/manifests/")]
        with pytest.raises(Error):
            repository().resolve(name)
