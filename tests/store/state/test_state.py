"""scow.db: one transaction per change, many processes, every older schema version, hostile files."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scow.errors import Corrupt, Denied, Unavailable, Unsupported
from scow.store.migrations import STEPS, migrate
from scow.store.state import State


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "scow.db")


def schema(path: str) -> list[tuple[str, str]]:
    db = sqlite3.connect(path)
    found = db.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name").fetchall()
    db.close()
    return found


def insert(state: State, name: str) -> None:
    with state.change() as db:
        db.execute("INSERT INTO volumes VALUES (?, 'local', 0, '{}', '{}')", (name,))


def names(state: State) -> list[str]:
    return [n for (n,) in state.rows("SELECT name FROM volumes ORDER BY name")]


def test_a_new_database_has_the_newest_version_in_wal_mode_and_is_private(path: str) -> None:
    state = State(path)
    assert state.row("PRAGMA user_version") == (len(STEPS),)
    assert state.row("PRAGMA journal_mode") == ("wal",)
    assert os.stat(path).st_mode & 0o777 == 0o600
    insert(state, "a")
    assert os.stat(path + "-wal").st_mode & 0o777 == 0o600
    state.close()


@pytest.mark.parametrize("version", range(len(STEPS)))
def test_every_older_version_becomes_the_newest(path: str, version: int, tmp_path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, 0, STEPS[:version])
    tables = [n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'images'")]
    if tables:
        db.execute("INSERT INTO images VALUES ('sha256:x', '{}', NULL, 1, 2, 'linux/amd64', '{}', '')")
    db.close()
    state = State(path)
    assert state.row("PRAGMA user_version") == (len(STEPS),)
    if tables:
        assert state.row("SELECT created, size FROM images") == (1, 2)
    state.close()
    fresh = State(str(tmp_path / "fresh.db"))
    fresh.row("SELECT 1")
    fresh.close()
    assert schema(path) == schema(fresh.path)


def test_a_migration_that_fails_leaves_the_old_version_whole(path: str) -> None:
    State(path, STEPS[:1]).row("SELECT 1")
    before = schema(path)
    broken = State(path, (STEPS[0], "CREATE TABLE fine (a);\nCREATE TABLE broken (;\n"))
    with pytest.raises(Unavailable):
        broken.row("SELECT 1")
    assert schema(path) == before
    assert State(path, STEPS[:1]).row("PRAGMA user_version") == (1,)


def test_a_newer_version_is_refused_by_name_and_untouched(path: str) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(STEPS) + 7}")
    db.close()
    before = Path(path).read_bytes()
    with pytest.raises(Unsupported, match=f"schema version {len(STEPS) + 7}.*up to {len(STEPS)}") as e:
        State(path).row("SELECT 1")
    assert path in str(e.value)
    assert e.value.hint
    assert Path(path).read_bytes() == before


def test_a_change_that_raises_is_undone(path: str) -> None:
    state = State(path)
    with pytest.raises(ZeroDivisionError), state.change() as db:
        db.execute("INSERT INTO volumes VALUES ('a', 'local', 0, '{}', '{}')")
        _ = 1 / 0
    assert names(state) == []


def test_an_inner_change_joins_the_outer_one(path: str) -> None:
    state = State(path)
    with pytest.raises(KeyError), state.change():
        insert(state, "inner")
        raise KeyError
    assert names(state) == []
    with state.change():
        insert(state, "inner")
    assert names(state) == ["inner"]


def test_readers_do_not_wait_for_a_writer(path: str) -> None:
    writer, reader = State(path), State(path)
    insert(writer, "before")
    with writer.change() as db:
        db.execute("INSERT INTO volumes VALUES ('during', 'local', 0, '{}', '{}')")
        began = time.monotonic()
        assert names(reader) == ["before"]
        assert time.monotonic() - began < 1
    assert names(reader) == ["before", "during"]


def test_a_busy_database_is_unavailable_after_the_timeout(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scow.store.state.BUSY_SECONDS", 0.1)
    one, two = State(path), State(path)
    one.row("SELECT 1")
    with one.change(), pytest.raises(Unavailable, match="locked by another process"):
        insert(two, "a")


MANY = """
import sys
from scow.store.state import State
state = State(sys.argv[1])
for i in range(25):
    with state.change() as db:
        db.execute("INSERT INTO volumes VALUES (?, 'local', 0, '{}', '{}')", (f"{sys.argv[2]}-{i:02}",))
"""


def test_many_processes_create_and_write_at_once(path: str) -> None:
    workers = [subprocess.Popen([sys.executable, "-c", MANY, path, str(who)]) for who in range(4)]
    assert [w.wait(60) for w in workers] == [0] * 4
    assert len(names(State(path))) == 100


def test_threads_share_a_connection(path: str) -> None:
    state = State(path)
    failed: list[BaseException] = []

    def work(who: int) -> None:
        try:
            for i in range(50):
                insert(state, f"{who}-{i}")
        except BaseException as e:
            failed.append(e)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed
    assert len(names(state)) == 200


def test_a_killed_writer_leaves_nothing_of_its_change(path: str) -> None:
    insert(State(path), "kept")
    code = (
        "import sys, time\nfrom scow.store.state import State\ns = State(sys.argv[1])\n"
        "with s.change() as db:\n"
        "    db.execute(\"INSERT INTO volumes VALUES ('lost', 'local', 0, '{}', '{}')\")\n"
        "    print('in', flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
    assert child.stdout
    assert child.stdout.readline() == b"in\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    state = State(path)
    insert(state, "next")
    assert names(state) == ["kept", "next"]
    assert state.faults() == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_opens_its_own_connection(path: str) -> None:
    state = State(path)
    insert(state, "parent")
    pid = os.fork()
    if pid == 0:
        try:
            insert(state, "child")
            os._exit(0 if names(state) == ["child", "parent"] else 3)
        except BaseException:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    insert(state, "parent again")
    assert names(state) == ["child", "parent", "parent again"]


def test_garbage_is_corrupt_and_named(path: str) -> None:
    Path(path).write_bytes(b"this is no database, but long enough to be one" * 100)
    with pytest.raises(Corrupt, match=r"scow\.db is damaged"):
        State(path).row("SELECT 1")
    assert State(path).faults()


def test_faults_finds_a_damaged_page(path: str) -> None:
    state = State(path)
    for i in range(2000):
        insert(state, f"volume-{i:05}" + "x" * 100) if i % 500 == 0 else None
    with state.change() as db:
        db.executemany("INSERT INTO volumes VALUES (?, 'local', 0, '{}', '{}')", [(f"v{i}" * 9,) for i in range(3000)])
    state.close()
    assert State(path).faults() == []
    raw = bytearray(Path(path).read_bytes())
    raw[-40960:-20480] = os.urandom(20480)
    Path(path).write_bytes(raw)
    assert State(path).faults()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_directory_is_denied(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Denied):
        State(str(tmp_path / "scow.db")).row("SELECT 1")


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"nowhere/scow\.db"):
        State(str(tmp_path / "nowhere" / "scow.db")).row("SELECT 1")
