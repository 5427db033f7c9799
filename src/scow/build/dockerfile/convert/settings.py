"""Instructions that only change the image's configuration."""

from __future__ import annotations

import re

from scow.build.dockerfile import rules
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.gofmt import format_duration, plain_list, quoted_list
from scow.build.dockerfile.source import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.convert.state import State
    from scow.build.dockerfile.instructions.base import Origin
    from scow.build.dockerfile.instructions.health import Healthcheck
    from scow.build.dockerfile.instructions.meta import Maintainer, StopSignal, User, Volume
    from scow.build.dockerfile.instructions.onbuild import Onbuild
    from scow.build.dockerfile.instructions.process import Cmd, CommandLine, Entrypoint, Shell

_SIGNAL = re.compile(r"(?:SIG)?RT(?:MIN|MAX)(?:[+-]\d{1,2})?")


def _once(job: Job, state: State, kind: str, origin: Origin) -> None:
    """Of several only the last counts; the one before is what is reported."""
    before = state.seen.get(kind)
    if before is not None:
        words = f"Multiple {origin.name} instructions should not be used in the same stage because only the last one"
        job.lint.report(rules.MULTIPLE_INSTRUCTIONS, origin, f"{words} will be used", Range(before.start, before.end))
    state.seen[kind] = origin.at


def _command(job: Job, state: State, line: CommandLine, origin: Origin) -> tuple[str, ...]:
    if not line.shell:
        return line.args
    if not state.image.config.get("Shell"):
        words = f"JSON arguments recommended for {origin.name} to prevent unintended behavior related to OS signals"
        job.lint.report(rules.JSON_ARGS, origin, words)
    return state.image.shell(line.args)


def cmd(job: Job, state: State, command: Cmd) -> None:
    """CMD."""
    _once(job, state, "cmd", command.origin)
    args = _command(job, state, command.line, command.origin)
    state.image.config["Cmd"] = list(args)
    state.image.config["ArgsEscaped"] = True
    state.image.commit(f"CMD {quoted_list(args)}", epoch=job.epoch)


def entrypoint(job: Job, state: State, command: Entrypoint) -> None:
    """ENTRYPOINT; a CMD that the base image had goes."""
    _once(job, state, "entrypoint", command.origin)
    args = _command(job, state, command.line, command.origin)
    state.image.config["Entrypoint"] = list(args)
    if not args:
        del state.image.config["Entrypoint"]
    if "cmd" not in state.seen:
        state.image.config.pop("Cmd", None)
    state.image.commit(f"ENTRYPOINT {quoted_list(args)}", epoch=job.epoch)


def shell(job: Job, state: State, command: Shell) -> None:
    """SHELL."""
    state.image.config["Shell"] = list(command.args)
    state.image.commit(f"SHELL {plain_list(command.args)}", epoch=job.epoch)


def healthcheck(job: Job, state: State, command: Healthcheck) -> None:
    """HEALTHCHECK."""
    _once(job, state, "healthcheck", command.origin)
    times = {
        "Interval": command.interval,
        "Timeout": command.timeout,
        "StartPeriod": command.start_period,
        "StartInterval": command.start_interval,
    }
    found = {"Test": list(command.test), **times, "Retries": command.retries}
    state.image.config["Healthcheck"] = {key: item for key, item in found.items() if item}
    shown = [f"Test:{plain_list(command.test)}", *(f"{k}:{format_duration(t)}" for k, t in times.items())]
    state.image.commit(f"HEALTHCHECK {{{' '.join(shown)} Retries:{command.retries}}}", epoch=job.epoch)


def user(job: Job, state: State, command: User) -> None:
    """USER."""
    state.user = state.image.config["User"] = command.user
    state.image.commit(f"USER {command.user}", epoch=job.epoch)


def volume(job: Job, state: State, command: Volume) -> None:
    """VOLUME."""
    if not all(command.paths):
        raise DockerfileError("VOLUME specified can not be an empty string")
    state.image.add("Volumes", list(command.paths))
    state.image.commit(f"VOLUME {plain_list(command.paths)}", epoch=job.epoch)


def stopsignal(job: Job, state: State, command: StopSignal) -> None:
    """STOPSIGNAL, which must be a signal."""
    if not _is_signal(command.signal):
        raise DockerfileError(f"invalid signal: {command.signal}", near=command.signal, hint="such as SIGTERM or 15")
    state.image.config["StopSignal"] = command.signal
    state.image.commit(f"STOPSIGNAL {command.signal}", epoch=job.epoch)


def _is_signal(text: str) -> bool:
    import signal

    if text.isascii() and text.isdecimal():
        return text.strip("0") != ""  # any number but 0, as docker
    name = text.upper().removeprefix("SIG")
    return hasattr(signal.Signals, f"SIG{name}") or _SIGNAL.fullmatch(text.upper()) is not None


def maintainer(job: Job, state: State, command: Maintainer) -> None:
    """MAINTAINER."""
    state.image.doc["author"] = command.name
    state.image.commit(f"MAINTAINER {command.name}", epoch=job.epoch)


def onbuild(_job: Job, state: State, command: Onbuild) -> None:
    """ONBUILD: kept for the images built on this one."""
    state.image.config["OnBuild"] = [*(state.image.config.get("OnBuild") or []), command.expression]
