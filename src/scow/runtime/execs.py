"""One more process in a running container: ``exec``.

The supervisor forks a child (``enter``), which joins the container's cgroup and namespaces and clones the process as a
sibling of its own, so that the supervisor is the parent, knows how it ends, and the exec outlives the client that
asked. Standard streams are the client's own descriptors; a terminal's master goes to the client.
"""

from __future__ import annotations

import os

from scow.errors import Invalid
from scow.runtime import light, workers
from scow.runtime.channel import Channel, read_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from scow.runtime.connection import Connection
    from scow.runtime.monitor import Monitor

DEVPTS = 0x1CD1


class Session:
    """An exec under way, in the supervisor."""

    def __init__(self, monitor: Monitor, client: Connection, fds: list[int]) -> None:
        if len(fds) != 4:
            raise Invalid("exec: a process and three streams are needed")
        self.monitor = monitor
        self.client = client
        self.pid = 0
        self.pidfd = -1
        self.failed = False
        self.worker, self.channel = workers.fork(enter)
        streams = tuple(fds[1:4])
        if self.channel.send(b"O", (fds[0], monitor.order_fd, monitor.pidfd, *streams)):
            monitor.loop.watch(self.channel.fileno(), self.on_channel)

    def on_channel(self, _events: int = 0) -> None:
        """What the child, or the process it made, has to say; the end of it is execve's success."""
        message, fds = self.channel.receive()
        kind = message[:1]
        if kind == b"p":
            self.pid = int(message[1:])
            self.pidfd = os.pidfd_open(self.pid)
            self.monitor.loop.watch(self.pidfd, self.on_exit)
        elif kind in (b"t", b"w", b"-"):
            self.failed = self.failed or kind == b"-"
            self.client.send(message, tuple(fds))
        elif not message:
            self.monitor.loop.forget(self.channel.fileno())
            self.channel.close()
            os.waitpid(self.worker, 0)
            self.worker = 0
            if self.pid and not self.failed:
                self.client.send(b"s%d" % self.pid)
            elif not self.pid:
                self.monitor.sessions.remove(self)
        for fd in fds:
            os.close(fd)

    def on_exit(self, _events: int = 0) -> None:
        """The process has ended."""
        while self.worker:
            self.on_channel()
        self.monitor.loop.forget(self.pidfd)
        os.close(self.pidfd)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self.client.send(b"X%d " % (128 - code if code < 0 else code))
        self.monitor.sessions.remove(self)


def enter(channel: Channel) -> None:
    """In the child: become part of the container, and clone the process there."""
    from scow.kernel import cgroup, namespaces
    from scow.kernel.process import set_dumpable
    from scow.runtime import bundle, creator, init
    from scow.runtime.privileges import compile_filter
    from scow.runtime.steps.root import Root

    message, fds = channel.receive()
    if not message:
        return
    try:
        wanted = light.loads(read_memory(fds[0]))
        container = bundle.from_json(light.loads(read_memory(fds[1]))["bundle"])
        filter_ = None if wanted.get("privileged") else compile_filter(container.spec["linux"].get("seccomp"))
        flags = _foreign(fds[2])
        cgroup.open_group(creator.cgroup_path(container)).join()
        _preload()
        init.seal()
        # From here on the container's processes may find us: they must not read our memory or descriptors.
        set_dumpable(False)
        namespaces.setns(fds[2], flags)
        pid, _ = namespaces.clone(namespaces.CLONE_PARENT)
        if pid:
            channel.send(b"p%d" % pid)
            return
    except BaseException as e:
        init.report(channel, e, init.EXEC_FAILED)
        return
    birth = init.Birth(container, (), Root(), channel, tuple(fds[3:6]), None, filter_, waits=False)
    _inside(birth, wanted)


def _preload() -> None:
    from scow.kernel import files, openat
    from scow.runtime import creator, program
    from scow.runtime.steps import console

    creator.preload()
    del files, openat, program, console


def _foreign(pidfd: int) -> int:
    """The CLONE_NEW* flags of the namespaces of a process that are not ours."""
    from scow.kernel.namespaces import FLAGS, namespace_path

    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as f:
        pid = next(int(line.split()[1]) for line in f if line.startswith("Pid:"))
    if pid <= 0:
        raise ProcessLookupError(3, "container is not running")
    flags = 0
    for kind, flag in FLAGS.items():
        if kind != "time" and os.stat(namespace_path(kind, pid)).st_ino != os.stat(namespace_path(kind)).st_ino:
            flags |= flag
    return flags


def _inside(birth: Any, wanted: dict[str, Any]) -> NoReturn:
    """In the new process: working directory, terminal, then as a container's init."""
    from scow.kernel.files import statfs_type
    from scow.kernel.openat import open_in_root
    from scow.runtime import init, program
    from scow.runtime.program import reason
    from scow.runtime.steps.console import open_terminal

    try:
        spec = wanted["process"]
        os.setsid()
        root = birth.root.fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        cwd = spec.get("cwd") or "/"
        try:
            here = open_in_root(root, cwd, os.O_PATH | os.O_DIRECTORY)
        except OSError as e:
            text = f'chdir to cwd ("{cwd}") set in config.json failed: {reason(e)}'
            raise program.StartError(text, init.docker_exit_code(text)) from None
        os.fchdir(here)
        os.close(here)
        if spec.get("terminal"):
            pts = open_in_root(root, "/dev/pts", os.O_PATH | os.O_DIRECTORY)
            if statfs_type(pts) != DEVPTS:
                raise Invalid("a terminal needs a devpts mount in the container")
            rows, columns = wanted.get("size") or (0, 0)
            birth.root.terminal = open_terminal(pts, rows, columns)
        init.start(birth, spec)
    except BaseException as e:
        init.report(birth.channel, e, init.EXEC_FAILED)
    os._exit(1)
