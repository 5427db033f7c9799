"""Stages to the graph of a target: resolve what is needed, then run the instructions of each stage in order."""

from __future__ import annotations

from scow.build.dockerfile.checks import check
from scow.build.dockerfile.convert import env, settings
from scow.build.dockerfile.convert.args import global_arguments, predefined, set_epoch
from scow.build.dockerfile.convert.bases import refuse_other_systems, resolve_base
from scow.build.dockerfile.convert.copy import copy
from scow.build.dockerfile.convert.expose import expose
from scow.build.dockerfile.convert.image import DEFAULT_PATH, cloned
from scow.build.dockerfile.convert.job import Job
from scow.build.dockerfile.convert.run import run
from scow.build.dockerfile.convert.workdir import enter, workdir
from scow.build.dockerfile.directives import find, syntax
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.env import Arg, Env, Label
from scow.build.dockerfile.instructions.files import Add, Copy
from scow.build.dockerfile.instructions.health import Healthcheck
from scow.build.dockerfile.instructions.meta import Expose, Maintainer, StopSignal, User, Volume, Workdir
from scow.build.dockerfile.instructions.onbuild import Onbuild
from scow.build.dockerfile.instructions.process import Cmd, Entrypoint, Shell
from scow.build.dockerfile.instructions.run import Run
from scow.build.dockerfile.linter import Checks, Linter, parse_checks
from scow.build.dockerfile.options import Argument, Conversion, Requirement
from scow.build.dockerfile.source import Range
from scow.build.dockerfile.stages import Placed, Stages, count_steps, reachable
from scow.errors import Unsupported
from scow.oci.platform import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from scow.build.dockerfile.convert.state import State, Step
    from scow.build.dockerfile.options import Options, Resolve
    from scow.build.dockerfile.parser import Dockerfile

BUILTIN = ("docker/dockerfile", "docker/dockerfile-upstream")

PLAIN: dict[type, Callable[[Job, State, Any], None]] = {
    Arg: env.arg,
    Cmd: settings.cmd,
    Entrypoint: settings.entrypoint,
    Env: env.env,
    Expose: expose,
    Healthcheck: settings.healthcheck,
    Label: env.label,
    Maintainer: settings.maintainer,
    Onbuild: settings.onbuild,
    Shell: settings.shell,
    StopSignal: settings.stopsignal,
    User: settings.user,
    Volume: settings.volume,
    Workdir: workdir,
}
LINKED: dict[type, Callable[[Job, State, Step, Any], None]] = {Add: copy, Copy: copy, Run: run}
"""Instructions that may take files from other stages."""


def convert(dockerfile: Dockerfile, options: Options, resolve: Resolve) -> Conversion:
    """The graph and image configuration of ``options.target``. Pure, but for ``resolve``, which looks images up.

    Raises DockerfileError with the place in the file; Unsupported for frontends and platforms that are not served.
    """
    lint = Linter(checks_of(dockerfile, options))
    return converted(dockerfile, options, resolve, lint)


def converted(dockerfile: Dockerfile, options: Options, resolve: Resolve, lint: Linter) -> Conversion:
    """As ``convert``, with findings left in ``lint`` even when an error is raised."""
    _refuse_other_frontends(dockerfile, options)
    check(dockerfile, lint)
    job = Job(dockerfile, options, resolve, lint)
    job.build_platform = (options.build_platform or host()).normalized()
    job.target_platform = (options.platform or job.build_platform).normalized()
    refuse_other_systems(job.target_platform)
    name = options.target or dockerfile.stages[-1].base.name
    known = predefined(job.build_platform, job.target_platform, name, options.build_args)
    job.global_args, declared = global_arguments(dockerfile, known, options.build_args)
    check_defaults(job, known)
    set_epoch(job)
    stages = Stages(job, declared)
    target = stages.target(options.target)
    wanted = _resolve_all(job, stages, target)
    for state in list(job.states):
        if state in wanted and not state.dispatched:
            _dispatch_all(job, state)
    target.paths.add("/")
    return _result(job, target, wanted)


def checks_of(dockerfile: Dockerfile, options: Options) -> Checks:
    """Which checks run: as BUILDKIT_DOCKERFILE_CHECK says, else as the file does."""
    given = options.build_args.get("BUILDKIT_DOCKERFILE_CHECK")
    directive = find("check", dockerfile.source.data)
    try:
        return parse_checks(given if given is not None else directive.word if directive else "")
    except DockerfileError as fault:
        line = directive.line if directive and given is None else 1
        raise fault.located(dockerfile.source, Range(line, line)) from None


def _refuse_other_frontends(dockerfile: Dockerfile, options: Options) -> None:
    wanted = options.build_args.get("BUILDKIT_SYNTAX") or syntax(dockerfile.source.data)
    if wanted is None:
        return
    name = wanted.partition("@")[0]
    name = name.removeprefix("docker.io/")
    head, _, tail = name.rpartition("/")
    if f"{head}/{tail.partition(':')[0]}" not in BUILTIN:
        raise Unsupported(f"the frontend {wanted} is not supported", "only docker/dockerfile is, and it is built in")


def check_defaults(job: Job, known: dict[str, str]) -> None:
    """Report base names that are no names when the build gives no arguments."""
    from scow.build.dockerfile import rules
    from scow.build.dockerfile.shell import expand
    from scow.errors import Invalid
    from scow.oci.reference import Reference

    try:
        values, _ = global_arguments(job.dockerfile, known, {})
        names = [(s.base, expand(s.base.base, values, job.style).text) for s in job.dockerfile.stages]
    except DockerfileError:
        return
    for base, name in names:
        try:
            Reference.parse(name)
        except Invalid:
            words = f"Default value for ARG {base.base} results in empty or invalid base image name"
            job.lint.report(rules.INVALID_DEFAULT_ARG, base.origin, words)


def _resolve_all(job: Job, stages: Stages, target: State) -> set[State]:
    """Look up the bases of all stages that are needed; ONBUILD triggers of a base may need more."""
    for state in job.states:
        state.total = 0 if state.external or state.context is not None else count_steps(state)
    pending = True
    while pending:
        wanted = set(job.states) if job.options.all_stages else reachable(target)
        for state in [s for s in job.states if s in wanted]:
            if state.base is None and not state.resolved:
                resolve_base(job, state)
        todo = [s for s in job.states if s in wanted and not (s.triggered or s.dispatched)]
        pending = sum(stages.run_triggers(state) for state in todo) > 0
    return wanted


def _dispatch_all(job: Job, state: State) -> None:
    state.inherit()
    state.dispatched = True
    state.platform = state.platform or job.target_platform
    if "PATH" not in state.image.env():
        state.image.set_env("PATH", DEFAULT_PATH)
    state.env = dict(state.base.env) if state.base else {}
    for key, given in state.image.env().items():
        state.set_env(key, given)
    enter(state, state.image.config.get("WorkingDir") or "/")
    state.user = state.image.config.get("User") or ""
    for step in state.steps:
        with Placed(job, step.command.origin):
            _dispatch(job, state, step)
    job.context_paths |= state.context_paths


def _dispatch(job: Job, state: State, step: Step) -> None:
    state.onbuild = step.onbuild
    command = step.command.expand(job.word(state, step.command.origin))
    plain = PLAIN.get(type(command))
    if plain is not None:
        plain(job, state, command)
    else:
        LINKED[type(command)](job, state, step, command)


def _result(job: Job, target: State, wanted: set[State]) -> Conversion:
    options, config = job.options, cloned(target.image.doc)
    if options.labels:
        config["config"]["Labels"] = {**(config["config"].get("Labels") or {}), **options.labels}
    if error := job.lint.error():
        raise error
    platform = job.target_platform if options.platform else target.platform or job.target_platform
    if options.platform:
        if (config.get("os"), config.get("architecture")) != (platform.os, platform.architecture):
            config.pop("variant", None)
        config |= platform.to_json()
    others = sorted(wanted - {target}, key=lambda s: s.origin.at.start)
    return Conversion(
        edge=target.draft.final() if target.draft else None,
        config=config,
        platform=platform,
        base=target.base_image,
        epoch=job.epoch,
        stage=target.name,
        description=target.description,
        warnings=tuple(job.lint.found),
        arguments=_arguments([target, *others]),
        secrets=_requirements([s.secrets for s in [target, *others]]),
        ssh=_requirements([s.ssh for s in [target, *others]]),
    )


def _arguments(states: list[State]) -> tuple[Argument, ...]:
    found: dict[str, Argument] = {}
    for state in states:
        used, waiting = set(state.used), list(state.used)
        while waiting:
            known = state.arguments.get(waiting.pop())
            more = [name for name in known.needs if name not in used] if known else []
            used.update(more)
            waiting += more
        for name, argument in state.arguments.items():
            if name in used:
                found.setdefault(name, argument)
    return tuple(sorted(found.values(), key=lambda a: a.line))


def _requirements(known: list[dict[str, Requirement]]) -> tuple[Requirement, ...]:
    found: dict[str, Requirement] = {}
    for some in known:
        for name, requirement in some.items():
            found.setdefault(name, requirement)
    return tuple(sorted(found.values(), key=lambda r: r.line))
