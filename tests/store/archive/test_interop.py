"""Other tools load what we save, and we load what they save. Skipped by name where a tool is missing."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.peers import peers_up
from tests.store.archive.making import image, layer

from scow.oci.copy import copy
from scow.oci.image import Image
from scow.oci.memory import Memory
from scow.store.archive.contents import ArchiveImage
from scow.store.archive.oci_layout import OciDirectory
from scow.store.archive.reading import open_archive
from scow.store.archive.writing import save

if TYPE_CHECKING:
    from scow.oci.manifest import Manifest

pytestmark = pytest.mark.oracle
PEERS = "/opt/peers/bin"
ENV = {
    **os.environ,
    "PATH": f"{PEERS}:{os.environ['PATH']}",
    "DOCKER_HOST": "unix:///run/peers/docker.sock",
    "DOCKER_CONFIG": "/opt/peers/dockercfg",
    "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
}
ONE, TWO = layer(("one", b"1" * 5000)), layer(("two", b"2" * 5000))


def run(*argv: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(argv, input=stdin, capture_output=True, env=ENV, timeout=90, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def need(tool: str) -> str:
    path = f"{PEERS}/{tool}"
    if not os.path.exists(path) or not peers_up():
        pytest.skip(f"{tool} is not up under /opt/peers")
    return path


@pytest.fixture
def name() -> str:
    return f"scow-test-{uuid.uuid4().hex[:12]}:1"


@pytest.fixture
def docker(name: str) -> Iterator[str]:
    tool = need("docker")
    yield tool
    subprocess.run([tool, "rmi", "-f", name], capture_output=True, env=ENV, timeout=60, check=False)


@pytest.fixture
def podman(name: str) -> Iterator[str]:
    tool = need("podman")
    yield tool
    for full in (f"docker.io/library/{name}", f"localhost/{name}"):
        subprocess.run([tool, "rmi", "-f", full], capture_output=True, env=ENV, timeout=60, check=False)


def made(memory: Memory, path: Path, name: str, *, compress: bool) -> Manifest:
    manifest = image(memory, ONE, TWO, compress=compress, history=[{"created_by": "one"}, {"created_by": "two"}])
    with open(path, "wb") as out:
        save(out, memory, [ArchiveImage(manifest.descriptor(), (f"docker.io/library/{name}",))])
    return manifest


def check_loaded(data: bytes, name: str, tmp_path: Path, manifest: Manifest) -> None:
    """``data``, saved by another tool, holds the image we made."""
    archive = open_archive(io.BytesIO(data), str(tmp_path))
    root = archive.resolve(name)
    copy(archive, root, memory := Memory())
    found = Image(memory, root)
    assert found.id == manifest.config.digest
    assert [item.diff_id for item in found.layers] == list(Image(memory, root).config.diff_ids)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
class TestDocker:
    def test_loads_what_we_save_and_saves_what_we_load(
        self, docker: str, name: str, tmp_path: Path, compress: bool
    ) -> None:
        manifest = made(Memory(), tmp_path / "a.tar", name, compress=compress)
        assert f"Loaded image: {name}" in run(docker, "load", "-i", str(tmp_path / "a.tar")).decode()
        (found,) = json.loads(run(docker, "image", "inspect", name))
        assert found["Id"] == str(manifest.config.digest)
        assert len(found["RootFS"]["Layers"]) == 2
        check_loaded(run(docker, "save", name), name, tmp_path, manifest)

    def test_loads_the_manifest_json_side_alone(self, docker: str, name: str, tmp_path: Path, compress: bool) -> None:
        """What docker 1.10 to 24 see: the same archive without its OCI documents."""
        import tarfile

        manifest = made(Memory(), tmp_path / "a.tar", name, compress=compress)
        old = io.BytesIO()
        with tarfile.open(tmp_path / "a.tar") as source, tarfile.open(fileobj=old, mode="w") as target:
            for member in source:
                if member.name not in ("oci-layout", "index.json"):
                    target.addfile(member, source.extractfile(member))
        run(docker, "load", stdin=old.getvalue())
        (found,) = json.loads(run(docker, "image", "inspect", name))
        assert found["Id"] == str(manifest.config.digest)


def test_docker_saves_an_image_of_its_own(docker: str, tmp_path: Path) -> None:
    archive = open_archive(io.BytesIO(run(docker, "save", "busybox:local")), str(tmp_path))
    assert [held.names for held in archive.images] == [("docker.io/library/busybox:local",)]
    root = archive.images[0].root
    copy(archive, root, memory := Memory())
    (found,) = json.loads(run(docker, "image", "inspect", "busybox:local"))
    assert str(Image(memory, root).id) == found["Id"]


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_podman_both_ways(podman: str, name: str, tmp_path: Path, form: str) -> None:
    manifest = made(Memory(), tmp_path / "a.tar", name, compress=False)
    run(podman, "load", stdin=(tmp_path / "a.tar").read_bytes())
    (found,) = json.loads(run(podman, "image", "inspect", f"docker.io/library/{name}"))
    assert found["Id"] == manifest.config.digest.hex
    data = run(podman, "save", "--format", form, f"docker.io/library/{name}")
    check_loaded(data, name, tmp_path, manifest)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that the peers, which live in a root of their own, see under the same path."""
    if not os.path.isdir("/opt/peers/area"):
        pytest.skip("/opt/peers/area, which the peers share with us, is not there")
    path = Path(tempfile.mkdtemp(prefix="scow-interop-", dir="/opt/peers/area"))
    yield path
    shutil.rmtree(path)


class TestSkopeo:
    @pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
    def test_reads_what_we_save(self, name: str, shared: Path, form: str) -> None:
        skopeo = need("skopeo")
        manifest = made(Memory(), shared / "a.tar", name, compress=False)
        suffix = f":{name}" if form == "docker-archive" else ""
        raw = run(skopeo, "inspect", "--config", "--raw", f"{form}:{shared}/a.tar{suffix}")
        assert len(raw) == manifest.config.size
        run(skopeo, "--insecure-policy", "copy", f"{form}:{shared}/a.tar{suffix}", f"dir:{shared}/out")
        assert (shared / "out" / manifest.config.digest.hex).read_bytes() == raw

    @pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci"])
    @pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
    def test_we_read_what_it_writes(self, name: str, shared: Path, form: str, compress: bool) -> None:
        skopeo = need("skopeo")
        memory = Memory()
        manifest = image(memory, ONE, TWO, compress=compress)
        layout = OciDirectory(str(shared / "in"))
        copy(memory, manifest.descriptor(), layout)
        layout.tag("v1", manifest.descriptor())
        run(skopeo, "--insecure-policy", "copy", f"oci:{shared}/in:v1", f"{form}:{shared}/out:docker.io/library/{name}")
        archive = open_archive(str(shared / "out"), str(shared))
        (held,) = archive.images
        assert held.names == (f"docker.io/library/{name}",)
        copy(archive, held.root, found := Memory())
        assert Image(found, held.root).id == manifest.config.digest


def test_umoci_accepts_our_layout(shared: Path) -> None:
    umoci = need("umoci")
    memory = Memory()
    manifest = image(memory, ONE, TWO, compress=True)
    layout = OciDirectory(str(shared))
    copy(memory, manifest.descriptor(), layout)
    layout.tag("v1", manifest.descriptor())
    assert run(umoci, "ls", "--layout", str(shared)).decode().split() == ["v1"]
    assert str(manifest.digest).encode() in run(umoci, "stat", "--image", f"{shared}:v1", "--json")
