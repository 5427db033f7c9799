"""Every attack, on both forms: the right tree or a clear error, nothing left behind, nothing outside touched."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.store.layers.attacks import ATTACKS, FIFO, SIZES, WHITEOUT, Attack
from tests.store.layers.support import FORMS, NEEDS_ROOT, ROOT, clean, store

from scow.errors import Corrupt, Error
from scow.store.layers.store import Layers
from scow.store.paths import Paths, create
from scow.store.snapshots import Snapshotter

if TYPE_CHECKING:
    from scow.store.snapshots import Snapshotter

pytestmark = pytest.mark.skipif(not ROOT, reason=NEEDS_ROOT)


@pytest.fixture(params=FORMS, scope="module")
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshotter]:
    with store(tmp_path_factory.mktemp(request.param), request.param) as snapshotter:
        yield snapshotter


def left(snapshotter: Snapshotter) -> list[str]:
    paths = snapshotter._paths
    return os.listdir(paths.tmp) + os.listdir(paths.layers)


def content_of(path: bytes, top: bytes) -> Any:
    s = os.lstat(path)
    if stat.S_ISREG(s.st_mode):
        with open(path, "rb") as f:
            return f.read()
    if stat.S_ISLNK(s.st_mode):
        return os.readlink(path).decode()
    if stat.S_ISDIR(s.st_mode):
        return None
    if stat.S_ISFIFO(s.st_mode):
        return FIFO
    return WHITEOUT if s.st_rdev == 0 else s.st_rdev


def listing(top: str) -> dict[str, Any]:
    """The tree as ``Attack.tree`` writes it."""
    found: dict[str, Any] = {}
    groups: dict[int, str] = {}
    base = os.fsencode(top)
    here = os.open(base, os.O_RDONLY)
    try:
        for folder, names, files, fd in os.fwalk(b".", dir_fd=here, follow_symlinks=False):
            for name in sorted(names + files):
                shown = os.fsdecode(os.path.normpath(os.path.join(folder, name)))
                content = content_of(b"/proc/self/fd/%d/%s" % (fd, name), base)
                s = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if not stat.S_ISDIR(s.st_mode) and s.st_nlink > 1:
                    first = groups.setdefault(s.st_ino, shown)
                    content = content if first == shown else f"={first}"
                found[shown] = content
    finally:
        os.close(here)
    return found


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_attack(attack: Attack, both: Snapshotter) -> None:
    data = attack.bytes()
    try:
        layer = both.ingest(io.BytesIO(data))
    except Error as e:
        assert isinstance(e, Corrupt)
        assert attack.error or attack.name == "no archive", f"refused: {e}"
        assert attack.error in str(e)
        assert str(e).isprintable()
        assert left(both) == []
        return
    try:
        assert not attack.error, "was not refused"
        lower = both.layers.lower(layer.diff_id)
        assert listing(lower) == attack.tree
        for path in attack.opaque:
            assert os.getxattr(f"{lower}/{path}", "trusted.overlay.opaque") == b"y"
        with both.open(layer.diff_id) as f:
            assert f.read() == data
        no_orders(lower, attack)
    finally:
        both.remove(layer.diff_id)
    assert left(both) == []


def no_orders(lower: str, attack: Attack) -> None:
    """Overlay's attributes are only where we put them."""
    for folder, names, files in os.walk(lower):
        for name in [*names, *files, "."]:
            path = os.path.normpath(os.path.join(folder, name))
            found = {n for n in os.listxattr(path, follow_symlinks=False) if ".overlay." in n}
            if os.path.relpath(path, lower).replace(".", "", 1 if path == lower else 0) in attack.opaque:
                found.discard("trusted.overlay.opaque")
            assert found <= {"trusted.overlay.origin"}, path


@pytest.mark.parametrize("attack", SIZES, ids=lambda a: a.name)
def test_large(attack: Attack, both: Snapshotter) -> None:
    layer = both.ingest(io.BytesIO(attack.bytes()))
    with both.tree((layer.diff_id,)) as tree:
        found = {os.fsdecode(path)[1:]: info.kind for path, info in tree.walk()}
    assert found == {path: "dir" if content is None else "file" for path, content in attack.tree.items()}
    both.remove(layer.diff_id)
    assert left(both) == []


def test_outside_is_untouched(both: Snapshotter) -> None:
    assert not os.path.exists("/etc/evil")
    assert not os.path.exists(f"{both._paths.root}/evil")
    assert not os.path.exists(f"{both._paths.tmp}/evil")


LIMITS = {
    "nodes": [(f"f{i}", b"") for i in range(20)],
    "metadata": [("x" * 250, b"")] * 9,
    "size": [("f", b"x" * 100_000)],
}


@pytest.mark.parametrize("limit", LIMITS)
def test_limits(limit: str, tmp_path: Any) -> None:
    from tests.store.layers.support import archive, file

    from scow.store.layers.nodes import Limits

    paths = Paths(f"{tmp_path}/root", f"{tmp_path}/run")
    create(paths)
    small = Limits(**{"nodes": 15, "metadata": 2000, "size": 50_000, limit: {"nodes": 15}.get(limit, 2000)})
    data = archive(*[file(name, content) for name, content in LIMITS[limit]])
    try:
        for form in FORMS:
            with pytest.raises(Corrupt, match=r"more than|larger than"):
                Layers(paths, form, small).ingest(io.BytesIO(data))
    finally:
        clean(str(tmp_path))
    assert os.listdir(paths.tmp) == os.listdir(paths.layers) == []


def test_links_cannot_make_work_grow(both: Snapshotter) -> None:
    """Many names through a chain of long links: bounded, though each name is short."""
    from tests.store.layers.support import archive, file, link

    far = "/".join(["a"] * 1000)
    chain = [link(f"l{n}", f"l{n + 1}/" + "../" * 900 + f"l{n + 1}") for n in range(39)] + [link("l39", far)]
    names = [m for i in range(3000) for m in (link("x", f"l{i % 30}"), file(f"x/f{i}"))]
    with pytest.raises(Corrupt):
        both.ingest(io.BytesIO(archive(file(far + "/f"), *chain, *names)))
    assert left(both) == []
