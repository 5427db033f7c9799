"""What a supervisor does: make the container, serve its clients, and tell the truth about how it ended.

One thread, one poll, no callbacks into libraries. It imports nothing that is not needed while a container merely runs:
all work that needs more is done by a forked child (``scow.runtime.workers``).
"""

from __future__ import annotations

import os
import select
import time

from scow.errors import Error
from scow.runtime import light, statefile, workers
from scow.runtime.channel import Channel, memory_file, read_memory
from scow.runtime.connection import Connection
from scow.runtime.restart import Restarts
from scow.runtime.streams import Streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from scow.runtime.execs import Session

    Handler = Callable[[int], None]

DRAIN_SECONDS = 2.0
"""How long output may come from processes that outlive the init (only without a pid namespace of their own)."""


class Monitor:
    """The supervisor of one container."""

    def __init__(self, control: Channel, worker: tuple[int, Channel]) -> None:
        self.poll = select.poll()
        self.handlers: dict[int, Handler] = {}
        self.clients: list[Connection] = []
        self.control = Connection(control, control=True)
        self.worker = worker
        self.state: dict[str, Any] = {}
        self.order: dict[str, Any] = {}
        self.order_fd = -1
        self.streams = Streams(None)
        self.restarts = Restarts("no", 0)
        self.go = self.ready = self.connected = self.reported = False
        self.failed: dict[str, Any] | None = None
        self.pidfd = -1
        self.groups: list[list[str]] = []
        self.sessions: list[Session] = []
        self.held: list[int] = []
        self.stopping = False
        self.done = False

    # -- the loop ---------------------------------------------------------------------------------------------

    def watch(self, fd: int, handler: Handler, events: int = select.POLLIN) -> None:
        """Call ``handler(events)`` when there is something to do with ``fd``."""
        self.handlers[fd] = handler
        self.poll.register(fd, events)

    def forget(self, fd: int) -> None:
        """No longer watch ``fd``."""
        if self.handlers.pop(fd, None):
            self.poll.unregister(fd)

    def run(self) -> None:
        """Serve until the container has ended for good."""
        while not self.done:
            for fd, events in self.poll.poll(self.restarts.milliseconds()):
                if handler := self.handlers.get(fd):
                    handler(events)
            if self.restarts.due():
                self.launch()
        self.farewell()

    # -- making the container ---------------------------------------------------------------------------------

    def begin(self, order_fd: int) -> None:
        """Take the container's lock, open its door, and have it made."""
        self.order_fd = order_fd
        self.order = light.loads(read_memory(order_fd))
        where = self.order["bundle"]["state"]
        os.makedirs(where, 0o700, exist_ok=True)
        self.directory = where
        self.lock = statefile.lock(where)
        if self.lock is None:
            raise RuntimeError(f"container {self.order['bundle']['id']} has a supervisor already")
        self.state = statefile.blank(self.order["bundle"]["id"])
        self.state["cgroup"] = self.order["bundle"]["spec"]["linux"].get("cgroupsPath") or f"/scow/{self.state['id']}"
        self.state["networks"] = self.order.get("networks") or []
        self.terminal = bool(self.order["bundle"]["spec"]["process"].get("terminal"))
        policy, most = self.order.get("restart") or ("no", 0)
        self.restarts = Restarts(policy, most)
        del self.order["bundle"]["spec"]
        self.listen()
        self.add_client(self.control)
        self.launch()

    def listen(self) -> None:
        """Open supervisor.sock; through a descriptor of its directory, since a socket's path may have 107 bytes only."""
        import _socket

        door = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        folder = os.open(self.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        path = f"/proc/self/fd/{folder}/supervisor.sock"
        statefile.forget(path)
        before = os.umask(0o177)
        door.bind(path)
        os.umask(before)
        os.close(folder)
        door.listen(64)
        self.door = door
        self.watch(door.fileno(), self.accept)

    def launch(self) -> None:
        """Have the init made, by the child that is waiting to."""
        log = self.order.get("log")
        if self.streams.log is None and log:
            from scow.runtime.jsonlog import Log

            self.streams.log = Log(log["path"], log.get("max_size", 0), log.get("max_files", 1))
        if self.worker[0] == 0:
            self.worker = workers.fork(workers.create)
        self.ready = self.connected = self.reported = False
        self.failed = None
        self.streams.ending = False
        inner: tuple[int, ...] = ()
        if not self.terminal:
            inner = self.streams.pipes(stdin=self.order.get("stdin", "none") != "none")
        else:
            null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
            inner = (null,) * 3
        self.save(status="creating", supervisor=os.getpid())
        self.worker[1].send(b"O", (self.order_fd, *inner))
        for fd in set(inner):
            os.close(fd)
        self.watch_streams()
        self.watch(self.worker[1].fileno(), self.on_worker)

    def on_worker(self, _events: int = 0) -> None:
        """A report of the creating child, or of the init on the same channel; its end is execve's success."""
        message, fds = self.worker[1].receive()
        kind, rest = message[:1], message[1:]
        if kind == b"p":
            found = light.loads(rest)
            self.groups = found["groups"]
            self.save(pid=found["pid"], pid_start=statefile.start_time(found["pid"]), cgroup=found["cgroup"])
            self.pidfd = os.pidfd_open(found["pid"])
            self.watch(self.pidfd, self.on_exit)
        elif kind == b"h":
            self.held += fds
        elif kind == b"n":
            self.connected = True
            self.state["endpoints"] = light.loads(rest)
        elif kind == b"r":
            self.ready = True
        elif kind == b"t":
            self.streams.take_terminal(fds[0])
            self.watch_streams()
        elif kind == b"w":
            self.state["warnings"].append(rest.decode())
            self.control.send(message)
        elif kind == b"-":
            self.failed = self.failed or light.loads(rest)
        elif not message:
            self.on_channel_end()
        if kind in (b"n", b"r") and self.ready and self.connected:
            self.on_ready()

    def on_ready(self) -> None:
        """The init waits to be let go."""
        self.save(status="created")
        self.control.send(b"c")
        if self.go:
            self.start()

    def start(self) -> None:
        """Let the init go, or remember to."""
        self.go = True
        if self.ready and self.connected and not self.reported:
            self.worker[1].send(b"S")

    def on_channel_end(self) -> None:
        """Nobody holds the other end any more: the program runs, or there is none."""
        self.forget(self.worker[1].fileno())
        self.worker[1].close()
        os.waitpid(self.worker[0], 0)
        self.worker = (0, self.worker[1])
        self.reported = True
        if self.failed is None and self.ready and self.go:
            self.restarts.started()
            self.save(status="running", started_at=statefile.now(), error="")
            self.control.send(b"s")
        elif self.pidfd < 0:
            self.failed = self.failed or {"message": "the container's init could not be made", "exit_code": 125}
            self.finish(None)

    # -- while it runs ----------------------------------------------------------------------------------------

    def save(self, **changes: Any) -> None:
        """Change the state, and write it."""
        self.state.update(changes)
        statefile.write(self.directory, self.state)

    def watch_streams(self) -> None:
        """Watch the container's outputs, unless a client has too much to read already."""
        full = any(c.full() for c in self.clients)
        for fd in self.streams.outputs:
            if full:
                self.forget(fd)
            elif fd not in self.handlers:
                self.watch(fd, self.reader(fd))
        if self.streams.input and self.streams.stdin >= 0 and self.streams.terminal < 0:
            self.watch(self.streams.stdin, self.on_input, select.POLLOUT)

    def reader(self, fd: int) -> Handler:
        """What to do when the container writes to ``fd``."""
        return lambda _events: self.on_output(fd)

    def on_input(self, _events: int) -> None:
        """The container reads its stdin again."""
        fd = self.streams.stdin
        self.streams.write()
        if not self.streams.input:
            self.forget(fd)

    def on_output(self, fd: int) -> None:
        """The container has written something."""
        if not self.streams.read(fd, self.clients):
            self.forget(fd)
            self.streams.end(fd)
        for client in self.clients:
            if client.queue:
                self.watch(client.fileno(), self.handlers[client.fileno()], select.POLLIN | select.POLLOUT)
        if any(c.full() for c in self.clients):
            self.watch_streams()

    def accept(self, _events: int) -> None:
        """A client at the door; root or whoever runs us, by the socket's permissions."""
        fd, _ = self.door._accept()  # type: ignore[attr-defined]
        self.add_client(Connection(Channel(fd)))

    def add_client(self, client: Connection) -> None:
        """Serve one more client."""
        self.clients.append(client)
        self.watch(client.fileno(), lambda events: self.on_client(client, events))

    def on_client(self, client: Connection, events: int) -> None:
        """A client reads again, asks for something, or has gone."""
        if events & select.POLLOUT:
            client.flush()
            if not client.queue:
                self.watch(client.fileno(), self.handlers[client.fileno()])
            self.watch_streams()
        if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
            try:
                message, fds = client.channel.receive()
            except BlockingIOError:
                return
            if not message:
                self.drop(client)
                return
            try:
                self.obey(client, message[:1], message[1:], fds)
            except (Error, OSError, ValueError, LookupError, TypeError) as e:  # one client's nonsense is not our end
                client.send(b"-" + light.dumps({"message": f"{e}", "exit_code": 125}).encode())

    def drop(self, client: Connection) -> None:
        """A client has gone."""
        self.forget(client.fileno())
        self.clients.remove(client)
        client.close()
        if client.feeds and self.order.get("stdin") == "once":
            self.streams.end_input()
        if client.control and self.state.get("status") in ("creating", "created") and not self.go:
            self.signal(9)  # who had it made went away before it was started
        self.watch_streams()

    def obey(self, client: Connection, verb: bytes, rest: bytes, fds: list[int]) -> None:
        """One request."""
        if verb == b"S":
            self.start()
        elif verb == b"A":
            client.attached, client.feeds = rest, b"i" in rest
        elif verb == b"I":
            self.streams.feed(rest)
            self.watch_streams()
        elif verb == b"C":
            self.streams.end_input()
        elif verb == b"R":
            rows, columns = rest.split()
            self.streams.resize(int(rows), int(columns))
        elif verb == b"W":
            client.waits = True
        elif verb == b"D":
            client.claims = True
        elif verb == b"d":
            client.claims = False
            self.order["on_exit"] = None
        elif verb == b"T":
            self.stopping = True
            self.restarts.stop()
            if self.state["status"] == "restarting":
                self.finish_for_good()
        elif verb == b"k":
            self.signal(int(rest))
        elif verb == b"K":
            client.send(b"+" if self.signal(int(rest)) else b'-{"message":"container is not running"}')
        elif verb in (b"P", b"U"):
            self.pause(client, on=verb == b"P")
        elif verb == b"E":
            self.exec(client, fds)

    def signal(self, number: int) -> bool:
        """Signal the init, which is our child and so still is who we think; False if there is none."""
        if self.pidfd < 0:
            return False
        if self.state["status"] == "paused" and number == 9:
            self.freeze(on=False)
        os.kill(self.state["pid"], number)
        return True

    def freeze(self, *, on: bool) -> dict[str, Any] | None:
        """Freeze or thaw, by a child; what went wrong, or None."""
        pid, channel = workers.fork(lambda _channel: workers.freeze(self.state, on))
        message, _ = channel.receive()
        channel.close()
        os.waitpid(pid, 0)
        if message[:1] == b"-":
            found: dict[str, Any] = light.loads(message[1:])
            return found
        self.save(status="paused" if on else "running")
        return None

    def pause(self, client: Connection, *, on: bool) -> None:
        """Pause or resume for a client."""
        expected = "running" if on else "paused"
        if self.state["status"] != expected:
            what = f"container {self.state['id']} is not {expected}"
            client.send(b"-" + light.dumps({"message": what, "conflict": True}).encode())
            return
        failed = self.freeze(on=on)
        client.send(b"-" + light.dumps(failed).encode() if failed else b"+")

    def exec(self, client: Connection, fds: list[int]) -> None:
        """Start one more process in the container, by a child that becomes it; the client is told how it ends."""
        if self.state["status"] != "running":
            words = {"paused": "is paused, unpause the container before exec"}.get(
                self.state["status"], "is not running"
            )
            what = {"message": f"Container {self.state['id']} {words}", "conflict": True, "exit_code": 1}
            client.send(b"-" + light.dumps(what).encode())
        else:
            from scow.runtime.execs import Session

            self.sessions.append(Session(self, client, fds))
        for fd in fds:
            os.close(fd)

    # -- the end ----------------------------------------------------------------------------------------------

    def on_exit(self, _events: int = 0) -> None:
        """The init has ended, and with its pid namespace everything in it."""
        while self.worker[0] and not self.reported:  # what it had to say comes first
            self.on_worker()
        self.forget(self.pidfd)
        os.close(self.pidfd)
        self.pidfd = -1
        _, status = os.waitpid(self.state["pid"], 0)
        self.drain()
        self.finish(os.waitstatus_to_exitcode(status))

    def drain(self) -> None:
        """Read the outputs to their ends."""
        until = time.monotonic() + DRAIN_SECONDS
        while self.streams.outputs and (left := until - time.monotonic()) > 0:
            poll = select.poll()
            for fd in self.streams.outputs:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll(left * 1000):
                if not self.streams.read(fd, self.clients):
                    self.forget(fd)
                    self.streams.end(fd)
        for fd in list(self.streams.outputs):
            self.forget(fd)
        if self.streams.stdin in self.handlers:
            self.forget(self.streams.stdin)
        self.streams.close()

    def finish(self, code: int | None) -> None:
        """Record how it ended, tell everybody, clean up, and start again if that is wanted."""
        code = 128 - code if code is not None and code < 0 else code
        changes: dict[str, Any] = {"pid": 0, "finished_at": statefile.now()}
        if self.failed is not None:
            code = self.failed.get("exit_code", 125)
            changes["error"] = self.failed["message"]
        changes["oom_killed"] = self.was_oom_killed()
        changes["exit_code"] = code
        again = self.failed is None and self.restarts.wanted(code or 0) and not self.stopping
        self.save(status="restarting" if again else "exited", **changes)
        if self.failed is not None:
            self.control.send(b"-" + light.dumps(self.failed).encode())
        word = f"X{code} {'oom' if changes['oom_killed'] else ''}".encode()
        for client in self.clients:
            if client.attached or client.waits or client.control:
                client.send(word)
        self.clean()
        for session in list(self.sessions):  # the end of the init, or the cleaning, has killed them
            session.on_exit()
        if again:
            self.restarts.plan()
            self.save(restarts=self.restarts.count)
        else:
            self.finish_for_good()

    def was_oom_killed(self) -> bool:
        """Whether the kernel killed a process of the container for want of memory."""
        for name, directory in self.groups:
            path = f"{directory}/{'memory.events' if not name else 'memory.oom_control'}"
            if name not in ("", "memory"):
                continue
            try:
                with open(path, encoding="ascii") as f:
                    counts = dict(line.split() for line in f)
            except (OSError, ValueError):
                continue
            return counts.get("oom_kill", "0") != "0"
        return False

    def clean(self) -> None:
        """Remove the cgroup, and give back the addresses; by a child if more than a few rmdirs is needed."""
        left = any(join["network"]["driver"] == "bridge" for join in self.state["networks"])
        for fd in self.held:
            os.close(fd)
        self.held = []
        for _, directory in self.groups:
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                pass
            except OSError:  # a straggler, or a group made inside
                left = True
        self.groups = []
        if left:
            pid, channel = workers.fork(lambda _channel: workers.clean(self.state))
            channel.close()
            os.waitpid(pid, 0)

    def finish_for_good(self) -> None:
        """Nothing will run any more."""
        if self.state["status"] != "exited":
            self.save(status="exited")
        self.done = True

    def farewell(self) -> None:
        """Let clients read what they have not yet, wait for who claimed the removal, then remove or end."""
        self.forget(self.door.fileno())
        self.door.close()
        statefile.forget(os.path.join(self.directory, "supervisor.sock"))
        until = time.monotonic() + 10
        while time.monotonic() < until and any(c.queue or c.claims for c in self.clients):
            for fd, events in self.poll.poll(1000):
                if handler := self.handlers.get(fd):
                    handler(events)
        argv = self.order.get("on_exit")
        if self.streams.log is not None:
            self.streams.log.close()
        if argv:
            os.execve(argv[0], argv, {"PATH": os.defpath, "HOME": "/"})  # noqa: S606


def main(worker: int, fd: int) -> None:
    """Serve the container that ``worker``, a child with the other end of ``fd``, will make when the order comes."""
    import gc

    gc.freeze()
    os.set_inheritable(3, False)
    with open("/proc/self/comm", "w", encoding="ascii") as f:
        f.write("scow-supervise")
    os.chdir("/")
    os.umask(0o022)
    control = Channel(3)
    message, fds = control.receive()
    if not message:
        return
    monitor = Monitor(control, (worker, Channel(fd)))
    try:
        monitor.begin(fds[0])
        monitor.run()
    except BaseException as e:
        control.socket.setblocking(True)
        control.send(b"-" + light.dumps({"message": f"supervisor: {type(e).__name__}: {e}", "exit_code": 125}).encode())
        if monitor.state:
            monitor.save(error=f"supervisor: {type(e).__name__}: {e}")
        raise
