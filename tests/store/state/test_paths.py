"""The tree on disk: where it lies, who may read it, what it refuses."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from scow.errors import Denied, Invalid, Unsupported
from scow.oci.digest import Digest
from scow.store import open_store
from scow.store import paths as tree
from scow.store.paths import Paths, default_paths, escaped

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


class TestDefaults:
    def test_root_and_users(self) -> None:
        assert default_paths({}, 0) == Paths("/var/lib/scow", "/run/scow")
        env = {"XDG_DATA_HOME": "/h/data", "XDG_RUNTIME_DIR": "/run/user/1000"}
        assert default_paths(env, 1000) == Paths("/h/data/scow", "/run/user/1000/scow")
        assert default_paths({"HOME": "/h"}, 1000) == Paths("/h/.local/share/scow", "/h/.local/share/scow/run")

    def test_the_flag_wins_over_the_variable(self) -> None:
        env = {"SCOW_ROOT": "/env"}
        assert default_paths(env, 0) == Paths("/env", "/env/run")
        assert default_paths(env, 1000, "/flag/./x") == Paths("/flag/x", "/flag/x/run")

    def test_a_relative_data_home_is_refused(self) -> None:
        with pytest.raises(Invalid, match="XDG_DATA_HOME is not an absolute path"):
            default_paths({"XDG_DATA_HOME": "data"}, 1000)


def test_everything_is_private(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path / "a/b/root"), str(tmp_path / "run"))
    old = os.umask(0)
    try:
        tree.create(paths)
        tree.create(paths)
    finally:
        os.umask(old)
    for top in (paths.root, paths.run):
        for directory, _, files in os.walk(top):
            assert os.stat(directory).st_mode & 0o777 == 0o700, directory
            assert files == []


def test_a_directory_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    tree.create(Paths(str(tmp_path), str(tmp_path / "run")))
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_run_is_made_again_after_a_reboot(tmp_path: Path) -> None:
    import shutil

    open_store(str(tmp_path / "root"), str(tmp_path / "run")).state.row("SELECT 1")
    shutil.rmtree(tmp_path / "run")
    open_store(str(tmp_path / "root"), str(tmp_path / "run"))
    assert (tmp_path / "run/layers").is_dir()


@pytest.mark.parametrize("key", ["", ".", "..", "a/b", "a\0b", "x" * 256])
def test_names_that_would_lead_elsewhere_are_refused(key: str) -> None:
    paths = Paths("/r", "/r/run")
    for method in (paths.snapshot, paths.container, paths.container_run, paths.network):
        with pytest.raises(Invalid):
            method(key)


def test_escaping_is_one_to_one_and_stays_in_the_directory() -> None:
    texts = ["a", "A", "%61", "a/b", "a%2fb", "..", ".", "", "/", "ä", "\udce4", "x" * 201, "x" * 202, "a b", "-", "%"]
    names = [escaped(t) for t in texts]
    assert len(set(names)) == len(texts)
    for name in names:
        assert 0 < len(name) <= 200
        assert "/" not in name
        assert not name.startswith(".")


def test_paths_of_content() -> None:
    paths, digest = Paths("/r", "/x"), Digest.of(b"")
    assert paths.blob(digest) == f"/r/blobs/sha256/{digest.hex}"
    assert paths.layer_mount(digest) == f"/x/layers/{digest.hex}"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in ("file", "file/below"):
        with pytest.raises(Invalid, match="is not a directory") as e:
            open_store(str(tmp_path / root), str(tmp_path / "run"))
        assert "--root" in (e.value.hint or "")


def mount(kind: bytes, point: Path, flags: int = 0, data: bytes = b"") -> None:
    point.mkdir(exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"scow-test", os.fsencode(point), kind, flags, data):
        pytest.skip(f"cannot mount {kind.decode()} here: {os.strerror(ctypes.get_errno())}")


def unmount(point: Path) -> None:
    ctypes.CDLL(None).umount2(os.fsencode(point), 2)


@root_only
def test_a_read_only_file_system_is_denied(tmp_path: Path) -> None:
    mount(b"tmpfs", tmp_path / "ro", flags=1)
    try:
        with pytest.raises(Denied, match="Read-only file system") as e:
            open_store(str(tmp_path / "ro/root"), str(tmp_path / "run"))
        assert "--root" in (e.value.hint or "")
    finally:
        unmount(tmp_path / "ro")


@root_only
def test_a_file_system_without_attributes_is_refused_by_name(tmp_path: Path) -> None:
    """ramfs has no extended attributes."""
    mount(b"ramfs", tmp_path / "ram")
    try:
        with pytest.raises(Unsupported, match="is on ramfs, which keeps no extended attributes") as e:
            open_store(str(tmp_path / "ram/root"), str(tmp_path / "run"))
        assert "--root" in (e.value.hint or "")
    finally:
        unmount(tmp_path / "ram")


@root_only
def test_overlay_on_overlay_is_refused_where_it_is_needed(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work"):
        (tmp_path / name).mkdir()
    data = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    mount(b"overlay", tmp_path / "merged", data=data.encode())
    try:
        found = tree.probe(str(tmp_path / "merged"))
        assert (found.type, found.overlay_upper) == ("overlay", False)
        with pytest.raises(Unsupported, match="is on overlay, where overlay cannot keep") as e:
            tree.require_upper(str(tmp_path / "merged"))
        assert "--root" in (e.value.hint or "")
        assert os.listdir(tmp_path / "merged") == []
    finally:
        unmount(tmp_path / "merged")
    tree.require_upper(str(tmp_path))
