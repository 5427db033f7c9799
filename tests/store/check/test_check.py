"""check: silent when all is well; each kind of damage is named, mended if it can be, and then gone."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.store.archive.making import image, layer

from scow.errors import Unavailable, Unsupported
from scow.oci import media_types
from scow.oci.copy import copy
from scow.oci.digest import Digest
from scow.oci.memory import Memory
from scow.oci.reference import Reference
from scow.store import buildcache, containers, images, leases, open_store
from scow.store.buildcache import CacheRecord
from scow.store.check import check
from scow.store.containers import ContainerRecord
from scow.store.faults import Fault
from scow.store.migrations import STEPS

if TYPE_CHECKING:
    from scow.oci.manifest import Manifest
    from scow.store.faults import Finding
    from scow.store.store import Store

ONE, TWO = layer(("one", b"1" * 5000)), layer(("two", b"2" * 5000))
NAME = "docker.io/library/app:1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a pulled image, a container on it and a build cache record; real layers, nothing mounted."""
    with open_store(str(tmp_path / "root"), str(tmp_path / "run")) as store:
        memory = Memory()
        manifest = image(memory, ONE, TWO, compress=True)
        copy(memory, manifest.descriptor(), store.local())
        for data in (ONE, TWO):
            store.layers.ingest(io.BytesIO(data))
        store.local().tag("app:1", manifest.descriptor())
        add_container(store, "c" * 64, str(manifest.config.digest))
        held = (leases.layer(Digest.of(ONE)), leases.blob(manifest.digest))
        buildcache.save(store.state, CacheRecord("key", "exec", "RUN x", {}, held))
        yield store


def add_container(store: Store, key: str, image_id: str) -> None:
    layers = tuple(str(Digest.of(data)) for data in (ONE, TWO))
    os.mkdir(store.paths.container(key))
    os.mkdir(store.paths.snapshot(key))
    containers.add(store.state, ContainerRecord(key, f"name-{key[0]}", image_id, 0, {}, layers, {}))


def the_image(store: Store) -> Manifest:
    from scow.oci.image import Image

    return Image(store.content, images.find(store.state, "app:1").manifest).manifest


def one(found: list[Fault]) -> Fault:
    assert len(found) == 1, found
    assert found[0].what
    assert found[0].where
    assert found[0].remedy
    return found[0]


def mends(store: Store, what: str) -> Fault:
    """Exactly one fault, which says ``what``; it stays without repair, is mended by it, and then all is well."""
    assert what in one(check(store)).what
    assert not one(check(store)).mended
    fault = one(check(store, repair=True))
    assert fault.mended, fault
    assert check(store) == []
    return fault


def damage(path: str) -> None:
    os.chmod(path, 0o600)
    with open(path, "r+b") as f:
        f.write(b"!!")


def test_silent_when_all_is_well(store: Store) -> None:
    assert check(store) == []
    assert check(store, repair=True) == []


def test_a_damaged_blob(store: Store) -> None:
    blob = the_image(store).layers[0]
    damage(store.paths.blob(blob.digest))
    fault = mends(store, "blob has the digest sha256:")
    assert fault.where == store.paths.blob(blob.digest)
    assert store.content.size(blob.digest) is None


def test_a_damaged_blob_is_only_found_when_bytes_are_read(store: Store) -> None:
    damage(store.paths.blob(the_image(store).layers[0].digest))
    assert check(store, deep=False) == []


def test_a_damaged_layer(store: Store) -> None:
    path = f"{store.paths.layer(Digest.of(TWO))}/layer.tar"
    if not os.path.exists(path):
        pytest.skip("layers are kept as directories here")
    damage(path)
    found = check(store, repair=True)
    assert "layer has the digest" in found[0].what
    assert found[0].mended
    left = check(store)  # the container cannot do without it
    assert "container lacks layer" in one(left).what
    store.layers.ingest(io.BytesIO(TWO))
    assert check(store) == []


@pytest.mark.parametrize("name", ["0" * 64, "not a digest"])
def test_a_directory_that_is_no_layer(store: Store, name: str) -> None:
    os.makedirs(f"{store.paths.layers}/{name}/fs")
    mends(store, "no layer" if len(name) == 64 else "layer is damaged")


def test_an_image_with_missing_parts_is_for_the_user(store: Store) -> None:
    containers.remove(store.state, "c" * 64)
    os.rmdir(store.paths.container("c" * 64))
    os.rmdir(store.paths.snapshot("c" * 64))
    buildcache.prune(store.state)
    manifest = the_image(store)
    store.content.delete(manifest.layers[1].digest)
    assert check(store) == [], "the layer itself is here"
    store.layers.remove(Digest.of(TWO))
    fault = one(check(store, repair=True))
    assert fault.what == f"image lacks layer {Digest.of(TWO)}"
    assert fault.where == NAME
    assert not fault.mended
    store.content.delete(manifest.config.digest)
    store.content.delete(manifest.digest)
    assert one(check(store)).what == f"image lacks its manifest {manifest.digest}"
    images.remove(store.state, manifest.config.digest)
    assert check(store) == []


def test_a_name_without_its_image(store: Store) -> None:
    root = images.resolve(store.state, Reference.parse("app:1"))
    with store.state.change() as db:
        row = ("docker.io/library/ghost:1", "sha256:" + "0" * 64, json.dumps(root.to_json()), 0)
        db.execute("INSERT INTO names VALUES (?, ?, ?, ?)", row)
    assert mends(store, "which is not there").where == "docker.io/library/ghost:1"
    assert images.find(store.state, "app:1")


def test_a_name_whose_index_is_missing(store: Store) -> None:
    memory = Memory()
    gone = memory.add(media_types.OCI_INDEX, b"{}")
    images.tag(store.state, Reference.parse("ghost:1"), None, gone)
    assert str(gone.digest) in one(check(store)).what


def test_a_container_without_a_directory(store: Store) -> None:
    os.rmdir(store.paths.container("c" * 64))
    found = check(store, repair=True)
    assert [f.what for f in found] == ["container has no directory", "snapshot has no owner"]
    assert check(store) == []


def test_a_container_that_is_just_being_made(store: Store) -> None:
    containers.add(store.state, ContainerRecord("f" * 64, "fresh", "", time.time_ns(), {}, (), {}))
    assert check(store, repair=True) == []


def test_a_directory_without_a_container(store: Store) -> None:
    os.makedirs(store.paths.container("d" * 64) + "/deep")
    mends(store, "directory belongs to no container")


def test_a_snapshot_without_an_owner(store: Store) -> None:
    store.layers.prepare("stray", ())
    mends(store, "snapshot has no owner")


def test_work_under_way_is_no_fault(store: Store) -> None:
    with store.leases.acquire("build"):
        store.layers.prepare("working", ())
        os.mkdir(store.paths.container("e" * 64))
        os.mkdir(f"{store.paths.tmp}/staging")
        writer = store.content.writer("w")
        writer.write(b"half")
        layer_writer = store.layers.writer()
        assert check(store, repair=True) == []
        writer.close()
        layer_writer.abort()
    assert {f.what for f in check(store)} == {"snapshot has no owner", "directory belongs to no container"}


def test_stale_staging(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = store.content.writer("w")
    writer.write(b"half")
    writer.close()
    real = time.time_ns
    assert check(store) == []
    monkeypatch.setattr("scow.store.gc.time.time_ns", lambda: real() + 48 * 3600 * 10**9)
    mends(store, "staging was left by a command that died")


def test_a_cache_record_without_its_result(store: Store) -> None:
    held = (leases.layer(Digest.of(b"gone")), leases.snapshot("gone"))
    buildcache.save(store.state, CacheRecord("bad", "exec", "RUN y", {}, held))
    assert mends(store, "build cache record lacks layer").where == "bad"
    assert buildcache.find(store.state, "key")


def test_findings_of_other_rooms(store: Store) -> None:
    points = ["/run/scow/layers/x", "/run/scow/layers/busy"]

    def unmount(point: str) -> None:
        if point.endswith("busy"):
            raise Unavailable("umount2: Device or resource busy")
        points.remove(point)

    def others() -> Iterator[Finding]:
        for point in points:
            yield Fault("mounted", point, "unmount it"), partial(unmount, point)

    found = check(store, repair=True, others=(others,))
    assert [(f.where, f.mended, f.problem) for f in found] == [
        ("/run/scow/layers/x", True, ""),
        ("/run/scow/layers/busy", False, "umount2: Device or resource busy"),
    ]
    assert one(check(store, others=(others,))).where == "/run/scow/layers/busy"


class TestDatabase:
    def test_what_can_be_read_is_salvaged(self, store: Store) -> None:
        with store.state.change() as db:
            rows = [(f"v{i:04}" * 8, "local", 0, "{}", "{}") for i in range(2000)]
            db.executemany("INSERT INTO volumes VALUES (?, ?, ?, ?, ?)", rows)
        store.state.close()
        path = Path(store.paths.database)
        raw = bytearray(path.read_bytes())
        raw[-30000:-20000] = os.urandom(10000)
        path.write_bytes(raw)
        fault = one(check(store))
        assert fault.what.startswith("database is damaged: ")
        assert fault.where == str(path)
        found = check(store, repair=True)
        assert found[0].mended, found
        assert check(store) == []
        assert images.find(store.state, "app:1")
        (kept,) = store.state.row("SELECT count(*) FROM volumes") or (0,)
        assert 0 < kept <= 2000
        assert [p.name for p in path.parent.glob("scow.db.damaged-*")]
        assert store.state.row("PRAGMA journal_mode") == ("wal",)

    def test_garbage_becomes_an_empty_database(self, store: Store) -> None:
        store.state.close()
        Path(store.paths.database).write_bytes(os.urandom(50000))
        assert one(check(store, repair=True)).mended
        assert images.list_all(store.state) == []
        assert os.path.isdir(store.paths.container("c" * 64)), "nothing was removed for want of its row"
        found = check(store, repair=True)
        assert {f.what for f in found} == {"directory belongs to no container", "snapshot has no owner"}
        assert check(store) == []

    def test_a_newer_database_is_left_alone(self, store: Store) -> None:
        with store.state.change() as db:
            db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
        store.state.close()
        with pytest.raises(Unsupported, match="schema version"):
            check(store, repair=True)
