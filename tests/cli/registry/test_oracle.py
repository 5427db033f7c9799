"""Against Debian's docker-registry (Debian package of that name), and with skopeo at the other end where it is there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from tests.cli.images.test_image_verbs import made
from tests.conftest import Scow, throw_away
from tests.peers import peers_up

REGISTRY = "/usr/bin/docker-registry"
PEERS = "/opt/peers/bin"
HOST_SIDE = "10.251.77.1"
"""This machine as the peers see it."""
ALICE = "alice:$2b$12$xtBn71yf8PfMc/e1QCkUPusaQMwRlhVlvVXO0jAic9PVMnqJLMtHW"

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.timeout(60),
    pytest.mark.skipif(not os.path.exists(REGISTRY), reason="docker-registry is not installed"),
]


def serve(folder: str, auth: str = "") -> tuple[subprocess.Popen[bytes], int]:
    with socket.create_server(("127.0.0.1", 0)) as s:
        port: int = s.getsockname()[1]
    os.makedirs(folder)
    with open(f"{folder}/config.yml", "w") as f:
        f.write(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n"
            f'http: {{addr: "0.0.0.0:{port}"}}\n{auth}'
        )
    log = open(f"{folder}/log", "wb")
    process = subprocess.Popen([REGISTRY, "serve", f"{folder}/config.yml"], stdout=log, stderr=log)
    log.close()
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        except OSError:
            time.sleep(0.05)
    process.kill()
    raise AssertionError("docker-registry does not come up")


@pytest.fixture
def registry(tmp_path: os.PathLike[str]) -> Iterator[int]:
    process, port = serve(os.path.join(tmp_path, "registry"))
    yield port
    process.terminate()
    process.wait(10)


@pytest.fixture(autouse=True)
def own_home(scow: Scow, tmp_path: os.PathLike[str]) -> None:
    scow.environment.update(HOME=str(tmp_path), DOCKER_CONFIG=os.path.join(tmp_path, "docker"))


@pytest.fixture
def other(tmp_path: os.PathLike[str], scow: Scow) -> Iterator[Scow]:
    program = Scow(os.path.join(tmp_path, "other"), scow.environment)
    yield program
    throw_away(program.root)


def test_there_and_back(scow: Scow, other: Scow, registry: int, tmp_path: os.PathLike[str]) -> None:
    name = f"localhost:{registry}/team/app"
    with open(os.path.join(tmp_path, "big"), "wb") as f:
        f.write(os.urandom(3 << 20) + bytes(5 << 20))
    with open(os.path.join(tmp_path, "Dockerfile"), "w") as f:
        f.write("FROM scratch\nCOPY big /\nCOPY Dockerfile /\nLABEL a=b\n")
    scow("build", "-q", "-t", f"{name}:1", str(tmp_path))
    scow("tag", f"{name}:1", f"{name}:2")
    assert "Pushed" in scow("push", f"{name}:1").stdout
    assert scow("push", "-a", name).stdout.count("digest: sha256:") == 2
    other("pull", "-aq", name)
    assert other("images", "-q", "--no-trunc").stdout.split() == scow("images", "-q", "--no-trunc").stdout.split()
    other("tag", f"{name}:1", f"localhost:{registry}/copy")
    assert other("push", f"localhost:{registry}/copy").stdout.count("Mounted from team/app") == 2
    other("rmi", f"localhost:{registry}/copy")
    assert "Downloaded newer" in other("pull", f"localhost:{registry}/copy").stdout
    assert "manifest unknown" in other("pull", f"{name}:nosuch", code=1).stderr


def test_with_a_password(scow: Scow, tmp_path: os.PathLike[str]) -> None:
    with open(os.path.join(tmp_path, "htpasswd"), "w") as f:
        f.write(ALICE + "\n")
    auth = f"auth: {{htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}}}\n"
    process, port = serve(os.path.join(tmp_path, "registry"), auth)
    try:
        host = f"localhost:{port}"
        made(scow, f"{host}/app")
        assert "no basic auth credentials" in scow("push", f"{host}/app", code=1).stderr
        assert "unauthorized" in scow("login", "-u", "alice", "--password-stdin", host, stdin="no", code=1).stderr
        scow("login", "-u", "alice", "--password-stdin", host, stdin="secret")
        scow("push", "-q", f"{host}/app")
        assert "up to date" in scow("pull", f"{host}/app").stdout
        scow("logout", host)
        assert "pull access denied" in scow("pull", f"{host}/app", code=1).stderr
    finally:
        process.terminate()
        process.wait(10)


def test_a_registry_that_is_killed_in_the_middle(scow: Scow, other: Scow, tmp_path: os.PathLike[str]) -> None:
    folder = os.path.join(tmp_path, "registry")
    process, port = serve(folder)
    name = f"localhost:{port}/app"
    made(scow, name, a="x" * 1000)
    scow("push", "-q", name)
    process.kill()
    process.wait()
    assert "connection refused" in other("pull", name, code=1).stderr
    again = subprocess.Popen([REGISTRY, "serve", f"{folder}/config.yml"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if other("pull", "-q", name, code=None).returncode == 0:
                break
            time.sleep(0.05)
        assert other("images", "-q").stdout != ""
    finally:
        again.terminate()
        again.wait(10)


@pytest.mark.skipif(not peers_up() or not os.path.exists(f"{PEERS}/skopeo"), reason="skopeo is not up")
def test_skopeo_reads_what_we_push_and_we_what_it_pushes(scow: Scow, other: Scow, registry: int) -> None:
    def skopeo(*words: str) -> str:
        done = subprocess.run([f"{PEERS}/skopeo", *words], capture_output=True, text=True, timeout=50, check=False)
        if done.returncode:
            pytest.fail(done.stderr)
        return done.stdout

    image = made(scow, f"localhost:{registry}/app:1", a="hello", b="x" * 100_000)
    scow("push", "-q", f"localhost:{registry}/app:1")
    there = f"docker://{HOST_SIDE}:{registry}"
    shown = json.loads(skopeo("inspect", "--tls-verify=false", f"{there}/app:1"))
    digests = scow("images", "--digests", "--format", "{{.Digest}}").stdout.split()
    assert shown["Digest"] == digests[0]
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo("copy", "-q", *plain, "--format", "v2s2", f"{there}/app:1", f"{there}/schema2:1")
    skopeo(
        "copy", "-q", *plain, "--dest-compress-format", "zstd", "--format", "oci", f"{there}/app:1", f"{there}/zstd:1"
    )
    for repository in ("schema2", "zstd"):
        other("pull", "-q", f"localhost:{registry}/{repository}:1")
    layers = {
        other("inspect", "-f", "{{json .RootFS.Layers}}", f"localhost:{registry}/{n}:1").stdout
        for n in ("schema2", "zstd")
    }
    assert layers == {scow("inspect", "-f", "{{json .RootFS.Layers}}", image).stdout}
