"""Both forms, and the reader that mounts nothing, agree on archives that nobody has thought of; and on full disks."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.layers.support import FORMS, NEEDS_ROOT, ROOT, archive, clean, file, mounted, store, tree
from tests.store.layers.test_contract import compare_tree

from scow.errors import Corrupt, Unavailable
from scow.kernel.mount import Mount, mount_at
from scow.store.paths import Paths, create
from scow.store.snapshots import Snapshotter
from scow.wire.tar import Entry

if TYPE_CHECKING:
    from tests.store.layers.support import Member

pytestmark = pytest.mark.skipif(not ROOT, reason=NEEDS_ROOT)
PART = st.sampled_from(["a", "b", "c", ".", "..", "", ".wh.a", ".wh.b", ".wh..wh..opq", "a" * 100])
PATH = st.lists(PART, min_size=1, max_size=4).map("/".join)
KIND = st.sampled_from(["file", "file", "dir", "dir", "symlink", "hardlink", "char", "fifo"])


@st.composite
def member(draw: Any) -> Member:
    kind = draw(KIND)
    data = draw(st.binary(max_size=600)) if kind == "file" else None
    name = draw(PATH).encode()
    linkname = draw(PATH).encode() if kind in ("symlink", "hardlink") else b""
    xattrs = draw(st.sampled_from([{}, {b"user.x": b"1"}, {b"trusted.overlay.opaque": b"y", b"trusted.x": b""}]))
    fields = {"mode": draw(st.sampled_from([0o644, 0o4755, 0o1777])), "uid": draw(st.integers(0, 5)), "xattrs": xattrs}
    return Entry(name, kind, size=len(data or b""), mtime=draw(st.integers(0, 5)), linkname=linkname, **fields), data


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Snapshotter]]:
    with store(tmp_path_factory.mktemp("e"), "erofs") as one, store(tmp_path_factory.mktemp("d"), "directory") as two:
        yield [one, two]


def result(s: Snapshotter, stack: list[bytes], point: Any) -> Any:
    """The merged tree of a stack of archives, and each layer's own; or which archive was refused, and why."""
    ids = []
    try:
        for data in stack:
            try:
                ids.append(s.ingest(io.BytesIO(data)).diff_id)
            except Corrupt as e:
                return len(ids), str(e)
        alone = [tree(s.layers.lower(i), marks=True) for i in ids]
        with mounted(s, ids, point) as m, s.tree(tuple(ids)) as t:
            compare_tree(t, m)
            merged = tree(m)
        for i, data in zip(ids, stack, strict=True):
            with s.open(i) as f:
                assert f.read() == data
        return alone, merged
    finally:
        for i in set(ids):
            s.remove(i)
        assert os.listdir(s._paths.tmp) == os.listdir(s._paths.layers) == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.lists(member(), max_size=12), min_size=1, max_size=3))
def test_forms_agree(both: list[Snapshotter], tmp_path: Any, stack: list[list[Member]]) -> None:
    archives = [archive(*members) for members in stack]
    one, two = (result(s, archives, tmp_path / "m") for s in both)
    assert one == two


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [100, 250, 420])
def test_full_disk(form: str, size: int, tmp_path: Any) -> None:
    """Wherever the disk is full - in the tar, in the index, in the unpacked tree - nothing is left and room is asked for."""
    top = tmp_path / "root"
    top.mkdir()
    mount_at(Mount("tmpfs", "tmpfs", "", ("size=400k",)), str(top))
    paths = Paths(str(top), str(tmp_path / "run"))
    try:
        create(paths)
        s = Snapshotter(paths, form)
        data = archive(*[file(f"d{i}/f", b"x" * (1024 * size // 20)) for i in range(20)])
        try:
            layer = s.ingest(io.BytesIO(data))
        except Unavailable as e:
            assert e.hint == "free some space, for example with scow system prune"
            assert os.listdir(paths.tmp) == os.listdir(paths.layers) == []
        else:
            assert size == 100 or (size, form) == (250, "erofs")
            s.remove(layer.diff_id)
    finally:
        clean(str(tmp_path))
        from scow.kernel.mount import umount

        if os.path.ismount(top):
            umount(str(top))
