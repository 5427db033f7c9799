"""The supervisor: the small process that owns one container. Run as a script by ``scow.runtime.handle.prestart``.

The first thing it does is fork the child that will make the container, so that the two load at the same time. This
file is compiled at every start, so it holds nothing else; the supervisor itself is ``scow.runtime.monitor``.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    import _socket
    import gc

    os.closerange(4, 1 << 20)  # whatever our caller had open without close-on-exec is not ours to keep open
    gc.disable()  # nothing we load is garbage; collecting costs 2 ms of a container's start
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        from scow.runtime.workers import child, create

        child(create, theirs.detach())
    theirs.close()
    from scow.runtime.monitor import main

    main(pid, ours.detach())
    os._exit(0)  # taking the interpreter down would cost more than it was worth
