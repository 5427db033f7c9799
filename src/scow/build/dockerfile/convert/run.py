"""RUN: the command with its heredocs, its environment and its mounts."""

from __future__ import annotations

from scow.build.dockerfile.convert.args import proxy_of
from scow.build.dockerfile.convert.draft import Draft, inline_file
from scow.build.dockerfile.convert.mounts import Mounts
from scow.build.dockerfile.convert.names import as_run, numbered, shown
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.heredoc import announced
from scow.build.dockerfile.source import SPACE, printable
from scow.build.ops import ExecOp, Meta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.convert.state import State, Step
    from scow.build.dockerfile.instructions.env import Variable
    from scow.build.dockerfile.instructions.process import CommandLine
    from scow.build.dockerfile.instructions.run import Run

PIPES = "/dev/pipes/"
SHM = "/dev/shm"  # noqa: S108 - a mount point inside the container


def run(job: Job, state: State, step: Step, command: Run) -> None:
    """RUN, already expanded."""
    state.paths.add("/")  # a command may read anything
    mounts = Mounts(job, state, command)
    args, summary = _arguments(mounts, command.line)
    if command.line.shell:
        args = state.image.shell(args)
    mounts.add_all(step)
    if job.options.shm_size > 0:
        mounts.tmpfs(SHM, job.options.shm_size)
    trees, inputs = mounts.finish()
    op = ExecOp(
        _meta(job, state, args, mounts),
        trees,
        command.network if command.network != "default" else job.options.network,
        command.security,
        tuple(mounts.secret_env),
        (*job.options.devices, *(d.name for d in command.devices)),
    )
    masked = {**state.env, **{s.name: "****" for s in mounts.secret_env}}
    name = shown(command.origin.code + summary, masked, as_run(job.style))
    name = numbered(state, name, state.env, platform=job.options.multi_platform)
    state.draft = Draft(op, inputs, job.hints(state, command.origin, name), str(state.platform))
    words = " ".join(["RUN", *_build_env(state.variables, state.env), *args])
    state.image.commit(words, layer=True, command=True, epoch=job.epoch)


def _meta(job: Job, state: State, args: tuple[str, ...], mounts: Mounts) -> Meta:
    env = dict(state.env)
    if mounts.agents:
        env.setdefault("SSH_AUTH_SOCK", mounts.agents[0].dest)
    options = job.options
    return Meta(
        args,
        tuple(f"{key}={given}" for key, given in env.items()),
        state.cwd,
        state.user,
        proxy_of(options.build_args),
        options.extra_hosts,
        options.hostname or options.build_args.get("BUILDKIT_SANDBOX_HOSTNAME", ""),
        options.ulimits,
        options.cgroup_parent,
    )


def _arguments(mounts: Mounts, line: CommandLine) -> tuple[tuple[str, ...], str]:
    """The command with its heredocs, and what to show of them.

    A command that is nothing but a heredoc is a script for the shell, or, when that begins with ``#!``, a program that
    is mounted; other heredocs are put back for the shell to read.
    """
    if not line.heredocs:
        return line.args, ""
    if len(line.args) != 1 or not line.shell:
        raise DockerfileError("parsing produced an invalid run command")
    doc = line.heredocs[0]
    if announced(line.args[0]) is None:
        behind = [f"\n{d.content}{d.name}" for d in line.heredocs]
        return (printable(line.args[0] + "".join(behind)),), ""
    summary = f" ({_summary(printable(doc.content))})"
    if not doc.text.startswith("#!"):
        return (printable(doc.text),), summary
    data = doc.text.encode("utf-8", "surrogateescape")
    mounts.tree(PIPES, inline_file(f"/{doc.name}", data, 0o755))
    return (PIPES + doc.name,), summary


def _summary(text: str) -> str:
    first, *more = text.strip(SPACE).replace("\r\n", "\n").split("\n")
    return first + ("..." if more else "")


def _build_env(variables: list[Variable], env: dict[str, str]) -> list[str]:
    """``|2 A=1 B=2``: the arguments the command saw."""
    seen = {v.key: env.get(v.key, v.default or "") for v in variables}
    return [f"|{len(seen)}", *(f"{key}={given}" for key, given in seen.items())] if seen else []
