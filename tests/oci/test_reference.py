"""The cases of distribution/reference's own tests, and what docker 28.5 said to ``docker tag`` and ``pull``."""

from __future__ import annotations

import os
import subprocess
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scow.errors import Invalid
from scow.oci.digest import Digest
from scow.oci.reference import Reference, is_tag

F = "f" * 64
SHA = f"sha256:{F}"
HEX64 = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "familiar"),
    [
        ("alpine", "docker.io", "library/alpine", None, "alpine"),
        ("alpine:3", "docker.io", "library/alpine", "3", "alpine:3"),
        ("test_com", "docker.io", "library/test_com", None, "test_com"),
        ("test.com:tag", "docker.io", "library/test.com", "tag", "test.com:tag"),
        ("test.com:5000", "docker.io", "library/test.com", "5000", "test.com:5000"),
        ("test.com/repo:tag", "test.com", "repo", "tag", "test.com/repo:tag"),
        ("test:5000/repo", "test:5000", "repo", None, "test:5000/repo"),
        ("test:5000/repo:tag", "test:5000", "repo", "tag", "test:5000/repo:tag"),
        ("lowercase:Uppercase", "docker.io", "library/lowercase", "Uppercase", "lowercase:Uppercase"),
        ("docker.io/debian", "docker.io", "library/debian", None, "debian"),
        ("docker.io/library/debian", "docker.io", "library/debian", None, "debian"),
        ("index.docker.io/debian", "docker.io", "library/debian", None, "debian"),
        ("index.docker.io/fooo/bar", "docker.io", "fooo/bar", None, "fooo/bar"),
        ("library/ubuntu", "docker.io", "library/ubuntu", None, "ubuntu"),
        ("library/foo/bar", "docker.io", "library/foo/bar", None, "library/foo/bar"),
        ("other/library", "docker.io", "other/library", None, "other/library"),
        ("localhost/fooo", "localhost", "fooo", None, "localhost/fooo"),
        ("localhost:5000/fooo", "localhost:5000", "fooo", None, "localhost:5000/fooo"),
        ("localhost", "docker.io", "library/localhost", None, "localhost"),
        ("LOCALDOMAIN/fooo", "LOCALDOMAIN", "fooo", None, "LOCALDOMAIN/fooo"),
        ("Foo/bar", "Foo", "bar", None, "Foo/bar"),
        ("127.0.0.1:8000/private/moonbase", "127.0.0.1:8000", "private/moonbase", None, None),
        ("192.168.1.1:5000/repo:5050", "192.168.1.1:5000", "repo", "5050", None),
        ("sub-dom1.foo.com/bar/baz/quux:some-long-tag", "sub-dom1.foo.com", "bar/baz/quux", "some-long-tag", None),
        ("b.gcr.io/test.example.com/my-app:test.example.com", "b.gcr.io", "test.example.com/my-app", None, None),
        ("xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "myimage", "xn--n3h.com", None),
        ("foo/foo_bar.com:8080", "docker.io", "foo/foo_bar.com", "8080", None),
        ("[2001:db8::1]/repo", "[2001:db8::1]", "repo", None, None),
        ("[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]", "repo", "tag", None),
        ("[2001:db8::1]:5000/repo:tag", "[2001:db8::1]:5000", "repo", "tag", None),
        ("[::1]:5000/repo", "[::1]:5000", "repo", None, None),
        ("example.com/" + "a" * 255 + ":tag", "example.com", "a" * 255, "tag", None),
        ("a/" * 127 + "a:tag-puts-this-over-max", "docker.io", "a/" * 127 + "a", "tag-puts-this-over-max", None),
        ("docker---rules/docker", "docker.io", "docker---rules/docker", None, None),
        ("dock__er/docker", "docker.io", "dock__er/docker", None, None),
        ("d/docker", "docker.io", "d/docker", None, None),
        ("docker.io/" + HEX64, "docker.io", "library/" + HEX64, None, HEX64),
        ("a.b/x:_t", "a.b", "x", "_t", None),
        ("a:" + "t" * 128, "docker.io", "library/a", "t" * 128, None),
        ("foo.bar_baz", "docker.io", "library/foo.bar_baz", None, None),
        # docker reads a host with an underscore as part of the repository, and tags it so
        ("foo_bar.com/x", "", "foo_bar.com/x", None, "foo_bar.com/x"),
    ],
)
def test_parse(text: str, registry: str, repository: str, tag: str | None, familiar: str | None) -> None:
    for suffix, digest in (("", None), (f"@{SHA}", Digest.parse(SHA))):
        ref = Reference.parse(text + suffix, default_tag=None)
        assert (ref.registry, ref.repository, ref.digest) == (registry, repository, digest)
        assert ref.tag == (tag or (text.rpartition(":")[2] if "my-app:" in text else None))
        if familiar and not suffix:
            assert ref.familiar() == familiar
        assert Reference.parse(str(ref), default_tag=None) == ref


def test_the_tag_is_latest_unless_something_is_said() -> None:
    assert str(Reference.parse("alpine")) == "docker.io/library/alpine:latest"
    assert str(Reference.parse(f"alpine@{SHA}")) == f"docker.io/library/alpine@{SHA}"
    assert str(Reference.parse(f"alpine:1@{SHA}")) == f"docker.io/library/alpine:1@{SHA}"
    assert Reference.parse(f"alpine:1@{SHA}").familiar() == f"alpine:1@{SHA}"
    assert Reference.parse("alpine").name == "docker.io/library/alpine"


FORMAT = "invalid reference format"
REFUSED = [
    ("", FORMAT),
    (":justtag", FORMAT),
    (f"@{SHA}", FORMAT),
    ("foo:", FORMAT),
    ("foo@", FORMAT),
    ("foo:-x", FORMAT),
    ("foo:.x", FORMAT),
    ("foo:a:b", FORMAT),
    ("foo:a/b", FORMAT),
    ("a:" + "t" * 129, FORMAT),
    ("foo:tag\n", FORMAT),
    ("foo\n", FORMAT),
    ("foo bar", FORMAT),
    ("foo:Bar/baz", FORMAT),
    ("aa/asdf$$^/aa", FORMAT),
    ("[2001:db8::1]", FORMAT),
    ("[2001:db8::1]:5000", FORMAT),
    ("[2001:db8::1]:tag", FORMAT),
    ("[fe80::1%eth0]:5000/repo", FORMAT),
    ("[fe80::1%@invalidzone]:5000/repo", FORMAT),
    ("[2001:db8:3:4::192.0.2.33]:5000/debian", FORMAT),
    ("[::1/repo", FORMAT),
    ("[]/repo", FORMAT),
    ("[::1]x/repo", FORMAT),
    ("[::1]:/repo", FORMAT),
    ("fc00::1:5000/debian", FORMAT),
    ("https://github.com/docker/docker", FORMAT),
    ("-docker/docker", FORMAT),
    ("docker-/docker", FORMAT),
    ("-docker.io/docker/docker", FORMAT),
    ("docker///docker", FORMAT),
    ("docker/", FORMAT),
    ("/docker", FORMAT),
    ("a.b:/docker", FORMAT),
    ("a.b:5x/docker", FORMAT),
    ("a..b/docker", FORMAT),
    ("____/____", FORMAT),
    ("_docker/_docker", FORMAT),
    ("dock..er/docker", FORMAT),
    ("dock_.er/docker", FORMAT),
    ("dock-.er/docker", FORMAT),
    ("dock___er/docker", FORMAT),
    ("x_y.z:5/foo", FORMAT),
    ("caf\u00e9", FORMAT),
    ("foo:caf\u00e9", FORMAT),
    ("foo:\u0663", FORMAT),
    ("\u0663", FORMAT),
    ("foo@sha256:abc", FORMAT),
    (f"foo@-a:{F}", FORMAT),
    (f"foo@1a:{F}", FORMAT),
    (f"foo@sha256:{F}@sha256:{F}", FORMAT),
    (f"foo@sha256:{F}:tag", FORMAT),
    ("Foo", f"{FORMAT}: repository name (library/Foo) must be lowercase"),
    ("Uppercase:tag", f"{FORMAT}: repository name (library/Uppercase) must be lowercase"),
    ("docker/Docker", f"{FORMAT}: repository name (docker/Docker) must be lowercase"),
    ("docker.io/docker/Docker", f"{FORMAT}: repository name (docker/Docker) must be lowercase"),
    ("test:5000/Uppercase/lowercase:tag", f"{FORMAT}: repository name (Uppercase/lowercase) must be lowercase"),
    (f"foo@SHA256:{F}", f"{FORMAT}: repository name (library/foo@SHA256) must be lowercase"),
    ("FOO_x/bar", "repository name must be lowercase"),
    (HEX64, f"invalid repository name ({HEX64}), cannot specify 64-byte hexadecimal strings"),
    ("a/" + "a" * 256, "repository name must not be more than 255 characters"),
    ("domain.com/" + "a" * 256 + ":tag", "repository name must not be more than 255 characters"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_refused_in_dockers_words(text: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        Reference.parse(text)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("digest", "words"),
    [
        ("sha256:" + "f" * 34, "invalid checksum digest length"),
        ("sha256:" + F.upper(), "invalid checksum digest format"),
        ("invaliddigest:" + F, "unsupported digest algorithm"),
        ("a+b.c_d-e:" + F, "unsupported digest algorithm"),
    ],
)
def test_digests_have_the_last_word(digest: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        Reference.parse(f"validname@{digest}")


def test_changed_copies() -> None:
    ref = Reference.parse("a.b/c:1")
    assert str(ref.with_tag("2")) == "a.b/c:2"
    assert str(ref.with_digest(Digest.parse(SHA))) == f"a.b/c:1@{SHA}"
    assert str(ref.with_digest(Digest.parse(SHA)).without_tag()) == f"a.b/c@{SHA}"
    for tag in ("", "-a", ".", "a b", "a" * 129, "ü", "a\n"):
        with pytest.raises(Invalid, match=r"^invalid tag format$"):
            ref.with_tag(tag)
        assert not is_tag(tag)


WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=5)
COMPONENT = st.lists(WORD, min_size=1, max_size=3).flatmap(
    lambda words: st.sampled_from([".", "_", "__", "-", "--", "---"]).map(lambda s: s.join(words))
)
LABEL = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,4}[a-zA-Z0-9])?", fullmatch=True)
HOST = st.one_of(
    st.just("localhost"), st.lists(LABEL, min_size=2, max_size=3).map(".".join), st.just("[fc00::1]"), st.just("a:1")
)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(
    st.one_of(st.none(), HOST),
    st.lists(COMPONENT, min_size=1, max_size=4).map("/".join),
    st.one_of(st.none(), TAG),
    st.one_of(st.none(), st.binary(max_size=4).map(Digest.of)),
)
def test_round_trip(host: str | None, path: str, tag: str | None, digest: Digest | None) -> None:
    text = (f"{host}/" if host else "") + path + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    ref = Reference.parse(text, default_tag=None)
    assert (ref.tag, ref.digest) == (tag, digest)
    assert Reference.parse(str(ref), None) == ref
    assert Reference.parse(ref.familiar(), None) == ref
    if host:
        assert (ref.registry, ref.repository) == (host, path)
    else:
        assert ref.familiar() == text.removeprefix("library/") or "/" in path


@given(st.one_of(st.text(max_size=30), st.text("aA1.:/@_-[] %\n", max_size=30)))
def test_any_text_is_invalid_or_stable(text: str) -> None:
    try:
        ref = Reference.parse(text)
    except Invalid:
        return
    assert Reference.parse(str(ref)) == ref
    assert Reference.parse(ref.familiar()) == ref
    assert ".." not in ref.repository.split("/")


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Tests run under the machine's own settings; the peers' environment is optional.
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.oracle
@pytest.mark.skipif(not os.environ.get("DOCKER_HOST"), reason="no docker to compare with (DOCKER_HOST is not set)")
def test_docker_agrees() -> None:
    absent = f"absent-{uuid.uuid4().hex[:12]}"
    for text, words in REFUSED:
        if "\n" in text or not text.isascii() or text.startswith("-"):
            continue
        said = docker("tag", absent, text).stderr.strip()
        assert said.endswith(words), (text, said)
