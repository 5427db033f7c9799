"""The built-in ``--init``: the container's first process reaps orphans and passes signals on; the program is its child.

It is what docker-init does, for hosts without one. It costs about 3 MiB, the memory of the interpreter it is a copy of.
Nothing may be imported here: when it runs, the host's files are gone.
"""

from __future__ import annotations

import os

SIGCHLD, SIGTTOU = 17, 22
_SYNCHRONOUS = (4, 5, 7, 8, 11, 31)
"""Faults of ourselves: ILL, TRAP, BUS, FPE, SEGV, SYS."""


def split() -> None:
    """Returns in the child, which goes on to execve; the first process stays here until that child has ended."""
    import _signal  # type: ignore[import-not-found]

    block = set(range(1, 65)) - {9, 19, 32, 33} - set(_SYNCHRONOUS)
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, block)
    program = os.fork()
    if program == 0:
        os.setpgid(0, 0)
        try:
            os.tcsetpgrp(0, os.getpgrp())  # SIGTTOU is blocked: a background group may take the terminal
        except OSError:
            pass
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
        return
    os.closerange(3, 1 << 20)
    while True:
        number = _signal.sigwaitinfo(block).si_signo
        if number != SIGCHLD:
            try:
                os.kill(program, number)
            except ProcessLookupError:
                pass
            continue
        _reap(program)


def _reap(program: int) -> None:
    """Collect whoever has ended; when it is the program, end as it did."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            os._exit(128 - code if code < 0 else code)
