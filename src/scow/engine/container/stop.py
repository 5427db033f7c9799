"""Ending, freezing and waiting for containers that run."""

from __future__ import annotations

import signal as signals

from scow.engine.container import states
from scow.engine.container.session import Session, connected
from scow.errors import Conflict, Error, Invalid
from scow.runtime.client import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.runtime.client import Client
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store

STOP_SECONDS = 10
KILL_SECONDS = 20.0
"""How long a killed container may take to be gone: a process that waits for a disk does not die at once."""


def number_of(text: str) -> int:
    """A signal by name, with or without SIG, or by number. Invalid in docker's words."""
    if text.isdigit():
        number = int(text)
        if 0 < number < signals.NSIG:
            return number
        raise Invalid(f"invalid signal: {text}")
    name = text.upper().removeprefix("SIG")
    base, plus, offset = name.partition("+")
    minus = ""
    if not plus:
        base, minus, offset = name.partition("-")
    if base in ("RTMIN", "RTMAX") and (offset.isdigit() or not (plus or minus)):
        start = signals.SIGRTMIN if base == "RTMIN" else signals.SIGRTMAX
        number = int(start) + (int(offset or 0) if not minus else -int(offset))
        if signals.SIGRTMIN <= number <= signals.SIGRTMAX:
            return number
    found = getattr(signals, f"SIG{name}", None)
    if found is None or name in ("_BLOCK", "_UNBLOCK", "_SETMASK", "_DFL", "_IGN"):
        raise Invalid(f"invalid signal: {text}")
    return int(found)


def stop(store: Store, record: ContainerRecord, signal: str = "", seconds: int | None = None) -> None:
    """Send the stop signal, and kill after ``seconds`` (-1: never). Nothing happens if the container does not run."""
    config = record.config["Config"]
    number = number_of(signal or config.get("StopSignal") or "TERM")
    wait = seconds if seconds is not None else config.get("StopTimeout")
    wait = STOP_SECONDS if wait is None else wait
    session = connected(store.paths.container_run(record.id))
    if session is None:
        return
    try:
        client = session.client
        client.stop_restarts()
        session.ask_exit()
        if states.read(store.paths, record.id).status == "paused":
            client.unpause()
        session.signal(number)
        if not session.wait(None if wait < 0 else float(wait)):
            session.signal(signals.SIGKILL)
            _gone(record, session)
    except Error:
        if states.read(store.paths, record.id).active:
            raise
    finally:
        session.close()


def _gone(record: ContainerRecord, session: Session) -> None:
    if not session.wait(KILL_SECONDS):
        raise Conflict(
            f"container {record.id} did not end within {KILL_SECONDS:.0f} s of being killed",
            hint="a process may be waiting for a disk or network file system; try again",
        )


def kill(store: Store, record: ContainerRecord, signal: str = "KILL") -> None:
    """Signal a container; one that is killed, or told to stop, is not restarted. Conflict if it does not run."""
    number = number_of(signal or "KILL")
    client = _client(store, record)
    try:
        stopping = record.config["Config"].get("StopSignal") or "TERM"
        if number in (signals.SIGKILL, number_of(stopping)):
            client.stop_restarts()
        client.kill(number)
        if number == signals.SIGKILL:
            session = Session(store.paths.container_run(record.id), client)
            session.ask_exit()
            _gone(record, session)
    except Error as e:
        if not states.read(store.paths, record.id).active and not isinstance(e, Invalid):
            if number == signals.SIGKILL and "not running" not in str(e):
                return  # it ended before we could ask
            raise not_running(record) from None
        raise
    finally:
        client.close()


def not_running(record: ContainerRecord) -> Conflict:
    """Docker's error for a verb that needs a running container."""
    return Conflict(f"container {record.id} is not running")


def _client(store: Store, record: ContainerRecord) -> Client:
    state = states.read(store.paths, record.id)
    if not state.active:
        raise not_running(record)
    return connect(store.paths.container_run(record.id))


def pause(store: Store, record: ContainerRecord) -> None:
    """Freeze all processes. Conflict if it is paused already, or does not run."""
    status = states.read(store.paths, record.id).status
    if status == "paused":
        raise Conflict(f"Container {record.id} is already paused")
    client = _client(store, record)
    try:
        client.pause()
    finally:
        client.close()


def unpause(store: Store, record: ContainerRecord) -> None:
    """Let them go on. Conflict if it is not paused."""
    if states.read(store.paths, record.id).status != "paused":
        raise Conflict(f"Container {record.id} is not paused")
    client = _client(store, record)
    try:
        client.unpause()
    finally:
        client.close()


def wait(store: Store, record: ContainerRecord) -> int:
    """Wait until the container does not run; its exit code. One that was never started has 0, as with docker."""
    session = connected(store.paths.container_run(record.id))
    if session is not None:
        try:
            session.ask_exit()
            session.wait()
            return session.exit_code
        except Error:
            pass  # it ended just now: the state says how
        finally:
            session.close()
    return states.read(store.paths, record.id).exit_code
