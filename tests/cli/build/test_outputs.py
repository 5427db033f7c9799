"""``--output``: files and archives instead of an image in the store."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
TEXT = "FROM scratch\nCOPY f /\nCOPY d /d\n"
FILES = {"f": "in f", "d/g": "in g"}


def known(build):
    return build.scow("images", "-aq").stdout


def test_directory(build, tmp_path):
    before = known(build)
    for flag in (f"type=local,dest={tmp_path}/out", str(tmp_path / "short")):
        build(TEXT, "-o", flag, files=FILES)
    for name in ("out", "short"):
        assert (tmp_path / name / "f").read_text() == "in f" and (tmp_path / name / "d/g").read_text() == "in g"
    assert known(build) == before


def test_tar(build, tmp_path):
    build(TEXT, "-o", f"type=tar,dest={tmp_path}/out.tar", files=FILES)
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert sorted(tar.getnames()) == ["d", "d/g", "f"]
    path = build.context({"Dockerfile": TEXT, **FILES})
    environment = {**os.environ, "SCOW_ROOT": build.scow.root}
    done = subprocess.run([*build.scow.spawn.__globals__["SCOW"].split(), "build", "-o", "-", path],
                          capture_output=True, env=environment, check=True)  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        assert sorted(tar.getnames()) == ["d", "d/g", "f"]


def test_archive_that_load_takes(build, fresh, tmp_path):
    path = f"{tmp_path}/image.tar"
    build(TEXT, "-t", "archived:1", "-o", f"type=docker,dest={path}", files=FILES)
    assert "archived" not in build.scow("images").stdout
    fresh.scow("load", "-i", path)
    assert sorted(fresh.read("archived:1").files) == ["d", "d/g", "f"]


def test_oci_archive(build, tmp_path):
    build(TEXT, "-t", "archived:2", "-o", f"type=oci,dest={tmp_path}/oci.tar", files=FILES)
    with tarfile.open(tmp_path / "oci.tar") as tar:
        index = json.load(tar.extractfile("index.json"))
        digest = index["manifests"][0]["digest"].replace(":", "/")
        manifest = json.load(tar.extractfile(f"blobs/{digest}"))
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json" and len(manifest["layers"]) == 2


def test_several_outputs_and_the_store(build, tmp_path):
    build(TEXT, "-t", "more", "--load", "-o", f"{tmp_path}/a", "-o", f"type=tar,dest={tmp_path}/b.tar", files=FILES)
    assert (tmp_path / "a/f").exists() and (tmp_path / "b.tar").exists()
    assert sorted(build.read("more").files) == ["d", "d/g", "f"]


def test_nothing_at_all(build):
    before = known(build)
    build(TEXT, "-o", "type=cacheonly", files=FILES)
    assert known(build) == before


def test_owners_and_modes_of_a_directory(build, tmp_path):
    text = "FROM busybox AS b\nRUN mkdir /o && echo x > /o/x && chmod 4750 /o/x && chown 7:8 /o/x && ln -s x /o/l\n"
    build(text + "FROM scratch\nCOPY --from=b /o /\n", "-o", str(tmp_path / "out"))
    info = os.lstat(tmp_path / "out/x")
    assert info.st_uid == os.getuid() and info.st_mode & 0o777 == 0o750
    assert os.readlink(tmp_path / "out/l") == "x"


@pytest.mark.parametrize(
    ("flag", "said"),
    [("type=nope", "type=nope"), ("type=local", "dest is required"), ("dest=x", "type is required"),
     ("type=tar,dest=/nonexistent/x", "/nonexistent/x")],
)  # fmt: skip
def test_outputs_that_cannot_be(build, flag, said):
    done = build(TEXT, "-o", flag, files=FILES, code=None)
    assert done.returncode in (1, 125) and said in done.stderr


def test_directory_that_is_a_file(build, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = build(TEXT, "-o", str(tmp_path / "file"), files=FILES, code=1)
    assert "ERROR: failed to build: " in done.stderr and (tmp_path / "file").read_text() == "mine"
