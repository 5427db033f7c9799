"""Collection: what is needed stays, what is not goes, and nobody loses what they are working on."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.store.content.tar_layers import TarLayers

from scow.errors import Conflict
from scow.oci import media_types
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.manifest import Index, Manifest
from scow.oci.platform import host
from scow.oci.reference import Reference
from scow.store import buildcache, containers, gc, images, leases, open_store
from scow.store.buildcache import CacheRecord
from scow.store.containers import ContainerRecord
from scow.store.content import Content

if TYPE_CHECKING:
    from scow.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "root"), str(tmp_path / "run"))


@pytest.fixture
def layers(store: Store) -> TarLayers:
    return TarLayers(store.paths)


@pytest.fixture
def content(store: Store, layers: TarLayers) -> Content:
    return Content(store.paths, layers)


def put(content: Content, media_type: str, data: bytes) -> Descriptor:
    blob = Descriptor.of(media_type, data)
    content.put(blob, io.BytesIO(data))
    return blob


def make_image(content: Content, text: str) -> Manifest:
    """An image of one compressed layer, which is in the layer store too."""
    tar = f"tar of {text}".encode()
    put(content, media_types.OCI_LAYER, tar)
    config = {**host().to_json(), "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(tar))]}}
    manifest = Manifest.of(
        put(content, media_types.OCI_CONFIG, json.dumps(config).encode()),
        [put(content, media_types.OCI_LAYER_GZIP, b"gz " + tar)],
    )
    put(content, manifest.media_type, manifest.raw)
    return manifest


def name(store: Store, text: str, root: Descriptor) -> None:
    store.local().tag(text, root)


def collect(store: Store, layers: TarLayers) -> gc.Freed:
    return gc.collect(store.paths, store.state, layers)


def test_an_unnamed_image_goes_whole(store: Store, layers: TarLayers, content: Content) -> None:
    manifest = make_image(content, "a")
    freed = collect(store, layers)
    parts = [manifest.descriptor(), manifest.config, *manifest.layers]
    assert set(freed.blobs) == {d.digest for d in parts}
    assert freed.layers == (Digest.of(b"tar of a"),)
    assert freed.bytes == sum(d.size for d in parts) + len(b"tar of a")
    assert list(content.walk()) == []
    assert collect(store, layers) == gc.Freed()


def test_a_named_image_stays_whole_and_shared_parts_stay_for_the_other(
    store: Store, layers: TarLayers, content: Content
) -> None:
    manifest = make_image(content, "a")
    name(store, "one", manifest.descriptor())
    name(store, "two", manifest.descriptor())
    assert collect(store, layers) == gc.Freed()
    images.untag(store.state, Reference.parse("one"))
    assert collect(store, layers) == gc.Freed()
    images.untag(store.state, Reference.parse("two"))
    assert collect(store, layers) == gc.Freed(), "dangling, but not removed"
    images.remove(store.state, manifest.config.digest)
    assert len(collect(store, layers).blobs) == 3


def test_an_index_keeps_what_it_has_and_itself(store: Store, layers: TarLayers, content: Content) -> None:
    manifest = make_image(content, "a")
    index = Index.of([manifest.descriptor(), Descriptor.of(media_types.OCI_MANIFEST, b"never fetched")])
    root = put(content, index.media_type, index.raw)
    name(store, "multi", root)
    assert collect(store, layers) == gc.Freed()
    assert content.has(manifest.descriptor())


def test_an_uncompressed_layer_of_a_built_image_stays(store: Store, layers: TarLayers, content: Content) -> None:
    config = put(content, media_types.OCI_EMPTY, b"{}")
    manifest = Manifest.of(config, [put(content, media_types.OCI_LAYER, b"built")])
    name(store, "built", put(content, manifest.media_type, manifest.raw))
    assert collect(store, layers) == gc.Freed()


def test_a_damaged_manifest_is_kept_for_check(store: Store, layers: TarLayers, content: Content) -> None:
    manifest = make_image(content, "a")
    name(store, "a", manifest.descriptor())
    path = store.paths.blob(manifest.digest)
    os.chmod(path, 0o600)
    Path(path).write_bytes(b"x" * len(manifest.raw))
    freed = collect(store, layers)
    assert manifest.digest not in freed.blobs
    assert freed.layers == ()


def test_a_container_keeps_its_layers_and_its_snapshot(store: Store, layers: TarLayers, content: Content) -> None:
    manifest = make_image(content, "a")
    layers.prepare("c" * 64)
    layers.prepare("stray")
    record = ContainerRecord("c" * 64, "web", "", 0, {}, (str(Digest.of(b"tar of a")),), {})
    containers.add(store.state, record)
    freed = collect(store, layers)
    assert freed.snapshots == ("stray",)
    assert freed.layers == ()
    assert manifest.digest in freed.blobs
    containers.remove(store.state, record.id)
    freed = collect(store, layers)
    assert freed.snapshots == ("c" * 64,)
    assert freed.layers == (Digest.of(b"tar of a"),)


def test_a_snapshot_keeps_what_it_stands_on(store: Store, layers: TarLayers, content: Content) -> None:
    base, other = (put(content, media_types.OCI_LAYER, data).digest for data in (b"base", b"other"))
    layers.prepare("frozen", base)
    layers.prepare("step", "frozen")
    layers.prepare("gone", other)
    time.sleep(0.02)
    with store.leases.acquire("build") as lease:
        lease.add(leases.snapshot("step"))
        freed = collect(store, layers)
        assert (freed.layers, freed.snapshots) == ((other,), ("gone",))
        layers.prepare("next", "frozen")
        lease.release()
    with store.leases.acquire("another build"):
        pass
    assert set(collect(store, layers).snapshots) == {"frozen", "step", "next"}


def test_the_build_cache_keeps_what_it_holds(store: Store, layers: TarLayers, content: Content) -> None:
    layer = put(content, media_types.OCI_LAYER, b"result")
    held = (leases.layer(layer.digest),)
    buildcache.save(store.state, CacheRecord("k", "exec", "RUN x", {"layer": str(layer.digest)}, held, layer.size))
    assert collect(store, layers) == gc.Freed()
    buildcache.prune(store.state)
    assert collect(store, layers).layers == (layer.digest,)


class TestLeased:
    def test_what_is_added_stays(self, store: Store, layers: TarLayers, content: Content) -> None:
        old = put(content, "x", b"old")
        other = put(content, "x", b"other")
        time.sleep(0.02)
        with store.leases.acquire("pull") as lease:
            assert content.under(lease).has(old)
            assert collect(store, layers).blobs == (other.digest,)
        assert collect(store, layers).blobs == (old.digest,)

    def test_what_is_new_stays_without_being_added(self, store: Store, layers: TarLayers, content: Content) -> None:
        with store.leases.acquire("build"):
            put(content, "x", b"new")
            put(content, media_types.OCI_LAYER, b"new layer")
            layers.prepare("new")
            assert collect(store, layers) == gc.Freed()
        freed = collect(store, layers)
        assert (len(freed.blobs), len(freed.layers), len(freed.snapshots)) == (1, 1, 1)

    def test_a_killed_builder_keeps_nothing(self, store: Store, layers: TarLayers, content: Content) -> None:
        code = (
            "import sys, time\nfrom scow.store import open_store\nimport io\nfrom scow.oci.descriptor import Descriptor\n"
            "store = open_store(sys.argv[1], sys.argv[2])\nlease = store.leases.acquire('build')\n"
            "store.content.under(lease).put(Descriptor.of('x', b'work'), io.BytesIO(b'work'))\n"
            "print('ready', flush=True)\ntime.sleep(60)\n"
        )
        argv = [sys.executable, "-c", code, store.paths.root, store.paths.run]
        child = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        assert collect(store, layers) == gc.Freed()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert collect(store, layers).blobs == (Digest.of(b"work"),)

    def test_pulls_and_collections_at_once_lose_nothing(
        self, store: Store, layers: TarLayers, content: Content
    ) -> None:
        """Pulls that share blobs run while a collector runs without pause; each named image must be whole."""
        stop = threading.Event()
        failed: list[str] = []

        def collector() -> None:
            while not stop.is_set():
                try:
                    collect(store, layers)
                except BaseException as e:
                    failed.append(repr(e))

        def puller(who: int) -> None:
            try:
                for i in range(15):
                    with store.leases.acquire(f"pull {who}") as lease:
                        mine = content.under(lease)
                        config = Descriptor.of(media_types.OCI_EMPTY, b"{}")
                        layer = Descriptor.of("x", f"shared {i % 3}".encode())
                        manifest = Manifest.of(config, [layer]).with_fields(annotations={"n": f"{who}-{i}"})
                        for blob, data in ((config, b"{}"), (layer, f"shared {i % 3}".encode())):
                            if not mine.has(blob):
                                mine.put(blob, io.BytesIO(data))
                        mine.put(manifest.descriptor(), io.BytesIO(manifest.raw))
                        store.local(lease).tag(f"p{who}", manifest.descriptor())
                    if not content.has(manifest.descriptor()):
                        failed.append(f"{who}-{i} is not whole")
                    images.remove(store.state, manifest.digest)
            except BaseException as e:
                failed.append(repr(e))

        collecting = threading.Thread(target=collector)
        pullers = [threading.Thread(target=puller, args=(who,)) for who in range(3)]
        for t in (collecting, *pullers):
            t.start()
        for t in pullers:
            t.join()
        stop.set()
        collecting.join()
        assert failed == []
        collect(store, layers)
        assert list(content.walk()) == []


def test_what_is_busy_is_told_and_kept(store: Store, layers: TarLayers, content: Content) -> None:
    class Busy(TarLayers):
        def remove(self, name: str | Digest) -> None:
            raise Conflict("mounted")

    put(content, media_types.OCI_LAYER, b"x")
    layers.prepare("k")
    freed = collect(store, Busy(store.paths))
    assert set(freed.busy) == {leases.layer(Digest.of(b"x")), "snapshot k"}
    assert freed.bytes == 0


def age(path: str, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(path, (at, at))


class TestStaging:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        ahead = [0.0]
        real = time.time_ns
        monkeypatch.setattr("scow.store.gc.time.time_ns", lambda: real() + int(ahead[0] * 1e9))
        return ahead

    def test_unlocked_leftovers_go_when_they_are_old(self, store: Store, layers: TarLayers, clock: list[float]) -> None:
        tree = f"{store.paths.tmp}/anything/deep"
        os.makedirs(tree)
        writer = store.content.writer("resume me")
        writer.write(b"half")
        writer.close()
        collect(store, layers)
        assert len(os.listdir(store.paths.tmp)) == 2
        clock[0] = 2 * 3600
        collect(store, layers)
        assert len(os.listdir(store.paths.tmp)) == 1
        clock[0] = 25 * 3600
        held = store.content.writer("resume me")
        collect(store, layers)
        assert len(os.listdir(store.paths.tmp)) == 1
        held.close()
        collect(store, layers)
        assert os.listdir(store.paths.tmp) == []

    def test_what_a_live_lease_may_be_working_on_stays(
        self, store: Store, layers: TarLayers, clock: list[float]
    ) -> None:
        with store.leases.acquire("long build"):
            os.mkdir(f"{store.paths.tmp}/work")
            clock[0] = 48 * 3600
            collect(store, layers)
            assert os.listdir(store.paths.tmp) == ["work"]
        collect(store, layers)
        assert os.listdir(store.paths.tmp) == []

    def test_unused_lock_files_go(self, store: Store, layers: TarLayers) -> None:
        from scow.store import locks

        locks.exclusive(store.paths.lock("container", "a/b")).release()
        with locks.exclusive(store.paths.lock("container", "kept")):
            collect(store, layers)
            assert sorted(os.listdir(f"{store.paths.root}/locks")) == ["container-kept", "gc"]
