"""save and the OCI directory: deterministic, readable by ourselves, refusing what is wrong."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from pathlib import Path

import pytest
from tests.store.archive.making import image, layer

from scow.errors import Corrupt, Invalid, NotFound, Unsupported
from scow.oci import media_types
from scow.oci.copy import copy
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.image import Image
from scow.oci.manifest import Index, Manifest
from scow.oci.memory import Memory
from scow.oci.platform import host
from scow.store.archive.contents import ArchiveImage
from scow.store.archive.oci_layout import OciDirectory
from scow.store.archive.plain import Plain
from scow.store.archive.reading import open_archive
from scow.store.archive.writing import to_bytes
from scow.values import replace

ONE = layer(("etc/passwd", b"root\n"))
TWO = layer(("bin/sh", b"#!" * 40000))


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: f.read() for m in archive if (f := archive.extractfile(m))}


class TestSave:
    def test_what_is_saved_can_be_loaded(self, tmp_path: Path) -> None:
        memory = Memory()
        first, second = image(memory, ONE, TWO), image(memory, ONE, comment="other")
        names = ("docker.io/library/a:1", "ghcr.io/x/y:2")
        images = [ArchiveImage(first.descriptor(), names), ArchiveImage(second.descriptor())]
        archive = open_archive(io.BytesIO(to_bytes(memory, images)), str(tmp_path))
        assert archive.images == tuple(images)
        target = Memory()
        for held in archive.images:
            copy(archive, held.root, target)
        assert {d.digest for d in target.walk()} == {d.digest for d in memory.walk()}

    def test_the_same_images_give_the_same_bytes(self) -> None:
        memory, again = Memory(), Memory()
        images = [ArchiveImage(image(memory, ONE, TWO).descriptor(), ("docker.io/library/a:1",))]
        image(again, ONE, TWO)
        data = to_bytes(memory, images)
        assert data == to_bytes(again, images)
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            found = archive.getmembers()
        assert {(m.mtime, m.uid, m.gid, m.uname) for m in found} == {(0, 0, 0, "")}
        assert [m.name for m in found][:6] == [
            "index.json",
            "manifest.json",
            "oci-layout",
            "repositories",
            "blobs",
            "blobs/sha256",
        ]

    def test_docker_s_documents(self) -> None:
        memory = Memory()
        manifest = image(memory, ONE, TWO)
        data = members(to_bytes(memory, [ArchiveImage(manifest.descriptor(), ("docker.io/library/a:1", "h.io/b:2"))]))
        (entry,) = json.loads(data["manifest.json"])
        assert entry["Config"] == f"blobs/sha256/{manifest.config.digest.hex}"
        assert entry["RepoTags"] == ["a:1", "h.io/b:2"]
        assert [hashlib.sha256(data[path]).hexdigest() for path in entry["Layers"]] == [
            Digest.of(x).hex for x in (ONE, TWO)
        ]
        assert json.loads(data["repositories"]) == {"a": {"1": Digest.of(TWO).hex}, "h.io/b": {"2": Digest.of(TWO).hex}}
        annotations = [m["annotations"] for m in json.loads(data["index.json"])["manifests"]]
        assert annotations[0] == {
            "io.containerd.image.name": "docker.io/library/a:1",
            "org.opencontainers.image.ref.name": "1",
        }

    def test_a_plain_oci_archive(self) -> None:
        memory = Memory()
        data = members(to_bytes(memory, [ArchiveImage(image(memory, ONE).descriptor())], docker=False))
        assert {name for name in data if "/" not in name} == {"index.json", "oci-layout"}
        assert "annotations" not in json.loads(data["index.json"])["manifests"][0]

    def test_an_index_is_saved_whole_and_listed_by_this_platform(self, tmp_path: Path) -> None:
        memory = Memory()
        mine, other = image(memory, ONE), image(memory, TWO, architecture="s390x")
        entries = [replace(mine.descriptor(), platform=host())]
        entries.append(replace(other.descriptor(), platform=replace(host(), architecture="s390x", variant="")))
        index = Index.of(reversed(entries))
        root = memory.add(index.media_type, index.raw)
        data = to_bytes(memory, [ArchiveImage(root, ("docker.io/library/multi:1",))])
        (entry,) = json.loads(members(data)["manifest.json"])
        assert entry["Config"].endswith(mine.config.digest.hex)
        archive = open_archive(io.BytesIO(data), str(tmp_path))
        copy(archive, archive.resolve("multi:1"), target := Memory())
        assert target.has(other.descriptor())

    def test_an_artifact_is_no_docker_image(self) -> None:
        memory = Memory()
        manifest = Manifest.of(memory.add(media_types.OCI_EMPTY, b"{}"), [memory.add("text/plain", b"sbom")])
        memory.add(manifest.media_type, manifest.raw)
        data = members(to_bytes(memory, [ArchiveImage(manifest.descriptor())]))
        assert json.loads(data["manifest.json"]) == []

    def test_a_missing_or_damaged_blob_fails_the_save(self) -> None:
        memory = Memory()
        manifest = image(memory, ONE)
        held = [ArchiveImage(manifest.descriptor())]
        memory._blobs[Digest.of(ONE)] = ONE[:-1] + b"x"
        with pytest.raises(Corrupt):
            to_bytes(memory, held)
        memory.delete(Digest.of(ONE))
        with pytest.raises(NotFound):
            to_bytes(memory, held)

    def test_foreign_layers_stay_where_they_are(self) -> None:
        memory = Memory()
        manifest = image(memory, ONE)
        away = Descriptor(media_types.OCI_FOREIGN_LAYER, Digest.of(b"away"), 4)
        manifest = manifest.with_fields(layers=[*manifest.layers, away])
        memory.add(manifest.media_type, manifest.raw)
        assert f"blobs/sha256/{away.digest.hex}" not in members(to_bytes(memory, [ArchiveImage(manifest.descriptor())]))


class TestPlain:
    def source(self, memory: Memory) -> Plain:
        sizes = {Digest.of(x): len(x) for x in (ONE, TWO)}
        for data in (ONE, TWO):
            memory.add(media_types.OCI_LAYER, data)
        return Plain(memory, sizes.get)

    @pytest.mark.parametrize("family", ["oci", "docker"])
    def test_compressed_layers_come_out_plain_with_the_same_id(self, tmp_path: Path, family: str) -> None:
        memory = Memory()
        manifest = image(memory, ONE, TWO, compress=True)
        if family == "docker":
            layers = [replace(d, media_type=media_types.DOCKER_LAYER_GZIP) for d in manifest.layers]
            config = replace(manifest.config, media_type=media_types.DOCKER_CONFIG)
            manifest = Manifest.of(config, layers, media_types.DOCKER_MANIFEST)
            memory.add(manifest.media_type, manifest.raw)
        plain = self.source(memory)
        root = plain.convert(manifest.descriptor())
        data = to_bytes(plain, [ArchiveImage(root, ("docker.io/library/a:1",))])
        found = Image(open_archive(io.BytesIO(data), str(tmp_path)), root)
        assert found.id == manifest.config.digest
        assert [d.digest for d in found.manifest.layers] == [Digest.of(ONE), Digest.of(TWO)]
        assert [item.open().read() for item in found.layers] == [ONE, TWO]

    def test_what_cannot_be_converted_stays(self) -> None:
        memory = Memory()
        unknown = image(memory, layer(("x", b"not in the layer store")), compress=True).descriptor()
        already = image(memory, ONE).descriptor()
        index = Index.of([already])
        root = memory.add(index.media_type, index.raw)
        plain = self.source(memory)
        for node in (unknown, already, root):
            assert plain.convert(node) == node


class TestOciDirectory:
    def test_round_trip(self, tmp_path: Path) -> None:
        memory = Memory()
        manifest = image(memory, ONE, TWO)
        sink = OciDirectory(str(tmp_path / "out"))
        assert not sink.has(manifest.descriptor())
        copy(memory, manifest.descriptor(), sink)
        sink.tag("v1", manifest.descriptor())
        sink.tag("ghcr.io/a/b:2", manifest.descriptor())
        assert sink.has(manifest.descriptor())
        assert sink.resolve("v1") == sink.resolve("ghcr.io/a/b:2") == manifest.descriptor()
        again = OciDirectory(str(tmp_path / "out"))
        copy(again, again.resolve("v1"), target := Memory())
        assert target.has(manifest.descriptor())
        left = sorted(p.name for p in (tmp_path / "out").iterdir())
        assert left == ["blobs", "index.json", "oci-layout"]

    def test_a_tag_moves(self, tmp_path: Path) -> None:
        memory = Memory()
        one, two = image(memory, ONE), image(memory, TWO)
        sink = OciDirectory(str(tmp_path))
        for manifest in (one, two):
            copy(memory, manifest.descriptor(), sink)
            sink.tag("latest", manifest.descriptor())
            sink.tag("", manifest.descriptor())
            sink.tag("", manifest.descriptor())
        assert sink.resolve("latest") == two.descriptor()
        entries = json.loads((tmp_path / "index.json").read_bytes())["manifests"]
        assert [e["digest"] for e in entries] == [str(one.digest), str(two.digest), str(two.digest)]

    @pytest.mark.parametrize("wrong", [b"", ONE[:-1], ONE + b"x", ONE[:-1] + b"x"])
    def test_wrong_bytes_leave_nothing(self, tmp_path: Path, wrong: bytes) -> None:
        sink = OciDirectory(str(tmp_path))
        blob = Descriptor.of("x", ONE)
        with pytest.raises(Corrupt):
            sink.put(blob, io.BytesIO(wrong))
        assert not sink.has(blob)
        assert [p for p in (tmp_path / "blobs").rglob("*") if p.is_file()] == []

    def test_many_threads_tag_without_losing_one(self, tmp_path: Path) -> None:
        memory = Memory()
        manifest = image(memory, ONE)
        sink = OciDirectory(str(tmp_path))
        copy(memory, manifest.descriptor(), sink)
        threads = [threading.Thread(target=sink.tag, args=(f"t{i}", manifest.descriptor())) for i in range(12)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert all(sink.resolve(f"t{i}") == manifest.descriptor() for i in range(12))

    def test_what_it_refuses(self, tmp_path: Path) -> None:
        sink = OciDirectory(str(tmp_path / "new"))
        with pytest.raises(NotFound):
            sink.tag("x", image(Memory(), ONE).descriptor())
        with pytest.raises(NotFound):
            sink.open(Descriptor.of("x", b"gone"))
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "letters").write_text("")
        with pytest.raises(Invalid, match="not empty and no OCI layout"):
            OciDirectory(str(tmp_path / "home"))
        (tmp_path / "new" / "oci-layout").write_text('{"imageLayoutVersion":"9"}')
        with pytest.raises(Unsupported):
            OciDirectory(str(tmp_path / "new"))
