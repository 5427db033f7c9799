"""The first process of a container, from its birth to execve.

It is a copy of the process that made it (``scow.runtime.creator`` or a zygote), already inside its namespaces. It works
through the plan, becomes the user and reports on its channel, one message each: ``w`` a warning, ``t`` with the master
of its terminal, ``r`` ready, ``-`` what went wrong. It then waits for ``S``. The channel closes by itself when execve
succeeds.
"""

from __future__ import annotations

import os
import sys

from scow.errors import Error
from scow.kernel import process
from scow.kernel.namespaces import CLONE_NEWCGROUP, unshare
from scow.kernel.syscall import MACHINE, syscall
from scow.runtime import light, privileges, program, reaper
from scow.runtime.spec import INIT
from scow.runtime.steps.console import take_terminal
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from scow.kernel.cgroup import Cgroup
    from scow.runtime.bundle import Bundle
    from scow.runtime.channel import Channel
    from scow.runtime.privileges import Filter
    from scow.runtime.steps.root import Root, Step

CREATE_FAILED = "OCI runtime create failed: unable to start container process: error during container init: "
EXEC_FAILED = "OCI runtime exec failed: exec failed: unable to start container process: "
_OWN_WORDS = ("unable to find user", "unable to find group", "uids and gids", "Cannot mkdir:")
_RT_SIGACTION = {"x86_64": 13, "aarch64": 134}
_ERROR_EXIT = 255
"""What docker's containers exit with when the kernel refuses to execute a file that was found."""


@value
class Birth:
    """What an init is born with: what to do, the channel to report on, its standard streams.

    ``cgroup`` is to be joined (v1; on v2 it is there already); ``waits`` for the go-ahead.
    """

    bundle: Bundle
    steps: tuple[Step, ...]
    root: Root
    channel: Channel
    stdio: tuple[int, ...]
    cgroup: Cgroup | None
    filter: Filter | None
    waits: bool = True


def main(birth: Birth, maps: int = -1) -> NoReturn:
    """Be the container's first process; never returns. ``maps`` is readable once the user namespace has its ids."""
    try:
        if maps >= 0:
            os.read(maps, 1)
            os.setresgid(0, 0, 0)
            os.setresuid(0, 0, 0)
            process.set_dumpable(True)  # the change of ids has given our /proc files to the host's root
        _run(birth)
    except BaseException as e:
        report(birth.channel, e, CREATE_FAILED)
    os._exit(1)


def report(channel: Channel, e: BaseException, prefix: str) -> None:
    """Send a failure with docker's words and exit code."""
    channel.send(b"-" + light.dumps(failure(e, prefix)).encode())


def failure(e: BaseException, prefix: str) -> dict[str, Any]:
    """A failure as JSON: message, hint, exit code."""
    if isinstance(e, Error):
        text = str(e)
    elif isinstance(e, OSError):
        text = f"{e.strerror or e}".lower() + (f": {e.filename}" if e.filename else "")
    else:
        text = f"{type(e).__name__}: {e}"
    if not text.startswith(_OWN_WORDS):
        text = prefix + text
    code = e.exit_code if isinstance(e, program.StartError) else docker_exit_code(text)
    return {"message": text, "hint": getattr(e, "hint", None), "exit_code": code}


def docker_exit_code(message: str) -> int:
    """The exit code docker's command line makes of a failed start's message."""
    if "executable file not found" in message or "no such file or directory" in message:
        return program.NOT_FOUND
    if "permission denied" in message or "is a directory" in message:
        return program.NOT_EXECUTABLE
    return 125


def seal() -> None:
    """Let no import happen from now on: the paths of our modules are about to be the container's, and what lies there a
    hostile image's (as in CVE-2019-14271). What is still needed has been imported; an import now is an error.
    """
    sys.meta_path.clear()
    sys.path_hooks.clear()
    sys.path.clear()
    sys.path_importer_cache.clear()


def _run(birth: Birth) -> None:
    seal()
    process.set_parent_death_signal()
    privileges.set_oom_score(birth.bundle.spec["process"].get("oomScoreAdj"))
    process.set_dumpable(False)  # whoever shares our pid namespace cannot look into us while we are still the host's
    spec = birth.bundle.spec
    if birth.cgroup is not None:
        birth.cgroup.join()
    if any(n["type"] == "cgroup" and not n.get("path") for n in spec["linux"]["namespaces"]):
        unshare(CLONE_NEWCGROUP)  # after joining: the group we are in becomes its root
    os.setsid()
    privileges.join_keyring(birth.bundle.id)
    for step in birth.steps:
        step.execute(birth.root)
    start(birth, spec["process"], builtin=spec.get("annotations", {}).get(INIT) == "builtin")


def start(birth: Birth, spec: dict[str, Any], *, builtin: bool = False) -> NoReturn:
    """Become ``process`` of a spec: inside the root, in its working directory, with everything but the ids set."""
    channel = birth.channel
    who = privileges.identify(birth.root.fd, spec.get("user") or {})
    env = privileges.environment(spec, who)
    privileges.set_limits(spec, lambda text: channel.send(b"w" + text.encode()))
    if birth.root.terminal is not None:
        master, slave = birth.root.terminal
        channel.send(b"t", (master,))
        os.close(master)
        take_terminal(slave, who.uid)
    else:
        take_streams(birth.stdio, who.uid)
    sets = privileges.Sets(spec.get("capabilities"))
    if sets.missing:
        channel.send(b"w" + f"capabilities this host does not have: {' '.join(sets.missing)}".encode())
    privileges.become(who, sets, (spec.get("user") or {}).get("umask"))
    path = program.find(spec["args"][0] if spec.get("args") else "", env)
    process.set_parent_death_signal()  # the change of ids has cleared it
    default_signals()
    channel.send(b"r")
    if birth.waits and channel.receive()[0] != b"S":
        os._exit(0)  # our supervisor is gone, or does not want us any more
    process.close_range(3, cloexec=True)
    privileges.confine(sets, birth.filter, no_new_privileges=bool(spec.get("noNewPrivileges")))
    if builtin:
        reaper.split()
    execute(path, spec["args"], env)


def take_streams(stdio: tuple[int, ...], uid: int) -> None:
    """Make ``stdio`` our standard streams. Pipes become the user's, so that /dev/stdout can be opened again."""
    import stat

    for fd, source in enumerate(stdio):
        os.dup2(source, fd)
        found = os.fstat(fd)
        if uid and stat.S_ISFIFO(found.st_mode) and found.st_uid != uid:
            os.fchown(fd, uid, -1)


def default_signals() -> None:
    """Every signal as the kernel's default: what is ignored stays ignored across execve.

    The interpreter ignores SIGPIPE and SIGXFSZ; glibc's posix_spawn, which started us, its own two (32 and 33, which
    musl uses otherwise), and lets nobody but the kernel change them back.
    """
    import _signal  # type: ignore[import-not-found]

    for sig in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(sig, _signal.SIG_DFL)
    if number := _RT_SIGACTION.get(MACHINE):
        for sig in (32, 33):
            syscall(number, sig, bytes(32), None, 8)


def execute(path: str, args: list[str], env: dict[str, str]) -> NoReturn:
    """execve; where the kernel refuses, say so on stderr as docker's containers do."""
    try:
        os.execve(path, args, env)  # noqa: S606
    except OSError as e:
        os.write(2, f"exec {path}: {program.reason(e)}\n".encode())
    os._exit(_ERROR_EXIT)
