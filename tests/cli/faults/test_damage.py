"""Damage: of the database, of layers, of blobs, and a database of the future. Errors are named, and say what to do."""

from __future__ import annotations

import glob
import os
import sqlite3

import pytest
from tests.conftest import Scow, needs_root

pytestmark = needs_root


def scramble(path: str, at: int, size: int = 4096) -> None:
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(os.urandom(size))


def biggest(pattern: str) -> str:
    return max(glob.glob(pattern), key=os.path.getsize)


def test_a_damaged_layer(busybox: Scow, busybox_tar: str) -> None:
    scramble(biggest(f"{busybox.root}/layers/*/layer.tar"), 300_000)
    told = busybox("system", "check", code=1)
    assert "layer has the digest" in told.stdout or "layer is damaged" in told.stdout
    assert "hint: scow system check --repair" in told.stderr
    told = busybox("system", "check", "--repair", code=1)
    assert "(mended)" in told.stdout
    assert "image lacks layer" in told.stdout and "load or build the image again" in told.stdout
    failed = busybox("run", "--rm", "busybox", "true", code=125)
    assert "is damaged" in failed.stderr and "hint:" in failed.stderr
    assert busybox("ps", "-aq").stdout == ""
    busybox("load", "-q", "-i", busybox_tar)  # what the remedy says
    assert busybox("system", "check").stdout == ""
    busybox("run", "--rm", "--network", "none", "busybox", "true")


def test_a_damaged_index(busybox: Scow, busybox_tar: str) -> None:
    """The EROFS index is no part of the digest; a layer without a usable one is found when it is mounted."""
    for path in glob.glob(f"{busybox.root}/layers/*/layer.erofs"):
        scramble(path, 1024, 512)
    if not glob.glob(f"{busybox.root}/layers/*/layer.erofs"):
        pytest.skip("layers are directories here: there is no index to damage")
    failed = busybox("run", "--rm", "--network", "none", "busybox", "true", code=125)
    assert "layer" in failed.stderr.lower() or "mount" in failed.stderr.lower(), failed.stderr
    assert busybox("ps", "-aq").stdout == ""
    assert "cannot be mounted" in busybox("system", "check", code=1).stdout
    busybox("system", "check", "--repair", code=1)
    busybox("load", "-q", "-i", busybox_tar)
    busybox("run", "--rm", "--network", "none", "busybox", "true")


def test_a_missing_blob(busybox: Scow, busybox_tar: str) -> None:
    image = busybox("images", "-q", "--no-trunc").stdout.strip().removeprefix("sha256:")
    os.unlink(f"{busybox.root}/blobs/sha256/{image}")
    told = busybox("system", "check", code=1)
    assert "image lacks its config" in told.stdout and "busybox" in told.stdout
    for words in (
        ("run", "--rm", "busybox", "true"),
        ("image", "inspect", "busybox"),
        ("history", "busybox"),
        ("save", "busybox"),
    ):
        failed = busybox(*words, code=None)
        assert failed.returncode in (1, 125), words
        assert image[:12] in failed.stderr, (words, failed.stderr)
    assert "busybox" in busybox("images").stdout
    busybox("load", "-q", "-i", busybox_tar)
    assert busybox("system", "check").stdout == ""
    busybox("run", "--rm", "--network", "none", "busybox", "true")


def test_an_image_without_parts_can_be_removed(busybox: Scow) -> None:
    for path in glob.glob(f"{busybox.root}/blobs/sha256/*"):
        os.unlink(path)
    busybox("rmi", "busybox")
    assert busybox("system", "check").stdout == ""


def test_a_damaged_database(busybox: Scow) -> None:
    busybox("create", "--name", "kept", "busybox", "echo", "still", "here")
    database = f"{busybox.root}/scow.db"
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'build_cache'").fetchone()
    db.close()
    scramble(database, (page - 1) * 4096, 4096)
    told = busybox("system", "check", code=1)
    assert "database is damaged" in told.stdout
    assert "(mended)" in busybox("system", "check", "--repair").stdout
    assert busybox("system", "check").stdout == ""
    assert glob.glob(f"{database}.damaged-*")
    assert busybox("start", "-a", "kept").stdout == "still here\n"


def test_a_database_that_is_none(busybox: Scow) -> None:
    with open(f"{busybox.root}/scow.db", "wb") as f:
        f.write(b"no database" * 1000)
    failed = busybox("images", code=1)
    assert "scow.db is damaged" in failed.stderr
    assert "hint: run scow system check --repair" in failed.stderr
    busybox("system", "check", "--repair", code=None)
    assert busybox("images", "-q").stdout == ""


def test_a_newer_schema(busybox: Scow) -> None:
    with sqlite3.connect(f"{busybox.root}/scow.db") as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {version + 1}")
    db.close()
    for words in (("images",), ("ps",), ("run", "--rm", "busybox", "true"), ("system", "check", "--repair")):
        failed = busybox(*words, code=None)
        assert failed.returncode == (125 if words[0] == "run" else 1)
        assert f"has schema version {version + 1}" in failed.stderr
        assert "hint: use the scow that wrote it or a newer one" in failed.stderr
    busybox("system", "reset", "-f")  # throwing it away is always possible


def test_a_damaged_state_file(busybox: Scow) -> None:
    name = busybox("run", "-d", "--network", "none", "busybox", "sleep", "1000").stdout.strip()
    with open(f"{busybox.root}/run/containers/{name}/state.json", "w") as f:
        f.write("{")
    for words in (("ps", "-a"), ("rm", "-f", name), ("exec", name, "true")):
        failed = busybox(*words, code=1)
        assert "state.json is damaged" in failed.stderr and "system check --repair" in failed.stderr
    told = busybox("system", "check", "--repair").stdout
    assert "state of container is damaged" in told and "control group belongs to nothing that runs" in told
    assert busybox("system", "check").stdout == ""
    busybox("start", name)
    busybox("rm", "-f", name)
    assert busybox("ps", "-aq").stdout == ""


def test_a_read_only_store(busybox: Scow) -> None:
    os.system(f"mount --bind {busybox.root} {busybox.root} && mount -o remount,ro,bind {busybox.root}")
    try:
        failed = busybox("run", "--rm", "busybox", "true", code=125)
        assert busybox.root in failed.stderr
        failed = busybox("rmi", "busybox", code=1)
        assert busybox.root in failed.stderr
    finally:
        os.system(f"umount -l {busybox.root}")
    busybox("run", "--rm", "--network", "none", "busybox", "true")
