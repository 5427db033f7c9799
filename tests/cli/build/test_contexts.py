"""Where a build's files come from."""

from __future__ import annotations

import functools
import gzip
import http.server
import io
import os
import shutil
import socketserver
import subprocess
import tarfile
import threading
from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="needs git")
FILES = {"Dockerfile": "FROM scratch\nCOPY f d /\n", "f": "in f", "d/g": "in g"}


def packed(files: dict[str, str] = FILES, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.fixture
def web(tmp_path) -> Iterator[tuple[str, str]]:
    """A folder and its address."""
    top = tmp_path / "web"
    top.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args):
            pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), functools.partial(Quiet, directory=str(top)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield str(top), f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def repository(web) -> tuple[str, str]:
    """A repository with a subfolder and a tag, and its address over http (git's dumb protocol)."""
    top, address = web
    work = f"{top}/work"
    environment = {
        "PATH": os.environ["PATH"], "HOME": top, "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER") for k, v in
           {"NAME": "t", "EMAIL": "t@t", "DATE": "1000000000 +0000"}.items()},
    }  # fmt: skip

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", work, *words], check=True, env=environment, capture_output=True)

    for name, text in {**FILES, "sub/Dockerfile": "FROM scratch\nCOPY s /\n", "sub/s": "in s"}.items():
        path = os.path.join(work, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("tag", "v1")
    with open(f"{work}/f", "w") as f:
        f.write("changed")
    git("commit", "-q", "-a", "-m", "two")
    subprocess.run(["git", "clone", "-q", "--bare", work, f"{top}/repo.git"], check=True, env=environment)
    subprocess.run(["git", "-C", f"{top}/repo.git", "update-server-info"], check=True, env=environment)
    return top, f"{address}/repo.git"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_archive_on_standard_input(build, mode):
    build.at("-", "-t", "piped", stdin=packed(mode=mode))
    assert sorted(build.read("piped").files) == ["f", "g"]


def test_archive_with_another_build_file(build, tmp_path):
    build.at("-", "-t", "piped", "-f", "sub/Other", stdin=packed({**FILES, "sub/Other": "FROM scratch\nCOPY f /o\n"}))
    assert list(build.read("piped").files) == ["o"]


def test_archive_without_a_build_file(build):
    done = build.at("-", stdin=packed({"f": "x"}), code=1)
    assert "failed to read dockerfile: open Dockerfile: no such file or directory" in done.stderr


@pytest.mark.parametrize("cut", [30, 600, 2561])
def test_broken_archive(build, cut):
    done = build.at("-", stdin=gzip.compress(packed(mode="w"))[:30] if cut == 30 else packed()[:cut], code=1)
    assert "ERROR: failed to build: failed to solve: " in done.stderr


def test_build_file_on_standard_input(build):
    build.at("-", "-t", "text", stdin="FROM busybox\nRUN echo x > /from-stdin\n")
    assert build.read("text").text("from-stdin") == "x\n"
    done = build.at("-", stdin="FROM busybox\nCOPY f /\n", code=1)
    assert '"/f": not found' in done.stderr
    assert "the Dockerfile cannot be empty" in build.at("-", stdin="", code=1).stderr
    both = build.at("-", "-f", "-", stdin="FROM busybox\n", code=1).stderr
    assert "invalid argument: can't use stdin for both build context and dockerfile" in both


def test_address_of_an_archive_and_of_a_build_file(build, web):
    top, address = web
    for name, data in {
        "a.tar": packed(),
        "a.tgz": packed(mode="w:gz"),
        "D": b"FROM busybox\nRUN touch /alone\n",
    }.items():
        with open(f"{top}/{name}", "wb") as f:
            f.write(data)
    for name in ("a.tar", "a.tgz"):
        build.at(f"{address}/{name}", "-t", "web")
        assert sorted(build.read("web").files) == ["f", "g"]
    build.at(f"{address}/D", "-t", "web")
    assert "alone" in build.read("web")
    assert "404" in build.at(f"{address}/missing", code=1).stderr
    assert "ERROR: failed to build: failed to solve: " in build.at("http://127.0.0.1:1/x", code=1).stderr


@needs_git
def test_repositories(build, repository):
    _top, address = repository
    build.at(address, "-t", "git")
    assert build.read("git").text("f") == "changed"
    build.at(f"{address}#v1", "-t", "git")
    assert build.read("git").text("f") == "in f"
    build.at(f"{address}#main:sub", "-t", "git")
    assert build.read("git").text("s") == "in s"
    done = build.at(f"{address}#nope", code=1)
    assert "nope" in done.stderr and "ERROR: failed to build: failed to solve: " in done.stderr
    assert build.at(f"{address}#main:nope", code=1).returncode == 1


@needs_git
def test_repository_as_source_of_add(build, repository):
    _top, address = repository
    image = build.image(f"FROM scratch\nADD {address}#v1 /src\nADD {address}#main:sub /sub\n")
    assert image.text("src/f") == "in f" and image.below("sub") == ["sub/Dockerfile", "sub/s"]
    assert not any(".git/" in n for n in image.files)


def test_add_from_an_address(build, web):
    top, address = web
    with open(f"{top}/file", "w") as f:
        f.write("from the web")
    image = build.image(f"FROM scratch\nADD {address}/file /\nADD --chmod=755 {address}/file /renamed\n")
    assert image.text("file") == image.text("renamed") == "from the web"
    assert image.info("file").mode & 0o777 == 0o600 and image.info("renamed").mode & 0o777 == 0o755
    done = build(f"FROM scratch\nADD --checksum=sha256:{'0' * 64} {address}/file /\n", code=1)
    assert "digest mismatch" in done.stderr


def test_ignore_file(build):
    files = {
        ".dockerignore": "# comment\n*.log\n!keep.log\nd/**\n!d/g\nDockerfile\n.dockerignore\n", "a.log": "", "keep.log": "k",
        "d/g": "g", "d/h": "h", "x": "x",
    }  # fmt: skip
    image = build.image("FROM scratch\nCOPY . /\n", files=files)
    assert sorted(image.files) == ["d", "d/g", "keep.log", "x"]
    done = build("FROM scratch\nCOPY d/h /\n", files=files, code=1)
    assert '"/d/h": not found' in done.stderr and ".dockerignore" in done.stderr


def test_ignore_file_of_a_build_file_of_its_own(build):
    place = build.context({
        "Other": "FROM scratch\nCOPY . /\n", "Other.dockerignore": "*\n!only\n", ".dockerignore": "only\n",
        "only": "o", "more": "m",
    })  # fmt: skip
    build.at(place, "-f", f"{place}/Other", "-t", "own")
    assert list(build.read("own").files) == ["only"]
