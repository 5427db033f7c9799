"""The container service: docker's container verbs. A facade; the work is in ``scow.engine.container``."""

from __future__ import annotations

from scow.errors import Invalid
from scow.store import containers as rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, BinaryIO

    from scow.engine.container.commit import CommitRequest
    from scow.engine.container.copying.copy import Copied, CopyRequest
    from scow.engine.container.create import Created
    from scow.engine.container.execs import Running
    from scow.engine.container.export import Out
    from scow.engine.container.launch import How
    from scow.engine.container.listing import Listed, Wanted
    from scow.engine.container.logs import LogRequest
    from scow.engine.container.prune import Pruned
    from scow.engine.container.session import Session
    from scow.engine.container.states import State
    from scow.engine.images import Images
    from scow.engine.requests import ContainerRequest, ExecRequest
    from scow.runtime.handle import Handle
    from scow.store.containers import ContainerRecord
    from scow.store.store import Store
    from scow.wire.jsonlog import Record


class Containers:
    """Containers of one store. A container is meant by its name, its id, or a unique beginning of it."""

    def __init__(self, store: Store, images: Images) -> None:
        self.store = store
        self.images = images

    def find(self, text: str) -> ContainerRecord:
        """The container meant; NotFound in docker's words."""
        if not text.strip("/ "):
            raise Invalid("invalid container name or ID: value is empty")
        return rows.get(self.store.state, text)

    def state(self, record: ContainerRecord) -> State:
        """What it is doing."""
        from scow.engine.container import states

        return states.read(self.store.paths, record.id)

    def create(self, request: ContainerRequest) -> Created:
        """``create``."""
        from scow.engine.container.create import create

        return create(self.store, self.images, request)

    def start(self, record: ContainerRecord, how: How, handle: Handle | None = None) -> Session:
        """``start``; ``handle`` is a supervisor that was started early. Error with docker's exit code if it fails."""
        from scow.engine.container.launch import start

        return start(self.store, record, how, handle)

    def attach(self, record: ContainerRecord, streams: str) -> Session:
        """``attach``: a session with the output and input streams asked for. Conflict if it does not run."""
        from scow.engine.container.attach import attach

        return attach(self.store, record, streams)

    def stop(self, text: str, *, signal: str = "", seconds: int | None = None) -> None:
        """``stop``: the stop signal, and after ``seconds`` SIGKILL."""
        from scow.engine.container.stop import stop

        stop(self.store, self.find(text), signal, seconds)

    def restart(self, text: str, *, signal: str = "", seconds: int | None = None) -> None:
        """``restart``."""
        from scow.engine.container.launch import How, start
        from scow.engine.container.stop import stop

        record = self.find(text)
        stop(self.store, record, signal, seconds)
        start(self.store, record, How()).close()

    def kill(self, text: str, signal: str = "KILL") -> None:
        """``kill``. Conflict if it does not run."""
        from scow.engine.container.stop import kill

        kill(self.store, self.find(text), signal)

    def wait(self, text: str) -> int:
        """``wait``: the exit code, once it does not run."""
        from scow.engine.container.stop import wait

        return wait(self.store, self.find(text))

    def pause(self, text: str) -> None:
        """``pause``."""
        from scow.engine.container.stop import pause

        pause(self.store, self.find(text))

    def unpause(self, text: str) -> None:
        """``unpause``."""
        from scow.engine.container.stop import unpause

        unpause(self.store, self.find(text))

    def rename(self, text: str, name: str) -> None:
        """``rename``. Conflict, Invalid."""
        from scow.engine.container.names import rename

        rename(self.store, text, name)

    def remove(self, text: str, *, force: bool = False, volumes: bool = False) -> None:
        """``rm``. Conflict if it runs."""
        from scow.engine.container.remove import remove

        remove(self.store, self.find(text), force=force, volumes=volumes)

    def removed(self, record: ContainerRecord, session: Session) -> None:
        """Remove a ``--rm`` container that has ended, and that the caller of ``start`` has claimed."""
        from scow.engine.container.remove import delete

        delete(self.store, record, volumes=True)
        session.removed()

    def ls(self, wanted: Wanted) -> list[Listed]:
        """``ps``: newest first."""
        from scow.engine.container.listing import ls

        return ls(self.store, self.images, wanted)

    def inspect(self, text: str, *, size: bool = False) -> dict[str, Any]:
        """``container inspect``: docker's document."""
        from scow.engine.container.inspect import inspect

        return inspect(self.store, self.find(text), size=size)

    def logs(self, text: str, request: LogRequest) -> Iterator[Record]:
        """``logs``: records in the order they were written."""
        from scow.engine.container.logs import logs

        return logs(self.store, self.find(text), request)

    def exec(self, request: ExecRequest, size: tuple[int, int] = (0, 0)) -> Running:
        """``exec``: a process started in a running container. Error with docker's exit code if it cannot be."""
        from scow.engine.container.execs import start

        return start(self.store, self.find(request.container), request, size)

    def top(self, text: str, arguments: tuple[str, ...] = ()) -> tuple[list[str], list[list[str]]]:
        """``top``: titles and rows of its processes."""
        from scow.engine.container.top import top

        return top(self.store, self.find(text), arguments)

    def prune(self, wanted: Iterable[str] = ()) -> Pruned:
        """``container prune``: remove all that do not run."""
        from scow.engine.container.prune import prune

        return prune(self.store, wanted)

    def commit(self, text: str, request: CommitRequest) -> str:
        """``commit``: an image of what the container has changed; its id."""
        from scow.engine.container.commit import commit

        return commit(self.store, self.images, self.find(text), request)

    def export(self, text: str, out: Out) -> tuple[str, ...]:
        """``export``: the container's root file system as a tar; what could not be read."""
        from scow.engine.container.export import export

        return export(self.store, self.find(text), out)

    def diff(self, text: str) -> list[tuple[str, str]]:
        """``diff``: kind of change and path, sorted."""
        from scow.engine.container.export import diff

        return diff(self.store, self.find(text))

    def copy_out(self, request: CopyRequest, on: Callable[[int], None] | None = None) -> Copied:
        """``cp`` from a container; ``on`` is told how many bytes have come."""
        from scow.engine.container.copying.copy import copy_out

        return copy_out(self.store, self.find(request.container), request, on)

    def copy_out_stream(self, request: CopyRequest, out: BinaryIO) -> tuple[str, ...]:
        """``cp CONTAINER:PATH -``: the tar; what could not be read."""
        from scow.engine.container.copying.copy import copy_out_stream

        return copy_out_stream(self.store, self.find(request.container), request, out)

    def copy_in(self, request: CopyRequest, on: Callable[[int], None] | None = None) -> Copied:
        """``cp`` to a container; ``on`` is told how many bytes have gone."""
        from scow.engine.container.copying.copy import check_source, copy_in

        check_source(request)  # docker's order: what is wrong on the host is said first
        return copy_in(self.store, self.find(request.container), request, on)

    def copy_in_stream(self, request: CopyRequest, stream: BinaryIO) -> Copied:
        """``cp - CONTAINER:PATH``: unpack a tar, which may be compressed."""
        from scow.engine.container.copying.copy import copy_in_stream

        return copy_in_stream(self.store, self.find(request.container), request, stream)
