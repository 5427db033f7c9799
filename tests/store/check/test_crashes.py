"""A process that pulls, tags, removes and collects is killed at any moment: what is named is whole, the rest is mended."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from scow.store import gc, images, open_store
from scow.store.check import check

WORK = """
import io, json, os, sys
from scow.oci import media_types
from scow.oci.copy import copy
from scow.oci.descriptor import Descriptor
from scow.oci.digest import Digest
from scow.oci.manifest import Manifest
from scow.oci.memory import Memory
from scow.oci.platform import host
from scow.store import gc, images, open_store
from scow.wire.tar import Entry, Writer

store = open_store(sys.argv[1], sys.argv[2])
print("ready", flush=True)
for n in range(10 ** 6):
    memory, out = Memory(), io.BytesIO()
    writer = Writer(out)
    writer.add(Entry(b"file", "file", size=20000), bytes([n % 256]) * 20000)
    writer.close()
    tar = out.getvalue()
    config = {**host().to_json(), "n": n, "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(tar))]}}
    blob = memory.add(media_types.OCI_CONFIG, json.dumps(config).encode())
    manifest = Manifest.of(blob, [memory.add(media_types.OCI_LAYER, tar), memory.add(media_types.OCI_LAYER, tar)][:1])
    memory.add(manifest.media_type, manifest.raw)
    with store.leases.acquire("pull") as lease:
        local = store.local(lease)
        copy(memory, manifest.descriptor(), local)
        local.tag(f"app:{n % 3}", manifest.descriptor())
    for image in images.dangling(store.state):
        images.remove(store.state, image)
    gc.collect(store.paths, store.state, store.layers)
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    root, run = str(tmp_path / "root"), str(tmp_path / "run")
    random.seed(7)
    for _ in range(12):
        child = subprocess.Popen([sys.executable, "-c", WORK, root, run], stdout=subprocess.PIPE)
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0.005, 0.12))
        child.kill()
        child.wait()
        child.stdout.close()
        with open_store(root, run) as store:
            found = check(store)
            assert not [f for f in found if "image" in f.what or "digest" in f.what or "database" in f.what], found
            assert all(f.mended for f in check(store, repair=True))
            assert check(store) == []
    with open_store(root, run) as store:
        assert images.list_all(store.state), "the child came far enough to name something"
        for record in images.list_all(store.state):
            images.remove(store.state, record.id)
        gc.collect(store.paths, store.state, store.layers)
        assert list(store.content.walk()) == []
        assert list(store.layers.walk()) == []
