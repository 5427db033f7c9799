"""Every form of archive there has been, and every way one can lie."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pytest
import zstandard
from tests.store.archive.making import config, docker_members, image, layer, link, tar

from scow.errors import Corrupt, Error, Invalid, NotFound, Unsupported
from scow.oci import media_types
from scow.oci.copy import copy
from scow.oci.digest import Digest
from scow.oci.image import Image
from scow.oci.manifest import Index
from scow.oci.memory import Memory
from scow.store.archive import legacy
from scow.store.archive.reading import open_archive
from scow.values import replace

if TYPE_CHECKING:
    from scow.oci.descriptor import Descriptor
    from scow.store.archive.contents import Archive

ONE = layer(("etc/passwd", b"root\n"))
TWO = layer(("bin/sh", b"#!" * 40000))
COMPRESSORS = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


def opened(data: bytes, tmp_path: Path) -> Archive:
    path = tmp_path / "archive.tar"
    path.write_bytes(data)
    return open_archive(str(path), str(tmp_path))


def layers_of(archive: Archive, name: str) -> list[bytes]:
    """Copy an image out, as load does, and give its uncompressed layers."""
    memory = Memory()
    root = archive.resolve(name)
    copy(archive, root, memory)
    found = Image(memory, root)
    assert len(found.config.diff_ids) == len(found.layers)
    from scow.wire.compress import decompress

    plain = [decompress(item.open()).read() for item in found.layers]
    assert [Digest.of(data) for data in plain] == list(found.config.diff_ids)
    return plain


class TestDocker:
    def test_the_form_of_docker_1_10_to_24(self, tmp_path: Path) -> None:
        archive = opened(tar(docker_members(["busybox:1", "ghcr.io/a/b:2"], ONE, TWO)), tmp_path)
        (held,) = archive.images
        assert held.names == ("docker.io/library/busybox:1", "ghcr.io/a/b:2")
        assert layers_of(archive, "busybox:1") == [ONE, TWO]
        assert Image(archive, held.root).id == Digest.of(config(ONE, TWO))
        assert archive.resolve("ghcr.io/a/b:2") == archive.resolve(str(held.root.digest)) == held.root
        archive.close()

    @pytest.mark.parametrize("kind", COMPRESSORS)
    def test_the_whole_may_be_compressed(self, tmp_path: Path, kind: str) -> None:
        archive = opened(COMPRESSORS[kind](tar(docker_members(["a:1"], ONE))), tmp_path)
        assert layers_of(archive, "a:1") == [ONE]

    @pytest.mark.parametrize("kind", COMPRESSORS)
    def test_layers_may_be_compressed(self, tmp_path: Path, kind: str) -> None:
        members = docker_members(["a:1"], ONE, TWO)
        for name in members:
            if name.endswith("layer.tar"):
                members[name] = COMPRESSORS[kind](members[name])
        archive = opened(tar(members), tmp_path)
        assert layers_of(archive, "a:1") == [ONE, TWO]
        expected = {"gzip": media_types.OCI_LAYER_GZIP, "zstd": media_types.OCI_LAYER_ZSTD}.get(
            kind, media_types.OCI_LAYER
        )
        assert {d.media_type for d in Image(archive, archive.images[0].root).manifest.layers} == {expected}

    @pytest.mark.parametrize("target", ["../{0}/layer.tar", "./../{0}/../{0}/layer.tar"])
    def test_layers_may_be_links(self, tmp_path: Path, target: str) -> None:
        members: list[tuple[str, bytes | tarfile.TarInfo]] = list(docker_members(["a:1"], ONE, ONE).items())
        first, second = (f"{i:064x}" for i in range(2))
        members = [m for m in members if m[0] != f"{second}/layer.tar"]
        members.append(link(f"{second}/layer.tar", target.format(first)))
        assert layers_of(opened(tar(members), tmp_path), "a:1") == [ONE, ONE]

    def test_hard_links_name_members(self, tmp_path: Path) -> None:
        members: list[tuple[str, bytes | tarfile.TarInfo]] = list(docker_members(["a:1"], ONE, ONE).items())
        members = [m for m in members if m[0] != f"{1:064x}/layer.tar"]
        members.append(link(f"{1:064x}/layer.tar", f"{0:064x}/layer.tar", tarfile.LNKTYPE))
        assert layers_of(opened(tar(members), tmp_path), "a:1") == [ONE, ONE]

    def test_names_may_begin_with_a_dot(self, tmp_path: Path) -> None:
        members = {f"./{name}": data for name, data in docker_members(["a:1"], ONE).items()}
        assert layers_of(opened(tar(members), tmp_path), "a:1") == [ONE]

    def test_an_image_without_names_or_layers(self, tmp_path: Path) -> None:
        members = docker_members([], ONE)
        members["manifest.json"] = members["manifest.json"].replace(b'"RepoTags": []', b'"RepoTags": null')
        archive = opened(tar(members), tmp_path)
        assert archive.images[0].names == ()
        assert layers_of(archive, str(archive.images[0].root.digest)) == [ONE]
        empty = opened(tar(docker_members(["scratch:1"])), tmp_path)
        assert layers_of(empty, "scratch:1") == []

    def test_the_same_image_listed_twice_is_one_with_all_names(self, tmp_path: Path) -> None:
        members = docker_members(["a:1"], ONE)
        entry = json.loads(members["manifest.json"])[0]
        members["manifest.json"] = json.dumps([entry, entry | {"RepoTags": ["b:1", "a:1"]}]).encode()
        (held,) = opened(tar(members), tmp_path).images
        assert held.names == ("docker.io/library/a:1", "docker.io/library/b:1")


class TestLegacy:
    def members(self, **more: object) -> dict[str, bytes]:
        """An image of two layers as docker 1.9 saved it."""
        base, top = "1" * 64, "2" * 64
        documents = {
            base: {
                "id": base,
                "created": "2015-01-01T00:00:00Z",
                "container_config": {"Cmd": ["/bin/sh", "-c", "ADD"]},
            },
            top: {
                "id": top,
                "parent": base,
                "created": "2015-02-01T00:00:00Z",
                "author": "me",
                "config": {"Cmd": ["sh"], "Env": ["A=<&>"]},
                "architecture": "amd64",
                "os": "linux",
                "Size": 5,
                "throwaway": True,
                **more,
            },
        }
        found = {"repositories": json.dumps({"old/app": {"1.0": top, "latest": top}}).encode()}
        for name, data in ((base, ONE), (top, TWO)):
            found[f"{name}/VERSION"] = b"1.0"
            found[f"{name}/json"] = json.dumps(documents[name]).encode()
            found[f"{name}/layer.tar"] = data
        return found

    def test_a_chain_of_parents_becomes_an_image(self, tmp_path: Path) -> None:
        archive = opened(tar(self.members()), tmp_path)
        (held,) = archive.images
        assert held.names == ("docker.io/old/app:1.0", "docker.io/old/app:latest")
        assert layers_of(archive, "old/app") == [ONE, TWO]
        found = Image(archive, held.root).config
        assert found.doc.keys() == {"created", "author", "config", "architecture", "os", "rootfs", "history"}
        assert found.doc["history"] == [
            {"created": "2015-01-01T00:00:00Z", "created_by": "/bin/sh -c ADD"},
            {"created": "2015-02-01T00:00:00Z", "author": "me"},
        ]
        assert found.env == ("A=<&>",)

    def test_layers_may_be_compressed(self, tmp_path: Path) -> None:
        members = self.members()
        members[f"{1:0>64}".replace("0", "1") + "/layer.tar"] = gzip.compress(ONE)
        assert layers_of(opened(tar(members), tmp_path), "old/app") == [ONE, TWO]

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"parent": "2" * 64}, "is its own ancestor"),
            ({"parent": "3" * 64}, "3/json is not in the archive"),
            ({"parent": "../../etc"}, "is no layer id"),
            ({"parent": 7}, "is a number, not a string"),
            ({"container_config": []}, "container_config is an array"),
        ],
    )
    def test_hostile_parents(self, tmp_path: Path, change: dict[str, object], reason: str) -> None:
        with pytest.raises(Corrupt, match=reason):
            opened(tar(self.members(**change)), tmp_path)

    def test_an_endless_chain(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(legacy, "MAX_LAYERS", 1)
        with pytest.raises(Corrupt, match="more than 1 layers"):
            opened(tar(self.members()), tmp_path)


def oci_members(memory: Memory, *entries: Descriptor) -> dict[str, bytes]:
    members = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": Index.of(entries).raw}
    for blob in memory.walk():
        members[f"blobs/sha256/{blob.digest.hex}"] = memory.open(blob).read()
    return members


def named(root: Descriptor, ref: str = "", full: str = "") -> Descriptor:
    found = {"org.opencontainers.image.ref.name": ref, "io.containerd.image.name": full}
    return replace(root, annotations={k: v for k, v in found.items() if v})


class TestOci:
    def test_names(self, tmp_path: Path) -> None:
        memory = Memory()
        one, two, three = (image(memory, ONE, comment=str(i)).descriptor() for i in range(3))
        entries = (
            named(one, "local", "docker.io/library/busybox:local"),
            named(one, "2", "docker.io/library/busybox:2"),
            named(two, "local", "ghcr.io/a/b:local"),
            named(three, "quay.io/c/d:7"),
            named(image(memory, TWO).descriptor(), "just-a-tag"),
            image(memory, TWO, comment="unnamed").descriptor(),
        )
        archive = opened(tar(oci_members(memory, *entries)), tmp_path)
        assert [held.names for held in archive.images] == [
            ("docker.io/library/busybox:local", "docker.io/library/busybox:2"),
            ("ghcr.io/a/b:local",),
            ("quay.io/c/d:7",),
            (),
            (),
        ]
        assert archive.resolve("busybox:local") == archive.resolve("2") == one
        assert archive.resolve("quay.io/c/d:7") == three
        assert archive.resolve("just-a-tag").digest == entries[4].digest
        with pytest.raises(NotFound):
            archive.resolve("local")  # two images have the tag, none the name
        with pytest.raises(NotFound, match="no image is called 'nobody'"):
            archive.resolve("nobody")

    def test_a_directory(self, tmp_path: Path) -> None:
        memory = Memory()
        members = oci_members(memory, named(image(memory, ONE, TWO).descriptor(), "a:1"))
        for name, data in members.items():
            path = tmp_path / "layout" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        archive = open_archive(str(tmp_path / "layout"), str(tmp_path))
        assert layers_of(archive, "a:1") == [ONE, TWO]

    def test_names_only_in_manifest_json(self, tmp_path: Path) -> None:
        memory = Memory()
        manifest = image(memory, ONE)
        members = oci_members(memory, manifest.descriptor())
        entry = {"Config": f"blobs/sha256/{manifest.config.digest.hex}", "RepoTags": ["x:1"], "Layers": []}
        members["manifest.json"] = json.dumps([entry]).encode()
        archive = opened(tar(members), tmp_path)
        assert archive.images[0].names == ("docker.io/library/x:1",)
        assert archive.images[0].root.digest == manifest.digest

    @pytest.mark.parametrize(
        ("name", "data", "kind", "reason"),
        [
            ("oci-layout", b'{"imageLayoutVersion":"2.0.0"}', Unsupported, "version '2.0.0' is not known"),
            ("oci-layout", b"[]", Corrupt, "an array, not an object"),
            ("index.json", b"{", Corrupt, "not a JSON document"),
            ("index.json", b'{"schemaVersion":1}', Corrupt, "schemaVersion is 1"),
            ("index.json", b" " * (5 << 20), Corrupt, "more than the limit"),
            ("index.json", b"[" * 100000, Corrupt, "nested"),
        ],
    )
    def test_hostile_documents(self, tmp_path: Path, name: str, data: bytes, kind: type[Error], reason: str) -> None:
        memory = Memory()
        members = oci_members(memory, image(memory, ONE).descriptor())
        members[name] = data
        with pytest.raises(kind, match=reason):
            opened(tar(members), tmp_path)

    def test_a_missing_and_a_wrong_blob(self, tmp_path: Path) -> None:
        memory = Memory()
        manifest = image(memory, ONE)
        members = oci_members(memory, named(manifest.descriptor(), "a:1"))
        path = f"blobs/sha256/{Digest.of(ONE).hex}"
        archive = opened(tar({k: v for k, v in members.items() if k != path}), tmp_path)
        with pytest.raises(NotFound, match=f"{path} is not in the archive"):
            layers_of(archive, "a:1")
        for wrong in (ONE[:-1] + b"x", ONE[:-512], ONE + bytes(512)):
            with pytest.raises(Corrupt):
                layers_of(opened(tar(members | {path: wrong}), tmp_path), "a:1")

    def test_a_directory_with_traps(self, tmp_path: Path) -> None:
        memory = Memory()
        manifest = image(memory, ONE)
        layout = tmp_path / "layout"
        for name, data in oci_members(memory, named(manifest.descriptor(), "a:1")).items():
            (layout / name).parent.mkdir(parents=True, exist_ok=True)
            (layout / name).write_bytes(data)
        path = layout / f"blobs/sha256/{Digest.of(ONE).hex}"
        (tmp_path / "secret").write_bytes(ONE)
        for trap in (lambda: path.symlink_to(tmp_path / "secret"), lambda: os.mkfifo(path), path.mkdir):
            path.unlink()
            trap()
            with pytest.raises((Corrupt, NotFound)):
                layers_of(open_archive(str(layout), str(tmp_path)), "a:1")
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
                path.write_bytes(b"")


class TestHostile:
    """manifest.json form: refused with the reason, whatever is wrong."""

    @pytest.mark.parametrize(
        ("raw", "reason"),
        [
            (b"{}", "is an object, not an array"),
            (b"[7]", "is a number, not an object"),
            (b"[", "not a JSON document"),
            (b"[" * 100000 + b"]" * 100000, "nested too deep"),
            (b"\xff", "not a JSON document"),
            (b"[{}]", "Config is missing"),
            (b'[{"Config": 5}]', "Config is a number"),
            (b'[{"Config": "nowhere"}]', "nowhere is not in the archive"),
            (b'[{"Config": "../../etc/passwd"}]', "is not in the archive"),
            (b'[{"Config": "CONFIG", "RepoTags": ["UPPER"]}]', "UPPER"),
            (b'[{"Config": "CONFIG", "Layers": []}]', "expected 1, got 0"),
            (b'[{"Config": "CONFIG", "Layers": ["gone/layer.tar"]}]', "gone/layer.tar is not in the archive"),
            (b'[{"Config": "CONFIG", "Layers": [null]}]', "is null, not a string"),
        ],
    )
    def test_manifest_json(self, tmp_path: Path, raw: bytes, reason: str) -> None:
        members = docker_members(["a:1"], ONE)
        name = next(n for n in members if n.endswith(".json") and n != "manifest.json")
        members["manifest.json"] = raw.replace(b"CONFIG", name.encode())
        with pytest.raises(Corrupt, match=reason):
            opened(tar(members), tmp_path)

    def test_giant_json(self, tmp_path: Path) -> None:
        members = docker_members(["a:1"], ONE)
        with pytest.raises(Corrupt, match="more than the limit"):
            opened(tar(members | {"manifest.json": b"[" + b" " * (17 << 20) + b"]"}), tmp_path)
        name = next(n for n in members if n.endswith(".json") and n != "manifest.json")
        with pytest.raises(Corrupt, match="more than the limit"):
            opened(tar(members | {name: b"{" + b" " * (5 << 20) + b"}"}), tmp_path)

    def test_two_manifests(self, tmp_path: Path) -> None:
        members = [*docker_members(["a:1"], ONE).items(), *docker_members(["evil:1"], TWO).items()]
        with pytest.raises(Corrupt, match=r"manifest\.json is there twice"):
            opened(tar([m for m in members if m[0] == "manifest.json"]), tmp_path)
        dotted = [("./manifest.json", b"[]"), ("manifest.json", b"[]")]
        with pytest.raises(Corrupt, match=r"manifest\.json is there twice"):
            opened(tar(list(dotted)), tmp_path)

    @pytest.mark.parametrize("name", ["../manifest.json", "/manifest.json", "a/../../b", "..", "a/b/../../../c"])
    def test_names_that_lead_out(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(Corrupt, match="leads out of the archive"):
            opened(tar({**docker_members(["a:1"], ONE), name: b"x"}), tmp_path)

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "../layer.tar/../../../x"])
    def test_links_that_lead_out(self, tmp_path: Path, target: str) -> None:
        members: list[tuple[str, bytes | tarfile.TarInfo]] = list(docker_members(["a:1"], ONE).items())
        members = [m for m in members if not m[0].endswith("layer.tar")]
        members.append(link(f"{0:064x}/layer.tar", target))
        with pytest.raises(Corrupt, match=r"leads out of the archive|is not in the archive"):
            opened(tar(members), tmp_path)

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
    def test_links_that_go_round(self, tmp_path: Path, kind: bytes) -> None:
        members: list[tuple[str, bytes | tarfile.TarInfo]] = list(docker_members(["a:1"], ONE).items())
        members = [m for m in members if not m[0].endswith("layer.tar")]
        path = f"{0:064x}/layer.tar"
        members.append(link(path, path if kind == tarfile.LNKTYPE else "layer.tar", kind))
        with pytest.raises(Corrupt, match="go round in a circle"):
            opened(tar(members), tmp_path)

    @pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE])
    def test_devices_are_no_layers(self, tmp_path: Path, kind: bytes) -> None:
        members: list[tuple[str, bytes | tarfile.TarInfo]] = list(docker_members(["a:1"], ONE).items())
        members = [m for m in members if not m[0].endswith("layer.tar")]
        members.append(link(f"{0:064x}/layer.tar", "", kind))
        with pytest.raises(Corrupt, match="is no plain file"):
            opened(tar(members), tmp_path)

    def test_a_layer_with_other_bytes_is_found_when_it_is_read(self, tmp_path: Path) -> None:
        members = docker_members(["a:1"], ONE)
        members[f"{0:064x}/layer.tar"] = ONE[:-1024] + b"x" * 1024
        archive = opened(tar(members), tmp_path)
        with pytest.raises(Corrupt, match=str(Digest.of(ONE))):
            layers_of(archive, "a:1")

    def test_what_is_no_archive(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="is no image archive") as e:
            opened(tar({"etc/passwd": b"root"}), tmp_path)
        assert "import" in (e.value.hint or "")
        with pytest.raises(Corrupt):
            opened(os.urandom(10000), tmp_path)
        with pytest.raises(Corrupt):
            opened(tar(docker_members(["a:1"], TWO))[:40000], tmp_path)
        with pytest.raises(NotFound, match="no such file"):
            open_archive(str(tmp_path / "none"), str(tmp_path))
        (tmp_path / "empty").mkdir()
        with pytest.raises(Invalid, match="is no image archive"):
            open_archive(str(tmp_path / "empty"), str(tmp_path))

    def test_a_bomb(self, tmp_path: Path) -> None:
        bomb = zstandard.compress(bytes(1 << 28))
        with pytest.raises(Corrupt, match="expands more than"):
            opened(bomb, tmp_path)

    def test_too_many_members(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("scow.store.archive.files.MAX_MEMBERS", 3)
        with pytest.raises(Corrupt, match="more than 3 members"):
            opened(tar(docker_members(["a:1"], ONE)), tmp_path)


class TestStreams:
    def from_pipe(self, data: bytes, tmp: Path) -> Archive:
        reader, writer = os.pipe()

        def feed() -> None:
            with open(writer, "wb") as f:
                f.write(data)

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            with open(reader, "rb") as stream:
                return open_archive(stream, str(tmp))
        finally:
            thread.join()

    @pytest.mark.parametrize("kind", ["none", "gzip"])
    def test_a_pipe_is_staged_and_leaves_nothing(self, tmp_path: Path, kind: str) -> None:
        data = tar(docker_members(["a:1"], ONE, TWO))
        archive = self.from_pipe(COMPRESSORS[kind](data) if kind != "none" else data, tmp_path)
        assert os.listdir(tmp_path) == []
        assert layers_of(archive, "a:1") == [ONE, TWO]
        archive.close()

    def test_a_file_on_standard_input_is_read_where_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tar"
        path.write_bytes(tar(docker_members(["a:1"], ONE)))
        with open(path, "rb") as stream:
            archive = open_archive(stream, str(tmp_path / "no staging needed"))
        assert layers_of(archive, "a:1") == [ONE]

    def test_a_stream_in_memory_and_one_that_was_begun(self, tmp_path: Path) -> None:
        data = tar(docker_members(["a:1"], ONE))
        assert layers_of(open_archive(io.BytesIO(data), str(tmp_path)), "a:1") == [ONE]
        path = tmp_path / "a.tar"
        path.write_bytes(b"preamble" + data)
        with open(path, "rb") as stream:
            stream.read(8)
            assert layers_of(open_archive(stream, str(tmp_path)), "a:1") == [ONE]

    def test_members_can_be_read_by_many_threads(self, tmp_path: Path) -> None:
        archive = opened(tar(docker_members(["a:1"], ONE, TWO)), tmp_path)
        blobs = Image(archive, archive.images[0].root).manifest.layers
        wrong: list[BaseException] = []

        def read(blob: Descriptor) -> None:
            try:
                for _ in range(20):
                    stream: BinaryIO
                    with archive.open(blob) as stream:
                        stream.read()
            except BaseException as e:
                wrong.append(e)

        threads = [threading.Thread(target=read, args=(blob,)) for blob in blobs * 2]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert wrong == []
