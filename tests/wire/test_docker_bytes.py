"""Our bytes against docker's own: its log file and its image configs."""

from __future__ import annotations

import io
import os
import shutil
import subprocess

import pytest

from scow.wire.cjson import dumps, loads
from scow.wire.jsonlog import Splitter, decode, encode
from scow.wire.tar import Reader

ODD = b'hi\n\t\r\1"\\<&>\xff\xe2\x82x\xe2\x80\xa8\x7f\xf0\x9f\x98\x80\b\f\n'
LONG = b"a" * 40_000 + b"\n" + b"b" * 16_384 + b"\nend\n"
DOCKER = shutil.which("docker") or "/opt/peers/bin/docker"
ENV = {**os.environ, "DOCKER_HOST": os.environ.get("DOCKER_HOST", "unix:///run/peers/docker.sock")}

pytestmark = pytest.mark.oracle


def docker(*words: str) -> bytes:
    return subprocess.run([DOCKER, *words], env=ENV, stdout=subprocess.PIPE, timeout=60, check=True).stdout


@pytest.fixture
def container(tmp_path: os.PathLike[str]) -> str:
    """The id of one that has written ODD and LONG and ended, with a label that needs every escape."""
    if (
        not os.path.exists(DOCKER)
        or subprocess.run([DOCKER, "image", "inspect", "busybox:local"], env=ENV, capture_output=True).returncode
    ):
        pytest.skip("no docker with busybox:local")
    octal = "".join(f"\\{b:03o}" for b in ODD)
    script = f"printf '{octal}'; head -c 40000 /dev/zero | tr '\\0' a; echo; head -c 16384 /dev/zero | tr '\\0' b; echo; echo end"
    label = 'odd=\b\f\t\x1f<&>"\\\u2028ü😀'
    return (
        docker("run", "-d", "--log-driver", "json-file", "--label", label, "busybox:local", "sh", "-c", script)
        .decode()
        .strip()
    )


def test_log_file(container: str) -> None:
    try:
        docker("wait", container)
        path = docker("inspect", "-f", "{{.LogPath}}", container).decode().strip()
        if not os.access(path, os.R_OK):
            pytest.skip("docker's files cannot be read here")
        with open(path, "rb") as f:
            theirs = f.read()
    finally:
        docker("rm", "-f", container)
    times = [decode(line).time for line in theirs.splitlines()]
    pieces = Splitter().feed(ODD + LONG)
    assert [encode("stdout", p, t) for p, t in zip(pieces, times, strict=True)] == theirs.splitlines(keepends=True)


def test_image_config(container: str) -> None:
    tag = f"scow-wire-config:{os.getpid()}"
    try:
        docker("commit", container, tag)
        reader = Reader(io.BytesIO(docker("save", tag)))
        texts = [reader.open(e).read() for e in reader if e.kind == "file" and e.size < 100_000]
    finally:
        docker("rm", "-f", container)
        docker("rmi", "-f", tag)
    configs = [t for t in texts if b'"rootfs"' in t]
    assert len(configs) == 1
    assert b"\\u003c" in configs[0]
    for text in texts:
        if text.startswith((b'{"architecture', b'{"schemaVersion', b"[{")):
            assert dumps(loads(text)) == text.rstrip(b"\n")
