"""The zygote process itself: run as a script, see ``scow.runtime.zygote``."""

from __future__ import annotations

import os
import select
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from scow.kernel import cgroup, namespaces
from scow.runtime import bundle, channel, creator, init, light, spec
from scow.runtime.channel import Channel
from scow.runtime.privileges import compile_filter
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.kernel.cgroup import Cgroup, Hierarchy

POLLRDHUP = 0x2000


@value
class Step:
    """A step under way."""

    pidfd: int
    channel: Channel
    group: Cgroup


class Server:
    """Starts what is asked for and reports how it ended; single-threaded, on one poll."""

    def __init__(self, requests: Channel, hierarchy: Hierarchy) -> None:
        self.requests = requests
        self.hierarchy = hierarchy
        self.poll = select.poll()
        self.poll.register(requests.fileno(), select.POLLIN)
        self.steps: dict[int, Step] = {}
        """By pidfd, and by the descriptor of the step's channel."""

    def serve(self) -> None:
        """Work until the other end of the request channel is closed; then nothing of ours is left."""
        while True:
            for fd, event in self.poll.poll():
                if fd == self.requests.fileno():
                    message, fds = self.requests.receive()
                    if not message:
                        return self.end()
                    self.start(fds)
                elif fd in self.steps and fd == self.steps[fd].pidfd:
                    self.finish(self.steps[fd])
                elif fd in self.steps and event & (POLLRDHUP | select.POLLHUP):
                    self.poll.unregister(fd)
                    namespaces.pidfd_send_signal(self.steps[fd].pidfd, 9)

    def start(self, fds: list[int]) -> None:
        """Start one step: its order, its channel, its three streams."""
        own = Channel(fds[1])
        try:
            wanted = bundle.from_json(light.loads(channel.read_memory(fds[0])))
            born = creator.create(creator.Request(wanted, own, tuple(fds[2:5])), self.hierarchy)
        except Exception as e:  # whatever it is, it is this step's failure and not ours
            init.report(own, e, init.CREATE_FAILED)
            own.send(b"X125")
            own.close()
            return
        finally:
            for fd in (fds[0], *fds[2:]):
                os.close(fd)
        step = Step(born.pidfd, own, cgroup.open_group(born.cgroup, self.hierarchy))
        self.steps[step.pidfd] = self.steps[own.fileno()] = step
        self.poll.register(step.pidfd, select.POLLIN)
        self.poll.register(own.fileno(), POLLRDHUP)

    def finish(self, step: Step) -> None:
        """A step's init has ended, and its pid namespace with it."""
        status = namespaces.wait(step.pidfd)
        self.poll.unregister(step.pidfd)
        oom = " oom" if status == 137 and step.group.stats().oom_kills else ""
        step.channel.send(f"X{status}{oom}".encode())
        del self.steps[step.pidfd], self.steps[step.channel.fileno()]
        try:
            self.poll.unregister(step.channel.fileno())
        except KeyError:  # a killed one
            pass
        step.channel.close()
        os.close(step.pidfd)
        step.group.remove()

    def end(self) -> None:
        """Kill what is left, and wait for it."""
        left = {s.pidfd: s for s in self.steps.values()}
        for step in left.values():
            namespaces.pidfd_send_signal(step.pidfd, 9)
        for step in left.values():
            self.finish(step)


def main() -> None:
    """Load everything a step needs, then serve descriptor 3."""
    from scow.kernel.process import set_name
    from scow.runtime.spawn import SOCKET

    os.closerange(SOCKET + 1, 1 << 20)
    set_name("scow-zygote")
    os.set_inheritable(SOCKET, False)
    os.chdir("/")
    compile_filter(spec.default_spec()["linux"]["seccomp"])
    Server(Channel(SOCKET), cgroup.detect()).serve()


if __name__ == "__main__":
    main()
