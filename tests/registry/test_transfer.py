"""Blobs down and up, through everything that breaks."""

from __future__ import annotations

import io
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.registry.server import Handler, Server, digest_of, drops, fails, only, stalls, truncates

from scow.errors import Corrupt, Denied, Error, Invalid, NotFound, Unavailable
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.media_types import OCTETS
from scow.registry.body import Made

if TYPE_CHECKING:
    from tests.registry.conftest import Make

    from scow.registry.transport import Transport

pytestmark = pytest.mark.timeout(30)
DATA = os.urandom(700_000)
BLOB = Descriptor.of(OCTETS, DATA)
SMALL = Descriptor.of(OCTETS, b"small")


def kept(server: Server, data: bytes = DATA, name: str = "a/b") -> None:
    server.blobs[name, digest_of(data)] = data


# down


def test_a_blob_arrives_whole_and_verified(server: Server, repository: Make) -> None:
    kept(server)
    with repository().open(BLOB) as stream:
        assert stream.read() == DATA
    assert len(server.seen("GET", "/blobs/")) == 1


def test_an_empty_blob(server: Server, repository: Make) -> None:
    kept(server, b"")
    assert repository().open(Descriptor.of(OCTETS, b"")).read() == b""


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(server: Server, repository: Make, ranges: bool) -> None:
    kept(server)
    server.ranges = ranges
    server.before(only(truncates(100_000), "GET", "/blobs/", times=1))
    if ranges:
        server.before(only(truncates(200_000), "GET", "/blobs/", times=1))
    assert repository().open(BLOB).read() == DATA
    wanted = [r["Range"] for r in server.seen("GET", "/blobs/")]
    assert wanted[:2] == ["", "bytes=100000-"]
    if ranges:
        assert wanted[2] == "bytes=300000-"


def test_progress_renews_patience(server: Server, repository: Make) -> None:
    kept(server)
    server.before(only(truncates(50_000), "GET", "/blobs/", times=12))
    assert repository().open(BLOB).read() == DATA


def test_a_download_that_never_moves_is_given_up(server: Server, repository: Make) -> None:
    kept(server)
    server.before(only(truncates(0), "GET", "/blobs/"))
    with pytest.raises(Unavailable, match=r"too early|closed"):
        repository().open(BLOB).read()
    assert len(server.seen("GET", "/blobs/")) <= 6


def test_a_stalled_download_times_out_and_goes_on(server: Server, repository: Make) -> None:
    kept(server)

    def half(h: Handler) -> bool:
        h.send_response(200)
        h.send_header("Content-Length", str(len(DATA)))
        h.end_headers()
        h.wfile.write(DATA[:300_000])
        h.wfile.flush()
        h.server.over.wait(3)
        return True

    server.before(only(half, "GET", "/blobs/", times=1))
    before = time.monotonic()
    assert repository().open(BLOB).read() == DATA
    assert time.monotonic() - before < 6
    assert server.seen("GET", "/blobs/")[1]["Range"] != ""


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (DATA[:-1] + b"!", "the content is"),
        (DATA[:-1], "the registry has"),
        (DATA + b"!", "the registry has"),
        (b"", "the registry has"),
    ],
    ids=["changed", "short", "long", "empty"],
)
def test_another_blob_than_asked_for_is_corrupt(server: Server, repository: Make, data: bytes, problem: str) -> None:
    server.blobs["a/b", str(BLOB.digest)] = data
    with pytest.raises(Corrupt, match=problem):
        repository().open(BLOB).read()


def test_too_much_without_a_length_is_corrupt(server: Server, repository: Make) -> None:
    def endless(h: Handler) -> bool:
        h.send_response(200)
        h.send_header("Connection", "close")
        h.end_headers()
        h.wfile.write(DATA + b"more")
        h.close_connection = True
        return True

    server.before(only(endless, "GET", "/blobs/"))
    with pytest.raises(Corrupt, match="more than"):
        repository().open(BLOB).read()


@pytest.mark.parametrize("said", ["bytes 0-99/700000", "bytes 100000-699999/700001", "nonsense", ""])
def test_a_wrong_range_is_corrupt(server: Server, repository: Make, said: str) -> None:
    kept(server)

    def wrong(h: Handler) -> bool:
        if not h.headers.get("Range"):
            return False
        h.answer(206, DATA[100_000:], Content_Range=said)
        return True

    server.before(only(truncates(100_000), "GET", "/blobs/", times=1), wrong)
    with pytest.raises(Corrupt, match="asked for bytes from 100000"):
        repository().open(BLOB).read()


def test_a_missing_blob_is_named(server: Server, repository: Make) -> None:
    with pytest.raises(NotFound, match=f"{BLOB.digest}: blob unknown: blob unknown to registry"):
        repository().open(BLOB)


# up


def test_put_uploads_and_is_there(server: Server, repository: Make) -> None:
    r = repository(push=True)
    assert not r.has(BLOB)
    r.put(BLOB, io.BytesIO(DATA))
    assert r.has(BLOB)
    assert server.blobs["a/b", str(BLOB.digest)] == DATA
    assert [x.method for x in server.requests] == ["GET", "HEAD", "POST", "PATCH", "PUT", "HEAD"]


def test_small_blobs_go_in_one_put(server: Server, repository: Make) -> None:
    repository(push=True).put(SMALL, io.BytesIO(b"small"))
    assert server.seen("PATCH") == []
    assert server.blobs["a/b", str(SMALL.digest)] == b"small"


@pytest.mark.parametrize("wrong", [DATA[:-1], DATA + b"x", b"x" + DATA[1:]], ids=["short", "long", "changed"])
def test_wrong_content_is_not_named(server: Server, repository: Make, wrong: bytes) -> None:
    with pytest.raises((Corrupt, Unavailable)) as caught:
        repository(push=True).put(BLOB, io.BytesIO(wrong))
    assert isinstance(caught.value, Corrupt), caught.value
    assert server.blobs == {}


def test_a_stream_of_unknown_size_is_sent_in_chunks(server: Server, repository: Make) -> None:
    body = Made(lambda write: [write(DATA[i : i + 5000]) for i in range(0, len(DATA), 5000)] and None)
    assert repository(push=True).upload(body) == Digest.of(DATA)
    assert server.seen("PATCH")[0]["Transfer-Encoding"] == "chunked"
    assert server.blobs["a/b", str(BLOB.digest)] == DATA
    assert body.length == len(DATA)


def takes_half(h: Handler) -> bool:
    """A PATCH that breaks off in the middle; the session keeps what came."""
    name = h.place.rpartition("/")[2]
    h.server.uploads[name].data += h.read(300_000)
    h.cut()
    return True


@pytest.mark.parametrize("known", [True, False], ids=["with a length", "chunked"])
def test_a_broken_upload_goes_on_where_the_server_is(server: Server, repository: Make, known: bool) -> None:
    server.before(only(takes_half, "PATCH", times=1))
    r = repository(push=True)
    if known:
        r.put(BLOB, io.BytesIO(DATA))
    else:
        r.upload(Made(lambda write: write(DATA)))
    assert server.blobs["a/b", str(BLOB.digest)] == DATA
    patches = server.seen("PATCH")
    assert len(patches) == 2
    assert len(patches[1].body) == len(DATA) - 300_000
    if known:
        assert patches[1]["Content-Range"] == f"300000-{len(DATA) - 1}"


def test_a_session_that_is_gone_is_begun_anew(server: Server, repository: Make) -> None:
    def forgets(h: Handler) -> bool:
        h.read(100_000)
        h.server.uploads.clear()
        h.cut()
        return True

    server.before(only(forgets, "PATCH", times=2))
    repository(push=True).upload(Made(lambda write: write(DATA)))
    assert server.blobs["a/b", str(BLOB.digest)] == DATA
    assert len(server.seen("POST")) == 3


def test_sessions_that_always_vanish_end_the_upload(server: Server, repository: Make) -> None:
    def forgets(h: Handler) -> bool:
        h.server.uploads.clear()
        h.cut()
        return True

    server.before(only(forgets, "PATCH"))
    with pytest.raises(Unavailable):
        repository(push=True).upload(Made(lambda write: write(DATA)))


def test_a_lost_answer_to_the_last_put_is_no_loss(server: Server, repository: Make) -> None:
    def kept_but_silent(h: Handler) -> bool:
        name = h.place.rpartition("/")[2]
        h.server.blobs["a/b", str(BLOB.digest)] = bytes(h.server.uploads.pop(name).data)
        h.cut()
        return True

    server.before(only(kept_but_silent, "PUT", "/uploads/", times=1))
    repository(push=True).put(BLOB, io.BytesIO(DATA))
    assert server.blobs["a/b", str(BLOB.digest)] == DATA


def test_a_busy_registry_is_given_time_to_take_an_upload(server: Server, repository: Make) -> None:
    server.before(only(fails(503), "PATCH", times=1), only(fails(429, Retry_After="0"), "PUT", times=2))
    repository(push=True).upload(Made(lambda write: write(DATA)))
    assert server.blobs["a/b", str(BLOB.digest)] == DATA


def test_an_upload_that_is_refused_says_why(server: Server, repository: Make) -> None:
    server.before(only(fails(413, "SIZE_INVALID", "quota exceeded"), "PATCH"))
    with pytest.raises(Invalid, match="size invalid: quota exceeded"):
        repository(push=True).upload(Made(lambda write: write(DATA * 20)))
    server.rules.clear()
    server.before(only(fails(403, "DENIED", "requested access to the resource is denied"), "POST"))
    with pytest.raises(Denied, match=r"^denied: requested access to the resource is denied$"):
        repository(push=True).put(BLOB, io.BytesIO(DATA))


def test_a_digest_the_registry_does_not_believe(server: Server, repository: Make) -> None:
    def garbles(h: Handler) -> bool:
        h.server.uploads[h.place.rpartition("/")[2]].data += b"x"
        return False

    server.before(only(garbles, "PUT", times=1))
    with pytest.raises(Invalid, match="digest invalid"):
        repository(push=True).put(BLOB, io.BytesIO(DATA))


def test_mounting_spares_an_upload(server: Server, repository: Make) -> None:
    kept(server, DATA, "other/one")
    r = repository(push=True)
    assert r.mount(BLOB.digest, "other/one")
    assert r.has(BLOB)
    assert not r.mount(SMALL.digest, "other/one")
    assert server.uploads == {}, "the session that a failed mount opens is closed"


@pytest.mark.parametrize("rule", [drops, stalls(2), fails(500)], ids=["drops", "stalls", "500"])
def test_requests_are_repeated(server: Server, repository: Make, rule: object) -> None:
    kept(server)
    server.before(only(rule, "HEAD", times=1))  # type: ignore[arg-type]
    assert repository().has(BLOB)


@pytest.mark.parametrize("rule", [drops, fails(502), stalls(1.2)], ids=["drops", "502", "stalls"])
def test_but_not_for_ever(server: Server, repository: Make, rule: object) -> None:
    server.before(only(rule, "HEAD"))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        repository().has(BLOB)
    assert len(server.seen("HEAD")) in (4, 5), "a connection that was idle may have been closed meanwhile"


def test_an_interrupt_ends_waiting_threads_at_once(server: Server, repository: Make, transport: Transport) -> None:
    server.before(only(stalls(20), "HEAD"))
    problems: list[Error] = []

    def ask() -> None:
        try:
            repository().has(BLOB)
        except Error as e:
            problems.append(e)

    thread = threading.Thread(target=ask)
    thread.start()
    while not server.seen("HEAD"):
        time.sleep(0.01)
    before = time.monotonic()
    transport.interrupt()
    thread.join(5)
    assert not thread.is_alive() and time.monotonic() - before < 0.5
    assert len(problems) == 1
