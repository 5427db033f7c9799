"""The one door to ``scow.db``: SQLite in WAL mode, one transaction per change.

Many processes read and write at once: readers never wait, writers wait for each other (``BUSY_SECONDS``). A change is
``BEGIN IMMEDIATE`` ... ``COMMIT``, so a process killed in between leaves nothing of it. ``synchronous=NORMAL``: a power
cut may lose the last changes, never the database (sqlite.org/wal.html); blobs are synced before they are named, so what
is left is always a true earlier state. The tables are in ``migrations``; functions that know them are in the modules
named after them.
"""

from __future__ import annotations

import _sqlite3 as sqlite3  # without dbapi2, which brings datetime to register converters that we do not use
import os
from _thread import RLock

from scow.errors import Corrupt, Denied, Error, Unavailable, Unsupported
from scow.store.migrations import STEPS, migrate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection, DatabaseError
    from types import TracebackType
    from typing import Any

BUSY_SECONDS = 30.0
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_DENIED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN})


class State:
    """A database connection shared by the threads of a process; a forked child opens its own."""

    def __init__(self, path: str, steps: tuple[str, ...] = STEPS) -> None:
        self.path = path
        self._steps = steps
        self._lock = RLock()
        self._depth = 0
        self._pid = 0
        self._db: Connection | None = None

    def rows(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock, self._told():
            return self._connection().execute(sql, args).fetchall()

    def row(self, sql: str, *args: object) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        with self._lock, self._told():
            found: tuple[Any, ...] | None = self._connection().execute(sql, args).fetchone()
            return found

    def change(self) -> Change:
        """One transaction: committed at the end of the block, undone if it raises. Inner blocks join the outer one."""
        return Change(self)

    def faults(self) -> list[str]:
        """What SQLite's integrity check finds; empty when the file is sound."""
        with self._lock:
            try:
                found = [str(line) for (line,) in self._connection().execute("PRAGMA integrity_check")]
            except sqlite3.DatabaseError as e:
                return [str(e)]
            except Corrupt as e:
                return [str(e)]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Close this process's connection; the next use opens it again."""
        with self._lock:
            if self._db is not None and self._pid == os.getpid():
                self._db.close()
            self._db = None

    def _connection(self) -> Connection:
        if self._db is None or self._pid != os.getpid():
            self._depth = 0
            inherited = self._db  # SQLite forbids even closing a connection that came over a fork: keep it, unused
            self._db = self._open()
            if inherited is not None:
                _inherited.append(inherited)
            self._pid = os.getpid()
        return self._db

    def _open(self) -> Connection:
        try:
            return self._open_once()
        except sqlite3.OperationalError as e:
            if not _is_full(e, self.path) or not _made_room(self.path):
                raise
        return self._open_once()

    def _open_once(self) -> Connection:
        _make_private(self.path)
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous=NORMAL")
            version = _version(db)
            if version != len(self._steps):
                self._upgrade(db, version)
        except BaseException:
            db.close()
            raise
        return db

    def _upgrade(self, db: Connection, version: int) -> None:
        newest = len(self._steps)
        if version > newest:
            raise Unsupported(
                f"{self.path} has schema version {version}; this scow knows versions up to {newest}",
                hint="use the scow that wrote it or a newer one, or another directory by --root",
            )
        db.execute("PRAGMA journal_mode=WAL")  # kept in the file
        db.execute("BEGIN IMMEDIATE")
        try:
            migrate(db, _version(db), self._steps)  # asked again: another process may have been first
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _commit(self) -> None:
        db = self._connection()
        try:
            db.execute("COMMIT")
        except sqlite3.OperationalError as e:
            if not _is_full(e, self.path) or not _made_room(self.path) or not db.in_transaction:
                raise
            db.execute("COMMIT")

    def _told(self) -> _Told:
        return _Told(self.path)


class _Told:
    """Turns SQLite's errors into ours; a broken constraint is the caller's to explain and passes through."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(e, sqlite3.DatabaseError) and not isinstance(e, sqlite3.IntegrityError):
            raise _explained(e, self.path) from e


class Change:
    """A transaction as a context manager: ``BEGIN IMMEDIATE`` ... ``COMMIT``, or ``ROLLBACK`` if the block raises."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def __enter__(self) -> Connection:
        state = self._state
        state._lock.acquire()
        try:
            with state._told():
                db = state._connection()
                if state._depth == 0:
                    db.execute("BEGIN IMMEDIATE")
            state._depth += 1
        except BaseException:
            state._lock.release()
            raise
        return db

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        state = self._state
        try:
            with state._told():
                try:
                    if state._depth == 1 and e is None:
                        state._commit()
                finally:
                    state._depth -= 1
                    db = state._db
                    if state._depth == 0 and db is not None and db.in_transaction:
                        db.execute("ROLLBACK")
            state._told().__exit__(kind, e, trace)
        finally:
            state._lock.release()


_inherited: list[Connection] = []


def _make_private(path: str) -> None:
    """Create the file 0600 (SQLite's journal files take its mode) if it is not there."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as e:
        kind = Denied if isinstance(e, PermissionError) else Unavailable
        raise kind(f"cannot open {path}: {e.strerror}", hint="check ROOT's permissions and space") from e


def _version(db: Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _explained(e: DatabaseError, path: str) -> Error:
    code = getattr(e, "sqlite_errorcode", 0) & 0xFF
    if code in _CORRUPT:
        return Corrupt(f"{path} is damaged: {e}", hint="run scow system check --repair")
    if code in _DENIED:
        return Denied(f"cannot use {path}: {e}", hint="check the permissions of the directory")
    if code == sqlite3.SQLITE_BUSY:
        return Unavailable(f"{path} has been locked by another process for {BUSY_SECONDS:.0f} s", hint="try again")
    if _is_full(e, path):
        hint = "free some space, for example with scow system prune"
        return Unavailable(f"cannot write {path}: no space left on device", hint=hint)
    return Unavailable(f"{path}: {e}")


def _is_full(e: DatabaseError, path: str) -> bool:
    """Whether there is no space left. For the index of its log, which even readers need, SQLite says I/O error."""
    code = getattr(e, "sqlite_errorcode", 0) & 0xFF
    if code != sqlite3.SQLITE_IOERR:
        return code == sqlite3.SQLITE_FULL
    status = os.statvfs(os.path.dirname(path))
    return status.f_bavail * status.f_frsize < 256 << 10


def _made_room(path: str) -> bool:
    from scow.store import reserve

    return reserve.release(os.path.dirname(path))
