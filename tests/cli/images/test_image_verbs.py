"""images, history, tag, rmi, import, save, load, image prune and inspect, through the program."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import tarfile

import pytest
from tests.conftest import Scow


def rootfs(**files: str) -> bytes:
    """A small root file system as a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def made(scow: Scow, name: str, *words: str, **files: str) -> str:
    """Import an image of a few files; its id."""
    return scow("import", *words, "-", name, stdin=rootfs(**(files or {"a": name}))).stdout.strip()


def test_an_empty_store_lists_nothing(scow: Scow) -> None:
    assert scow("images").stdout.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert scow("images", "-q").stdout == ""


def test_import_makes_an_image_of_one_layer(scow: Scow) -> None:
    image = made(scow, "one:1", "-c", "ENV A=b", "-c", 'CMD ["x", "y"]', "-m", "why")
    assert image.startswith("sha256:") and len(image) == 71
    found = json.loads(scow("inspect", "one:1").stdout)[0]
    assert found["Id"] == image
    assert found["RepoTags"] == ["one:1"]
    assert found["Config"]["Env"] == ["A=b"]
    assert found["Config"]["Cmd"] == ["x", "y"]
    assert found["Comment"] == "why"
    assert len(found["RootFS"]["Layers"]) == 1
    assert scow("images", "-q", "--no-trunc").stdout.strip() == image


def test_import_takes_compressed_archives_and_files(scow: Scow, tmp_path: os.PathLike[str]) -> None:
    plain = rootfs(a="x")
    path = os.path.join(tmp_path, "x.tar.gz")
    with open(path, "wb") as f:
        f.write(gzip.compress(plain))
    scow("import", path, "two")
    scow("import", "-", "three", stdin=plain)
    layers = {scow("inspect", "-f", "{{json .RootFS.Layers}}", n).stdout for n in ("two", "three")}
    assert len(layers) == 1


def test_columns_formats_and_filters(scow: Scow) -> None:
    made(scow, "a:1", "-c", "LABEL team=red")
    made(scow, "b:2")
    scow("tag", "a:1", "registry.example:5000/x/y")
    lines = scow("images").stdout.splitlines()
    assert len(lines) == 4
    names = scow("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    assert sorted(names) == ["a:1", "b:2", "registry.example:5000/x/y:latest"]
    assert scow("images", "--format", "{{.Tag}}", "b").stdout.split() == ["2"]
    assert scow("images", "-q", "nosuch").stdout == ""
    assert scow("images", "--filter", "label=team=red", "--format", "{{.Tag}}").stdout.split() == ["1", "latest"]
    assert scow("images", "--filter", "reference=*:2", "--format", "{{.Tag}}").stdout.split() == ["2"]
    assert len({r["ID"] for r in map(json.loads, scow("images", "--format", "json").stdout.splitlines())}) == 2
    assert "invalid filter 'foo'" in scow("images", "--filter", "foo=bar", code=1).stderr
    assert "<none>" in scow("images", "--digests").stdout


def test_a_name_moves_and_leaves_a_dangling_image(scow: Scow) -> None:
    first = made(scow, "n", x="1")
    second = made(scow, "n", x="2")
    assert scow("images", "--filter", "dangling=true", "-q", "--no-trunc").stdout.strip() == first
    out = scow("image", "prune", "-f").stdout
    assert f"deleted: {first}" in out
    assert "Total reclaimed space: 10.2kB" in out or "Total reclaimed space:" in out
    assert scow("images", "-q", "--no-trunc").stdout.strip() == second


def test_rmi_untags_then_deletes(scow: Scow) -> None:
    image = made(scow, "a:1")
    scow("tag", "a:1", "b:1")
    assert scow("rmi", "b:1").stdout == "Untagged: b:1\n"
    assert scow("rmi", "a:1").stdout == f"Untagged: a:1\nDeleted: {image}\n"
    assert os.listdir(os.path.join(scow.root, "layers")) == []
    assert "No such image: a:1" in scow("rmi", "a:1", code=1).stderr


def test_rmi_by_id_of_several_repositories_has_to_be_forced(scow: Scow) -> None:
    image = made(scow, "a:1")
    scow("tag", "a:1", "b:1")
    short = image[7:19]
    problem = f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
    assert problem in scow("rmi", short, code=1).stderr
    assert scow("rmi", "-f", short).stdout.splitlines()[-1] == f"Deleted: {image}"


def test_rmi_goes_on_after_a_failure(scow: Scow) -> None:
    made(scow, "a:1")
    done = scow("rmi", "nosuch", "a:1", code=1)
    assert "No such image: nosuch:latest" in done.stderr
    assert "Untagged: a:1" in done.stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["tag", "nosuch", "x"], "No such image: nosuch:latest"),
        (["tag", "nosuch", "Foo"], '"Foo" is not a valid repository/tag: invalid reference format'),
        (["history", "nosuch"], "No such image: nosuch:latest"),
        (["inspect", "nosuch"], "No such object: nosuch"),
        (["image", "inspect", "nosuch"], "No such image: nosuch"),
        (["save", "nosuch", "-o", "/tmp/x.tar"], "No such image: nosuch"),
        (["save", "x", "-o", "/nosuch/dir/x.tar"], "No such image: x"),
        (["load", "-i", "/nosuch"], "open /nosuch: no such file or directory"),
        (["import", "/nosuch"], "open /nosuch: no such file or directory"),
        (["import", "-c", "RUN x", "/etc/passwd"], "RUN is not a valid change command"),
        (["import", "/etc/passwd", "UPPER"], "repository name (library/UPPER) must be lowercase"),
        (["import", "/etc/passwd", "x"], "tar header"),
        (["load", "-i", "/etc/passwd"], "tar header"),
        (["inspect", "--type", "foo", "x"], 'unknown type: "foo"'),
    ],
)
def test_what_is_wrong_is_named(scow: Scow, words: list[str], problem: str) -> None:
    done = scow(*words, code=1)
    assert problem in done.stderr
    assert scow("images", "-q").stdout == ""


def test_history_tells_each_entry(scow: Scow) -> None:
    made(scow, "a:1", "-m", "made by hand")
    table = scow("history", "a:1").stdout.splitlines()
    assert table[0].split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert "made by hand" in table[1]
    row = json.loads(scow("history", "--format", "json", "--no-trunc", "a:1").stdout)
    assert row["ID"].startswith("sha256:")
    assert scow("history", "-q", "a:1").stdout.strip() == row["ID"][7:19]


def test_inspect_templates_and_missing_names(scow: Scow) -> None:
    made(scow, "a:1", "-c", "LABEL k=v")
    assert scow("inspect", "-f", '{{index .Config.Labels "k"}}', "a:1").stdout == "v\n"
    done = scow("inspect", "a:1", "nosuch", code=1)
    assert json.loads(done.stdout)[0]["RepoTags"] == ["a:1"]
    assert done.stderr == "Error: No such object: nosuch\n"
    done = scow("inspect", "-f", "{{.Foo}}", "a:1", code=1)
    assert (
        'template parsing error: template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"' in done.stderr
    )


def test_save_and_load_bring_the_same_image_back(scow: Scow, tmp_path: os.PathLike[str]) -> None:
    ids = [made(scow, "a:1", x="1"), made(scow, "b:1", x="2")]
    path = os.path.join(tmp_path, "both.tar")
    scow("save", "-o", path, "a:1", "b:1")
    with open(path, "rb") as f:
        first = f.read()
    with tarfile.open(path) as tar:
        names = tar.getnames()
    assert {"oci-layout", "index.json", "manifest.json"} <= set(names)
    scow("rmi", "a:1", "b:1")
    assert scow("load", "-i", path).stdout == "Loaded image: a:1\nLoaded image: b:1\n"
    assert sorted(scow("images", "-q", "--no-trunc").stdout.split()) == sorted(ids)
    scow("save", "-o", path, "a:1", "b:1")
    with open(path, "rb") as f:
        assert f.read() == first, "the same images give the same bytes"


def test_load_from_a_compressed_stream(scow: Scow, tmp_path: os.PathLike[str]) -> None:
    image = made(scow, "a:1")
    path = os.path.join(tmp_path, "a.tar")
    scow("save", "-o", path, image)
    scow("rmi", "a:1")
    with open(path, "rb") as f:
        done = scow("load", stdin=gzip.compress(f.read()))
    assert done.stdout == f"Loaded image ID: {image}\n"


def test_a_broken_archive_leaves_nothing(scow: Scow, tmp_path: os.PathLike[str]) -> None:
    made(scow, "a:1", x="some text")
    path = os.path.join(tmp_path, "a.tar")
    scow("save", "-o", path, "a:1")
    scow("rmi", "a:1")
    with open(path, "rb") as f:
        data = f.read()
    for broken in (data.replace(b"some text", b"SOME TEXT"), data[: len(data) // 2]):
        done = scow("load", stdin=broken, code=1)
        assert done.stderr.startswith("Error: ")
        assert scow("images", "-q").stdout == ""
    assert os.listdir(os.path.join(scow.root, "layers")) == []


def test_a_store_on_a_full_disk_says_so_and_stays_valid(scow: Scow, tmp_path: os.PathLike[str]) -> None:
    if os.geteuid():
        pytest.skip("needs root")
    small = os.path.join(tmp_path, "small")
    os.mkdir(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], check=True)
    try:
        other = Scow(os.path.join(small, "store"))
        made(other, "kept", x="1")
        done = other("import", "-", "big", stdin=rootfs(x="0123456789" * 500_000), code=1)
        assert "no space left" in done.stderr.lower()
        assert other("images", "--format", "{{.Repository}}").stdout.split() == ["kept"]
        made(other, "again", x="2")
    finally:
        subprocess.run(["umount", "-l", small], check=True)
