"""The least layer store there can be, for tests of what lies above it: one file per layer, one directory per snapshot."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from scow.errors import Corrupt, NotFound
from scow.oci.digest import Digest

if TYPE_CHECKING:
    from scow.store.paths import Paths


class TarLayers:
    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.parents: dict[str, tuple[str | Digest, ...]] = {}

    def ingest(self, stream: BinaryIO, expected: Digest | None = None) -> Digest:
        data = stream.read()
        found = Digest.of(data)
        if expected and found != expected:
            raise Corrupt(f"layer {expected} is {found}")
        directory = self.paths.layer(found)
        os.makedirs(directory, exist_ok=True)
        with open(f"{directory}/layer.tar", "wb") as f:
            f.write(data)
        with open(f"{directory}/meta.json", "w") as f:
            json.dump({"size": len(data), "content": len(data)}, f)
        return found

    def open(self, diff_id: Digest) -> BinaryIO:
        return open(f"{self.paths.layer(diff_id)}/layer.tar", "rb")

    def prepare(self, key: str, *parent: str | Digest) -> None:
        os.makedirs(f"{self.paths.snapshot(key)}/upper")
        self.parents[key] = parent

    def parent(self, key: str) -> tuple[str | Digest, ...]:
        return self.parents.get(key, ())

    def remove(self, name: str | Digest) -> None:
        path = self.paths.layer(name) if isinstance(name, Digest) else self.paths.snapshot(name)
        if not os.path.exists(path):
            raise NotFound(path)
        shutil.rmtree(path)

    def walk(self) -> Iterator[str | Digest]:
        for name in sorted(os.listdir(self.paths.layers)):
            yield Digest("sha256", name)
        yield from sorted(os.listdir(self.paths.snapshots))
