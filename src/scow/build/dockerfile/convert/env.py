"""ENV, LABEL and ARG."""

from __future__ import annotations

from scow.build.dockerfile import rules
from scow.build.dockerfile.convert.job import HIDDEN_ARGS, check_secret_name
from scow.build.dockerfile.options import Argument
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.convert.state import State
    from scow.build.dockerfile.instructions.base import Origin
    from scow.build.dockerfile.instructions.env import Arg, Env, Label, Pair, Variable


def env(job: Job, state: State, command: Env) -> None:
    """ENV: for what follows, and for containers."""
    for pair in command.pairs:
        _check_form(job, command.origin, pair)
        check_secret_name(job, "ENV", pair.key, command.origin)
        state.set_env(pair.key, pair.value)
        state.image.set_env(pair.key, pair.value)
    state.image.commit("ENV " + _written(command.pairs), epoch=job.epoch)


def label(job: Job, state: State, command: Label) -> None:
    """LABEL."""
    for pair in command.pairs:
        _check_form(job, command.origin, pair)
    labels = {p.key: p.value for p in command.pairs}
    state.image.config["Labels"] = {**(state.image.config.get("Labels") or {}), **labels}
    state.image.commit("LABEL " + _written(command.pairs), epoch=job.epoch)


def _written(pairs: tuple[Pair, ...]) -> str:
    return " ".join(f"{p.key}={p.value}" for p in pairs)


def _check_form(job: Job, origin: Origin, pair: Pair) -> None:
    if pair.legacy:
        name = origin.name
        words = f'"{name} key=value" should be used instead of legacy "{name} key value" format'
        job.lint.report(rules.LEGACY_KEY_VALUE, origin, words)


def arg(job: Job, state: State, command: Arg) -> None:
    """ARG: the build's value, else the default, else that of an ARG above the first FROM."""
    written = []
    for variable in command.variables:
        check_secret_name(job, "ARG", variable.key, command.origin)
        found, inherited = _value(job, state, command.origin, variable)
        if found is not None and variable.key not in HIDDEN_ARGS:
            state.set_env(variable.key, found)
        if not inherited:
            line = command.origin.at.start
            state.arguments[variable.key] = Argument(variable.key, found or "", variable.description, line)
        state.used.add(variable.key)
        state.variables.append(replace(variable, default=found))
        written.append(variable.key if found is None else f"{variable.key}={found}")
    state.image.commit("ARG " + " ".join(written), epoch=job.epoch)


def _value(job: Job, state: State, origin: Origin, variable: Variable) -> tuple[str | None, bool]:
    given = job.options.build_args.get(variable.key)
    if given is not None:
        return given, False
    if variable.default is not None:
        return job.expanded(state, origin, variable.default, job.style), False
    inherited = job.global_args.get(variable.key)
    return inherited, inherited is not None
