"""WORKDIR: where what follows runs, and a layer with that directory."""

from __future__ import annotations

from scow.build.dockerfile import gofmt, rules
from scow.build.dockerfile.convert.draft import Change, Inputs, file_draft
from scow.build.dockerfile.convert.names import numbered, shown
from scow.build.dockerfile.convert.owner import owner_of
from scow.build.dockerfile.convert.paths import absolute
from scow.build.dockerfile.convert.paths import workdir as joined
from scow.build.ops import MkDir
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.convert.state import State
    from scow.build.dockerfile.instructions.meta import Workdir

BILLION = 10**9


def workdir(job: Job, state: State, command: Workdir) -> None:
    """WORKDIR; the directory belongs to the USER in force."""
    if not state.workdir_set and not command.path.startswith("/"):
        path = gofmt.quote(command.path)
        words = f"Relative workdir {path} can have unexpected results if the base image changes"
        job.lint.report(rules.WORKDIR_RELATIVE, command.origin, words)
    state.workdir_set = True
    path = enter(state, command.path)
    if path != "/":
        owner = owner_of(state.image.config.get("User") or "", Inputs().add(state.draft))
        made = MkDir(absolute(path), owner=owner, timestamp=None if job.epoch is None else job.epoch * BILLION)
        name = shown(command.origin.code, state.env, job.style)
        name = numbered(state, name, state.env, platform=job.options.multi_platform)
        hints = replace(job.hints(state, command.origin, name), no_cache=False)
        state.draft = file_draft(state.draft, [Change(made)], hints)
    state.image.commit(f"WORKDIR {path}", layer=path != "/", epoch=job.epoch)


def enter(state: State, path: str) -> str:
    """Make ``path`` the working directory; the new one."""
    found = joined(state.image.config.get("WorkingDir") or "", path)
    state.image.config["WorkingDir"] = found
    state.cwd = absolute(found)
    return found
