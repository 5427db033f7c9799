"""Content: the contract, and what a store on disk must stand beyond it: other processes, bad disks, full disks."""

from __future__ import annotations

import ctypes
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.oci.content_contract import ContentContract
from tests.store.content.tar_layers import TarLayers

from scow.errors import Corrupt, Invalid, NotFound, Unavailable
from scow.oci import media_types
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.manifest import Index, Manifest
from scow.store import paths as tree
from scow.store.content import Content
from scow.store.leases import Leases
from scow.store.paths import Paths

DATA = os.urandom(3 << 20)


def blob(data: bytes, media_type: str = media_types.OCTETS) -> Descriptor:
    return Descriptor.of(media_type, data)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path / "root"), str(tmp_path / "run"))
    tree.create(made)
    return made


@pytest.fixture
def content(paths: Paths) -> Content:
    return Content(paths, TarLayers(paths))


def files(paths: Paths) -> list[str]:
    """Everything in the store that is a file and no lock."""
    found = [os.path.join(d, f) for d, _, names in os.walk(paths.root) for f in names]
    return [f for f in found if not f.startswith(f"{paths.root}/locks/")]


class TestContract(ContentContract):
    @pytest.fixture
    def content(self, paths: Paths) -> Content:  # type: ignore[override]
        return Content(paths)


class TestContractWithLayersAndLease(ContentContract):
    @pytest.fixture
    def content(self, paths: Paths) -> Iterator[Content]:  # type: ignore[override]
        with Leases(paths).acquire("test") as lease:
            yield Content(paths, TarLayers(paths)).under(lease)


def test_nothing_but_the_blob_is_left(paths: Paths, content: Content) -> None:
    content.put(blob(DATA), io.BytesIO(DATA))
    assert files(paths) == [paths.blob(blob(DATA).digest)]
    assert os.stat(files(paths)[0]).st_mode & 0o777 == 0o444


@pytest.mark.parametrize("wrong", [DATA[:-1], DATA + b"x", DATA[:-1] + b"x", b""])
def test_nothing_is_left_of_wrong_bytes(paths: Paths, content: Content, wrong: bytes) -> None:
    with pytest.raises(Corrupt):
        content.put(Descriptor("x", blob(DATA).digest, len(DATA)), io.BytesIO(wrong if wrong != DATA else b""))
    assert files(paths) == []


def test_an_endless_stream_is_cut_off(paths: Paths, content: Content) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            self.given += size
            assert self.given < 64 << 20, "reads on and on"
            return bytes(size)

    with pytest.raises(Corrupt, match="longer than 10 bytes"):
        content.put(blob(bytes(10)), Endless())  # type: ignore[arg-type]
    assert files(paths) == []


def test_bytes_that_change_on_disk_are_found_while_they_are_read(paths: Paths, content: Content) -> None:
    content.put(blob(DATA), io.BytesIO(DATA))
    path = paths.blob(blob(DATA).digest)
    os.chmod(path, 0o600)
    with open(path, "r+b") as f:
        f.seek(100)
        f.write(b"!")
    with pytest.raises(Corrupt), content.open(blob(DATA)) as f:
        f.read()


def test_a_file_read_once_is_not_hashed_again_until_it_changes(paths: Paths, content: Content) -> None:
    content.put(blob(DATA), io.BytesIO(DATA))
    with content.open(blob(DATA)) as f:
        f.read()
    with content.open(blob(DATA)) as f:
        assert f.fileno() > 0
        assert f.read() == DATA
    path = paths.blob(blob(DATA).digest)
    os.chmod(path, 0o600)
    with open(path, "r+b") as f:
        f.write(b"!!!!")
    with pytest.raises(Corrupt), content.open(blob(DATA)) as f:
        f.read()


def test_half_read_is_not_taken_for_verified(paths: Paths, content: Content) -> None:
    content.put(blob(DATA), io.BytesIO(DATA))
    with content.open(blob(DATA)) as f:
        f.read(1 << 20)
    with content.open(blob(DATA)) as f, pytest.raises(io.UnsupportedOperation):
        f.fileno()


def test_a_truncated_file_is_as_good_as_absent(paths: Paths, content: Content) -> None:
    content.put(blob(DATA), io.BytesIO(DATA))
    os.truncate(paths.blob(blob(DATA).digest), 1000)
    assert not content.has(blob(DATA))
    with pytest.raises(Corrupt, match="has 1000 bytes"):
        content.open(blob(DATA))
    content.put(blob(DATA), io.BytesIO(DATA))
    assert content.open(blob(DATA)).read() == DATA


def test_a_writer_survives_the_death_of_its_process(paths: Paths, content: Content) -> None:
    code = (
        "import sys, time\nfrom scow.store.content import Content\nfrom scow.store.paths import Paths\n"
        "w = Content(Paths(sys.argv[1], sys.argv[2])).writer('pull of x')\nw.write(b'first half, ')\n"
        "print('written', flush=True)\ntime.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, paths.root, paths.run], stdout=subprocess.PIPE)
    assert child.stdout
    assert child.stdout.readline() == b"written\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    writer = content.writer("pull of x")
    assert writer.offset == 12
    writer.write(b"second half")
    whole = b"first half, second half"
    assert writer.commit(Digest.of(whole)) == Digest.of(whole)
    assert content.open(blob(whole)).read() == whole


def test_a_writer_is_of_no_use_after_commit(content: Content) -> None:
    writer = content.writer("k")
    writer.write(b"abc")
    writer.commit()
    with pytest.raises(Invalid, match="closed"):
        writer.write(b"d")
    assert content.open(blob(b"abc")).read() == b"abc"


def test_two_processes_put_one_blob(paths: Paths, content: Content) -> None:
    code = (
        "import io, sys\nfrom scow.oci.descriptor import Descriptor\nfrom scow.store.content import Content\n"
        "from scow.store.paths import Paths\ndata = bytes(range(256)) * 4096\n"
        "for _ in range(20):\n"
        "    Content(Paths(sys.argv[1], sys.argv[2])).put(Descriptor.of('x', data), io.BytesIO(data))\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, paths.root, paths.run]) for _ in range(3)]
    assert [w.wait(60) for w in workers] == [0, 0, 0]
    data = bytes(range(256)) * 4096
    assert content.open(blob(data)).read() == data
    assert files(paths) == [paths.blob(Digest.of(data))]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs needs root")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    point = tmp_path / "small"
    point.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"none", os.fsencode(point), b"tmpfs", 0, b"size=1m") == 0
    try:
        paths = Paths(str(point), str(point / "run"))
        tree.create(paths)
        content = Content(paths)
        with pytest.raises(Unavailable, match="No space left") as e:
            content.put(blob(DATA), io.BytesIO(DATA))
        assert e.value.hint
        assert files(paths) == []
        content.put(blob(DATA[:1000]), io.BytesIO(DATA[:1000]))
        writer = content.writer("resumable")
        with pytest.raises(Unavailable):
            for i in range(0, len(DATA), 65536):
                writer.write(DATA[i : i + 65536])
        kept = writer.offset
        writer.close()
        content.delete(blob(DATA[:1000]).digest)
        again = content.writer("resumable")
        assert again.offset == kept
        assert again.commit(Digest.of(DATA[:kept]))
    finally:
        libc.umount2(os.fsencode(point), 2)


class TestLayers:
    TYPE = media_types.OCI_LAYER

    def test_an_uncompressed_layer_is_kept_once_by_the_layer_store(self, paths: Paths, content: Content) -> None:
        layer = blob(DATA, self.TYPE)
        content.put(layer, io.BytesIO(DATA))
        assert not os.path.exists(paths.blob(layer.digest))
        assert content.has(layer)
        assert content.has(blob(DATA))  # by digest, whatever the type
        assert content.open(layer).read() == DATA
        assert [(d.digest, d.size) for d in content.walk()] == [(layer.digest, len(DATA))]
        content.delete(layer.digest)
        assert not content.has(layer)
        with pytest.raises(NotFound):
            content.open(layer)

    @pytest.mark.parametrize("wrong", [DATA[:-1], DATA + b"x", DATA[:-1] + b"x"])
    def test_wrong_bytes_are_refused(self, paths: Paths, content: Content, wrong: bytes) -> None:
        with pytest.raises(Corrupt):
            content.put(blob(DATA, self.TYPE), io.BytesIO(wrong))
        assert files(paths) == []

    def test_what_the_layer_store_gives_is_verified(self, paths: Paths, content: Content) -> None:
        layer = blob(DATA, self.TYPE)
        content.put(layer, io.BytesIO(DATA))
        with open(f"{paths.layer(layer.digest)}/layer.tar", "r+b") as f:
            f.write(b"!!!!")
        with pytest.raises(Corrupt), content.open(layer) as f:
            f.read()

    def test_a_layer_whose_meta_is_damaged_is_corrupt(self, paths: Paths, content: Content) -> None:
        layer = blob(DATA, self.TYPE)
        content.put(layer, io.BytesIO(DATA))
        Path(paths.layer_meta(layer.digest)).write_text("{")
        with pytest.raises(Corrupt, match=r"meta\.json is damaged"):
            content.has(layer)


class TestManifests:
    def image(self, content: Content) -> tuple[Descriptor, list[Descriptor]]:
        parts = [blob(b"config", media_types.OCI_CONFIG), blob(b"layer", media_types.OCI_LAYER_GZIP)]
        for part, data in zip(parts, (b"config", b"layer"), strict=True):
            content.put(part, io.BytesIO(data))
        manifest = Manifest.of(parts[0], parts[1:])
        content.put(manifest.descriptor(), io.BytesIO(manifest.raw))
        return manifest.descriptor(), parts

    @pytest.mark.parametrize("missing", [0, 1])
    def test_has_of_a_manifest_promises_its_parts(self, content: Content, missing: int) -> None:
        root, parts = self.image(content)
        assert content.has(root)
        content.delete(parts[missing].digest)
        assert not content.has(root)

    def test_a_damaged_manifest_is_not_had(self, paths: Paths, content: Content) -> None:
        root, _ = self.image(content)
        path = paths.blob(root.digest)
        os.chmod(path, 0o600)
        Path(path).write_bytes(b"x" * root.size)
        assert not content.has(root)

    def test_foreign_layers_need_not_be_here(self, content: Content) -> None:
        config = blob(b"config", media_types.OCI_CONFIG)
        content.put(config, io.BytesIO(b"config"))
        manifest = Manifest.of(config, [blob(b"away", media_types.OCI_FOREIGN_LAYER_GZIP)])
        content.put(manifest.descriptor(), io.BytesIO(manifest.raw))
        assert content.has(manifest.descriptor())

    def test_an_index_may_list_what_is_not_here(self, content: Content) -> None:
        index = Index.of([blob(b"elsewhere", media_types.OCI_MANIFEST)])
        content.put(index.descriptor(), io.BytesIO(index.raw))
        assert content.has(index.descriptor())
