"""What a supervisor does: have the container made, serve its clients, and tell the truth about how it ended.

One thread, one poll. It imports nothing that is not needed while a container merely runs: all work that needs more is
done by a forked child (``scow.runtime.workers``).
"""

from __future__ import annotations

import os
import time

from scow.runtime import ending, light, statefile, workers
from scow.runtime.channel import Channel, read_memory
from scow.runtime.connection import Connection
from scow.runtime.door import Door, failed
from scow.runtime.loop import READ, WRITE, Loop
from scow.runtime.restart import Restarts
from scow.runtime.streams import Streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.runtime.execs import Session
    from scow.runtime.loop import Handler

FAREWELL_SECONDS = 10.0
"""How long clients may take to read what is left, and whoever claimed the removal to remove."""


class Monitor:
    """The supervisor of one container, from its order to its end."""

    def __init__(self, control: Channel, worker: tuple[int, Channel]) -> None:
        self.loop = Loop()
        self.door = Door(self.loop, self)
        self.control = Connection(control, control=True)
        self.worker = worker
        """The child that makes the container (0 once it has), and the channel it shares with the init."""
        self.state: dict[str, Any] = {}
        self.order: dict[str, Any] = {}
        self.order_fd = -1
        self.streams = Streams(None)
        self.restarts = Restarts("no", 0)
        self.go = self.ready = self.connected = self.reported = False
        self.failure: dict[str, Any] | None = None
        self.pidfd = -1
        self.groups: list[list[str]] = []
        self.held: list[int] = []
        self.sessions: list[Session] = []
        self.stopping = self.done = False

    def run(self) -> None:
        """Serve until the container has ended for good."""
        while not self.done:
            self.loop.step(self.restarts.milliseconds())
            if self.restarts.due():
                self.launch()
        self.farewell()

    def save(self, **changes: Any) -> None:
        """Change the state, and write it."""
        self.state.update(changes)
        statefile.write(self.directory, self.state)

    # -- making the container

    def begin(self, order_fd: int) -> None:
        """Take the container's lock, open its door, and have it made."""
        self.order_fd = order_fd
        self.order = light.loads(read_memory(order_fd))
        bundle = self.order.pop("bundle")
        self.directory = bundle["state"]
        os.makedirs(self.directory, 0o700, exist_ok=True)
        self.lock = statefile.lock(self.directory)
        if self.lock is None:
            raise RuntimeError(f"container {bundle['id']} has a supervisor already")
        self.state = statefile.blank(bundle["id"])
        self.state["cgroup"] = bundle["spec"]["linux"].get("cgroupsPath") or f"/scow/{bundle['id']}"
        self.state["networks"] = self.order.get("networks") or []
        self.terminal = bool(bundle["spec"]["process"].get("terminal"))
        self.restarts = Restarts(*(self.order.get("restart") or ("no", 0)))
        if log := self.order.get("log"):
            from scow.runtime.jsonlog import Log

            self.streams.log = Log(log["path"], log.get("max_size", 0), log.get("max_files", 1))
        self.door.open(self.directory)
        self.door.add(self.control)
        self.launch()

    def launch(self) -> None:
        """Have the init made, by a child that is waiting to."""
        if self.worker[0] == 0:
            self.worker = workers.fork(workers.create)
        self.ready = self.connected = self.reported = self.streams.ending = False
        self.failure = None
        if self.terminal:
            inner: tuple[int, ...] = (os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC),) * 3
        else:
            inner = self.streams.pipes(stdin=self.order.get("stdin", "none") != "none")
        self.save(status="creating")
        self.worker[1].send(b"O", (self.order_fd, *inner))
        for fd in set(inner):
            os.close(fd)
        self.watch_streams()
        self.loop.watch(self.worker[1].fileno(), self.on_worker)

    def on_worker(self, _events: int = 0) -> None:
        """A report of the creating child, or of the init on the same channel; its end is execve's success."""
        message, fds = self.worker[1].receive()
        kind, rest = message[:1], message[1:]
        if kind == b"p":
            self.on_born(light.loads(rest))
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
            self.door.tell(message, control_only=True)
        elif kind == b"-":
            self.failure = self.failure or light.loads(rest)
        elif not message:
            self.on_channel_end()
        if kind in (b"n", b"r") and self.ready and self.connected:
            self.save(status="created")
            self.door.tell(b"c", control_only=True)
            self.start(go=self.go)

    def on_born(self, found: dict[str, Any]) -> None:
        """The init is there, our child by CLONE_PARENT."""
        self.groups = found["groups"]
        self.save(pid=found["pid"], pid_start=statefile.start_time(found["pid"]), cgroup=found["cgroup"])
        self.pidfd = os.pidfd_open(found["pid"])
        self.loop.watch(self.pidfd, self.on_exit)

    def start(self, *, go: bool = True) -> None:
        """Let the init go, or remember to."""
        self.go = go
        if go and self.ready and self.connected and not self.reported:
            self.worker[1].send(b"S")

    def on_channel_end(self) -> None:
        """Nobody holds the other end any more: the program runs, or there is none."""
        self.loop.forget(self.worker[1].fileno())
        self.worker[1].close()
        os.waitpid(self.worker[0], 0)
        self.worker = (0, self.worker[1])
        self.reported = True
        if self.failure is None and self.ready and self.go:
            self.restarts.started()
            self.save(status="running", started_at=statefile.now(), error="")
            self.door.tell(b"s", control_only=True)
        elif self.pidfd < 0:
            self.failure = self.failure or {"message": "the container's init could not be made", "exit_code": 125}
            self.finish(None)

    # -- while it runs

    def watch_streams(self) -> None:
        """Watch the outputs, unless a client has too much to read already, and stdin, if something waits for it."""
        full, stdin = self.door.full(), self.streams.stdin
        for fd in self.streams.outputs:
            writes = WRITE if fd == stdin and self.streams.input else 0
            if events := (0 if full else READ) | writes:
                self.loop.watch(fd, self.pump(fd), events)
            else:
                self.loop.forget(fd)
        if stdin >= 0 and stdin not in self.streams.outputs:
            if self.streams.input:
                self.loop.watch(stdin, self.pump(stdin), WRITE)
            else:
                self.loop.forget(stdin)

    def pump(self, fd: int) -> Handler:
        """What to do when the container has written to ``fd``, or reads from it."""
        return lambda events: self.on_stream(fd, events)

    def on_stream(self, fd: int, events: int) -> None:
        """Move bytes; a terminal's master is read and written."""
        if events & WRITE or fd not in self.streams.outputs:
            was_full = self.streams.full()
            self.streams.write()
            if was_full and not self.streams.full():
                self.door.listen_to_all()
            if not self.streams.input:
                self.loop.forget(fd)  # it may be closed by now, which poll does not mind
        if events & ~WRITE and fd in self.streams.outputs and not self.streams.read(fd, self.door.clients):
            self.loop.forget(fd)
            self.streams.end(fd)
        self.door.press()
        if fd in self.streams.outputs and (fd not in self.loop.handlers or self.door.full()):
            self.watch_streams()

    def relieved(self) -> None:
        """A slow client has read something."""
        self.watch_streams()

    def left(self, client: Connection) -> None:
        """A client has gone."""
        if client.feeds and self.order.get("stdin") == "once":
            self.streams.end_input()
        if client.control and self.state["status"] in ("creating", "created") and not self.go:
            self.signal(9)  # who had it made went away before it was started
        self.watch_streams()

    def obey(self, client: Connection, verb: bytes, rest: bytes, fds: list[int]) -> None:
        """One request (``scow.runtime.connection`` lists them)."""
        if verb == b"S":
            self.start()
        elif verb == b"A":
            client.attached, client.feeds = rest, b"i" in rest
        elif verb == b"I":
            self.streams.feed(rest)
            client.deaf = self.streams.full()
            self.watch_streams()
        elif verb == b"C":
            self.streams.end_input()
        elif verb == b"R":
            rows, columns = rest.split()
            self.streams.resize(int(rows), int(columns))
        elif verb == b"W":
            client.waits = True
        elif verb in (b"D", b"d"):
            client.claims = verb == b"D"
            if verb == b"d":
                self.order["on_exit"] = None
        elif verb == b"T":
            self.stop_restarts()
        elif verb == b"k":
            self.signal(int(rest))
        elif verb == b"K":
            client.send(b"+" if self.signal(int(rest)) else failed(message="container is not running", conflict=True))
        elif verb in (b"P", b"U"):
            self.pause(client, on=verb == b"P")
        elif verb == b"E":
            self.exec(client, fds)

    def stop_restarts(self) -> None:
        """The container is being stopped on purpose."""
        self.stopping = True
        self.restarts.stop()
        if self.state["status"] == "restarting":
            self.end()

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
            client.send(failed(message=f"container {self.state['id']} is not {expected}", conflict=True))
            return
        wrong = self.freeze(on=on)
        client.send(failed(**wrong) if wrong else b"+")

    def exec(self, client: Connection, fds: list[int]) -> None:
        """Start one more process in the container, by a child that becomes it; the client is told how it ends."""
        try:
            status = self.state["status"]
            if status == "running":
                from scow.runtime.execs import Session

                self.sessions.append(Session(self, client, fds))
                return
            why = "is paused, unpause the container before exec" if status == "paused" else "is not running"
            client.send(failed(message=f"Container {self.state['id']} {why}", conflict=True, exit_code=1))
        finally:
            for fd in fds:
                os.close(fd)

    # -- the end

    def on_exit(self, _events: int = 0) -> None:
        """The init has ended, and with its pid namespace everything in it."""
        while self.worker[0] and not self.reported:  # what it had to say comes first
            self.on_worker()
        self.loop.forget(self.pidfd)
        os.close(self.pidfd)
        self.pidfd = -1
        _, status = os.waitpid(self.state["pid"], 0)
        for fd in (*self.streams.outputs, self.streams.stdin):
            self.loop.forget(fd)
        ending.drain(self.streams, self.door.clients)
        self.finish(os.waitstatus_to_exitcode(status))

    def finish(self, code: int | None) -> None:
        """Record how it ended, tell everybody, clean up, and start again if that is wanted."""
        code = 128 - code if code is not None and code < 0 else code
        changes: dict[str, Any] = {"pid": 0, "finished_at": statefile.now()}
        if self.failure is not None:
            code = self.failure.get("exit_code", 125)
            changes["error"] = self.failure["message"]
        oom = ending.was_oom_killed(self.groups)
        again = self.failure is None and self.restarts.wanted(code or 0) and not self.stopping
        self.save(status="restarting" if again else "exited", exit_code=code, oom_killed=oom, **changes)
        if self.failure is not None:
            self.door.tell(failed(**self.failure), control_only=True)
        self.door.tell(f"X{code} {'oom' if oom else ''}".encode())
        self.clean()
        if again:
            self.restarts.plan()
            self.save(restarts=self.restarts.count)
        else:
            self.end()

    def clean(self) -> None:
        """Leave nothing of the run on the host."""
        for fd in self.held:
            os.close(fd)
        ending.clean(self.groups, self.state)
        self.held, self.groups = [], []
        for session in list(self.sessions):  # the end of the init, or the cleaning, has killed them
            session.on_exit()

    def end(self) -> None:
        """Nothing will run any more."""
        if self.state["status"] != "exited":
            self.save(status="exited")
        self.done = True

    def farewell(self) -> None:
        """Let clients read what they have not yet, wait for who claimed the removal, then remove or end."""
        self.door.close()
        until = time.monotonic() + FAREWELL_SECONDS
        while self.door.busy() and (left := until - time.monotonic()) > 0:
            self.loop.step(int(left * 1000))
        if self.streams.log is not None:
            self.streams.log.close()
        if argv := self.order.get("on_exit"):
            os.execve(argv[0], argv, {"PATH": os.defpath, "HOME": "/"})  # noqa: S606


def main(worker: int, fd: int) -> None:
    """Serve the container that ``worker``, a child with the other end of ``fd``, will make when the order comes."""
    import gc

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
        gc.enable()
        monitor.run()
    except BaseException as e:
        control.socket.setblocking(True)
        control.send(failed(message=f"supervisor: {e}", exit_code=125))
        if monitor.state:
            monitor.save(error=f"supervisor: {type(e).__name__}: {e}")
        raise
