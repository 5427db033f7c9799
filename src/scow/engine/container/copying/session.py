"""One ``cp``'s way into a container: the child in its root, asked by messages, and the pipe for tars."""

from __future__ import annotations

import os
import socket

from scow import errors
from scow.engine.container import states
from scow.engine.container.copying import inside
from scow.engine.container.copying.view import Running, Stopped
from scow.kernel.namespaces import clone, wait
from scow.runtime import light, recovery
from scow.store import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.engine.container.copying.view import View
    from scow.store.containers import ContainerRecord
    from scow.store.locks import Lock
    from scow.store.store import Store

PIPE_SIZE = 1 << 20
_F_SETPIPE_SZ = 1031
_KINDS = {c.__name__: c for c in (errors.NotFound, errors.Conflict, errors.Invalid, errors.Denied, errors.Corrupt)}


class Session:
    """A context manager. ``pipe`` is our end of the pipe: to write with ``into``, else to read. ``bare`` shows the
    container's own files alone, without volumes and whatever else is mounted there.

    A container that does not run is locked as long: it cannot be started, which would mount its files a second time.
    """

    def __init__(self, store: Store, record: ContainerRecord, *, into: bool, bare: bool = False) -> None:
        self.record = record
        self._lock: Lock | None = locks.exclusive(store.paths.lock("container", record.id))
        self._pidfd = -1
        self.pipe = -1
        try:
            view = _view(store, record, bare=bare)
            try:
                self._fork(view, into=into)
            finally:
                view.close()
            self._receive()
            if isinstance(view, Running):
                self._lock.release()
        except BaseException:
            self.close()
            raise

    def _fork(self, view: View, *, into: bool) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reader, writer = os.pipe()
        _widen(writer)
        mine, other = (writer, reader) if into else (reader, writer)
        pid, self._pidfd = clone(0)
        if pid == 0:
            os.close(mine)
            ours.close()
            inside.main(view, theirs.fileno(), other)
        theirs.close()
        os.close(other)
        self._socket = ours
        self.pipe = mine

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the child go, and the container."""
        self.end_pipe()
        if self._pidfd >= 0:
            if hasattr(self, "_socket"):
                self._socket.close()
            wait(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._lock is not None:
            self._lock.release()

    def end_pipe(self) -> None:
        """Close our end: the archive is over, or nobody wants it any more."""
        if self.pipe >= 0:
            os.close(self.pipe)
            self.pipe = -1

    def send(self, request: dict[str, Any]) -> None:
        """Ask the child to begin something."""
        try:
            self._socket.send(light.dumps(request).encode())
        except (BrokenPipeError, ConnectionResetError):
            pass  # the answer says it

    def finish(self) -> Any:
        """The child's answer to what was sent. What went wrong in the container is raised as the Error it was."""
        return self._receive()

    def ask(self, request: dict[str, Any]) -> Any:
        """Send and finish."""
        self.send(request)
        return self._receive()

    def _receive(self) -> Any:
        try:
            answer = self._socket.recv(1 << 22)
        except ConnectionResetError:
            answer = b""
        if not answer:
            raise errors.Unavailable(f"the helper for files of container {self.record.name} was killed")
        found = light.loads(answer)
        if "error" in found:
            kind, message, hint = found["error"]
            raise _KINDS.get(kind, errors.Error)(message, hint or None)
        return found["ok"]


def _widen(pipe: int) -> None:
    import fcntl

    try:
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, PIPE_SIZE)
    except PermissionError:
        pass  # the user has many pipes: a small one does


def _view(store: Store, record: ContainerRecord, *, bare: bool) -> Running | Stopped:
    """The way into the container; the caller holds its lock."""
    from scow.engine.container.remove import wait_gone

    state = states.read(store.paths, record.id)
    if state.status == "restarting":
        raise errors.Conflict(f"Container {record.id} is restarting, wait until the container is running")
    if state.pid:
        found = recovery.state(store.paths.container_run(record.id))
        if found is not None and found["pid"]:
            keep = frozenset(str(m["Destination"]) for m in record.config["Mounts"])
            return Running(found["pid"], found["pid_start"], keep, bare=bare)
    wait_gone(store, record.id)
    return _stopped(store, record, bare=bare)


def _stopped(store: Store, record: ContainerRecord, *, bare: bool) -> Stopped:
    from scow.engine.container import create, spec
    from scow.kernel.mount import Mount

    create.make_ready(store, record)
    directory = store.paths.container(record.id)
    binds = []
    for m in spec.own_mounts(record, spec.Place(directory, {})) if not bare else ():
        ours = m["source"].startswith(directory + "/")
        if m["type"] == "bind" and not (ours and not os.path.exists(m["source"])):  # written at the first start
            binds.append(Mount("bind", m["source"], m["destination"], tuple(m["options"])))
    return Stopped(store.layers.mounts(record.id)[0], directory, tuple(binds))
