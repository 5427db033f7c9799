"""Who needs whom: FROMs and the ``from`` of instructions to stages, the target, and what it can reach."""

from __future__ import annotations

from scow.build.dockerfile import gofmt, rules
from scow.build.dockerfile.convert.state import State, Step
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.files import Add, Copy
from scow.build.dockerfile.instructions.meta import Workdir
from scow.build.dockerfile.instructions.onbuild import Onbuild
from scow.build.dockerfile.instructions.run import Run
from scow.build.dockerfile.parser import parse_trigger
from scow.build.dockerfile.shell import Expansion, expand
from scow.build.dockerfile.suggest import nearest, suggestion
from scow.errors import Invalid
from scow.oci.platform import Platform
from scow.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.instructions.base import Instruction, Origin
    from scow.build.dockerfile.options import Argument, Conversion
    from scow.build.dockerfile.parser import Stage

SCRATCH = "scratch"
NOT_CONTEXTS = ("scratch", "context")


class Stages:
    """The stages of a file by number and by name, with the images that instructions name."""

    def __init__(self, job: Job, declared: dict[str, Argument]) -> None:
        self.job, self.declared = job, declared
        self.by_name: dict[str, State] = {}
        self.images: dict[str, State] = {}
        self.named: list[State] = []
        for stage in job.dockerfile.stages:
            with Placed(job, stage.base.origin):
                self._add(self._state(stage))
        self.named = list(job.states)
        for state, stage in zip(self.named, job.dockerfile.stages, strict=True):
            state.steps = [self._connect(state, command) for command in stage.commands]
        _refuse_cycles(job)
        if len(job.states) == 1:
            job.states[0].label = ""

    def _state(self, stage: Stage) -> State:
        base, job = stage.base, self.job
        found = self._expanded(base.base, base.origin)
        if not found.text:
            raise DockerfileError(f"base name ({base.base}) should not be blank", near=base.base)
        state = State(found.text, base.origin, base.name)
        state.written_base, state.description = found.text, base.description
        if base.platform:
            state.platform = self._platform(base.platform, base.name, base.origin)
        state.context = named_context(job, base.name, state.platform) if base.name else None
        state.label = base.name or f"stage-{stage.index}"
        state.no_cache = _no_cache(job.options.no_cache, base.name)
        state.used.update(found.matched)
        return state

    def _expanded(self, text: str, origin: Origin) -> Expansion:
        found = expand(text, self.job.global_args, self.job.style)
        known = {*self.job.global_args, *self.declared}
        for name in found.unmatched:
            if name not in known:
                words = f"FROM argument '{name}' is not declared" + suggestion(name, sorted(known))
                self.job.lint.report(rules.UNDEFINED_ARG_IN_FROM, origin, words)
        return found

    def _platform(self, text: str, stage: str, origin: Origin) -> Platform:
        found, lint = self._expanded(text, origin), self.job.lint
        if not found.text:
            options = (nearest(name, self.job.global_args) for name in found.unmatched)
            match = next((m for m in options if m), "")
            tail = f" (did you mean {match}?)" if match else ""
            raise DockerfileError(f"empty platform value from expression {text}{tail}", near=text)
        target = self.job.global_args.get("TARGETPLATFORM")
        if found.matched == ("TARGETPLATFORM",) and not found.unmatched and found.text == target:
            words = f"Setting platform to predefined {text} in FROM is redundant as this is the default behavior"
            lint.report(rules.REDUNDANT_TARGET_PLATFORM, origin, words)
        try:
            platform = Platform.parse(found.text)
        except Invalid as fault:
            raise DockerfileError(f"failed to parse platform {text}: {fault}", near=text, hint=fault.hint) from None
        constant = not found.matched and not found.unmatched
        if constant and platform.os not in stage and platform.architecture not in stage:
            words = f"FROM --platform flag should not use constant value {gofmt.quote(found.text)}"
            lint.report(rules.FROM_PLATFORM_CONST, origin, words)
        return platform

    def _add(self, state: State) -> None:
        self.job.states.append(state)
        if state.context is None:
            state.base = self.by_name.get(state.base_name)
        if state.base is not None:
            state.arguments = dict(state.base.arguments)
        elif not state.external:
            state.arguments = dict(self.declared)
        if state.name:
            self.by_name[state.name] = state

    def _connect(self, state: State, command: Instruction, *, onbuild: bool = False) -> Step:
        """A step with the stages it takes from; those that are no stage are images, which become external states."""
        sources: tuple[State, ...] = ()
        with Placed(self.job, command.origin):
            if isinstance(command, Copy) and command.source:
                sources = (self._source(command.source, command.origin),)
            elif isinstance(command, Run):
                sources = tuple(self._find(name or SCRATCH, command.origin) for name in command.sources)
        for source in sources:
            state.deps[source] = command.origin
        return Step(command, sources, onbuild)

    def _source(self, text: str, origin: Origin) -> State:
        if expand(text, {}, self.job.style).text != text:
            words = "variable expansion is not supported for --from, define a new stage with FROM using ARG from global"
            raise DockerfileError(f"{words} scope as a workaround", near=text)
        if text.removeprefix("-").isdecimal() and len(text) < 10:
            if 0 <= int(text) < len(self.named or self.job.states):
                return (self.named or self.job.states)[int(text)]
            raise DockerfileError(f"invalid stage index {int(text)}", near=text)
        return self._find(text, origin)

    def _find(self, name: str, origin: Origin) -> State:
        """The stage of that name, or an external state for the image (one for all who use it)."""
        found = self.by_name.get(name.lower()) or self.images.get(name)
        if found is None:
            found = self.images[name] = State(name, origin, external=True)
            self._add(found)
        return found

    def target(self, name: str) -> State:
        """The stage to build; "" is the last of the file."""
        if not name:
            return self.named[-1]
        if name.lower() in self.by_name:
            return self.by_name[name.lower()]
        if name.isdecimal() and int(name[:9]) < len(self.named):
            return self.named[int(name[:9])]
        names = [s.label for s in self.named if s.label]
        shown = gofmt.quote(name)
        raise DockerfileError(
            f"target stage {shown} could not be found" + suggestion(name, names), hint=_choices(names)
        )

    def run_triggers(self, state: State) -> bool:
        """Put the ONBUILD instructions of the base in front; true when that made the stage need others."""
        triggers = [str(t) for t in state.image.config.pop("OnBuild", None) or []]
        if state.base is not None and not state.triggered:
            triggers += [s.command.expression for s in state.base.steps if isinstance(s.command, Onbuild)]
        state.triggered = True
        steps = []
        for trigger in triggers:
            with Placed(self.job, state.origin):
                steps.append(self._connect(state, parse_trigger(trigger, state.origin), onbuild=True))
        state.steps = [*steps, *state.steps]
        state.total += len(steps)
        return any(step.sources for step in steps)


def _choices(names: list[str]) -> str | None:
    return f"stages are: {', '.join(names[:20])}" if names else None


def _no_cache(asked: tuple[str, ...] | None, stage: str) -> bool:
    return asked is not None and (not asked or stage in [name.lower() for name in asked])


def count_steps(state: State) -> int:
    """How many steps of a stage progress numbers."""
    first = state.base is None and state.base_name != SCRATCH
    return first + sum(isinstance(s.command, Add | Copy | Run | Workdir) for s in state.steps)


def named_context(job: Job, name: str, platform: Platform | None) -> str | Conversion | None:
    """What the build gives for ``name``, which may be an image's: for the platform alone, or for all."""
    contexts = job.options.named_contexts
    if not contexts or name.lower() in NOT_CONTEXTS:
        return None
    try:
        familiar = Reference.parse(name).familiar().removesuffix(":latest")
    except Invalid as fault:
        raise DockerfileError(f"invalid context name {name}: {fault}", near=name) from None
    for key in (f"{familiar}::{(platform or job.target_platform).normalized()}", familiar):
        if key in contexts:
            return contexts[key]
    return None


def reachable(target: State) -> set[State]:
    """The target and all it needs."""
    found, stack = {target}, [target]
    while stack:
        state = stack.pop()
        near = [*state.deps, *([state.base] if state.base else [])]
        stack += [s for s in near if s not in found]
        found.update(near)
    return found


def _refuse_cycles(job: Job) -> None:
    """An instruction may not, by way of others, take from its own stage."""
    done: set[State] = set()
    for start in job.states:
        path: dict[State, Iterable[State]] = {start: iter(start.deps)}
        while path:
            state = next(reversed(path))
            dep = next((d for d in path[state] if d not in done), None)
            if dep is None:
                done.add(state)
                del path[state]
            elif dep in path:
                ring = [*list(path)[list(path).index(dep) :], dep]
                with Placed(job, dep.deps[ring[1]]):
                    raise DockerfileError(f"circular dependency detected on stage: {dep.label}")
            else:
                path[dep] = iter(dep.deps)


class Placed:
    """Gives errors inside the place of an instruction."""

    def __init__(self, job: Job, origin: Origin) -> None:
        self.job, self.origin = job, origin

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        """Raise the error anew, with its place."""
        if isinstance(fault, DockerfileError) and not fault.line:
            raise fault.located(self.job.dockerfile.source, self.origin.at) from fault.__cause__
