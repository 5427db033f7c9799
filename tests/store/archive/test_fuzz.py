"""Damaged and invented archives end in one of our errors, quickly, and never anything else."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.archive.making import config, docker_members, image, layer, tar

from scow.errors import Error
from scow.oci import graph
from scow.oci.memory import Memory
from scow.store.archive.contents import ArchiveImage
from scow.store.archive.reading import open_archive
from scow.store.archive.writing import to_bytes

if TYPE_CHECKING:
    import pytest

ONE = layer(("one", b"1" * 600))
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just("c.json"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "Config RepoTags Layers parent config schemaVersion manifests mediaType digest size".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def try_all(data: bytes, tmp: str) -> None:
    """Open an archive and read all there is in it; only our errors may come of it."""
    try:
        archive = open_archive(io.BytesIO(data), tmp)
    except Error:
        return
    for held in archive.images:
        try:
            for blob in graph.children(archive, held.root):
                with archive.open(blob) as stream:
                    stream.read()
        except Error:
            pass
    archive.close()


def seeds() -> list[bytes]:
    memory = Memory()
    oci = to_bytes(memory, [ArchiveImage(image(memory, ONE).descriptor(), ("docker.io/library/a:1",))])
    return [oci, tar(docker_members(["a:1"], ONE))]


SEEDS = seeds()


@QUICK
@given(
    st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=4)), max_size=6)
)
def test_changed_bytes(tmp_path_factory: pytest.TempPathFactory, seed: bytes, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(seed)
    for at, piece in changes:
        data[at % len(data) : at % len(data) + len(piece)] = piece
    try_all(bytes(data), str(tmp_path_factory.getbasetemp()))


@QUICK
@given(st.sampled_from(SEEDS), st.integers(0, 1 << 16))
def test_cut_short(tmp_path_factory: pytest.TempPathFactory, seed: bytes, length: int) -> None:
    try_all(seed[: length % len(seed)], str(tmp_path_factory.getbasetemp()))


@QUICK
@given(st.sampled_from(["manifest.json", "index.json", "repositories", "c.json", f"{1:064x}/json"]), JSON)
def test_invented_documents(tmp_path_factory: pytest.TempPathFactory, name: str, document: Any) -> None:
    members = {
        "c.json": config(ONE),
        "l/layer.tar": ONE,
        f"{1:064x}/json": b"{}",
        f"{1:064x}/layer.tar": ONE,
        "repositories": json.dumps({"a": {"b": f"{1:064x}"}}).encode(),
    }
    if name == "index.json":
        members["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    elif name != "repositories":
        members["manifest.json"] = b'[{"Config":"c.json","Layers":["l/layer.tar"],"RepoTags":["a:1"]}]'
    members[name] = json.dumps(document).encode()
    try_all(tar(members), str(tmp_path_factory.getbasetemp()))
