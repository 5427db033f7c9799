"""The mounts of a RUN."""

from __future__ import annotations

from scow.build.dockerfile.convert.draft import Change, Draft, Inputs, file_draft
from scow.build.dockerfile.convert.job import cannot_reach
from scow.build.dockerfile.convert.paths import absolute
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.gofmt import quote
from scow.build.dockerfile.options import Requirement
from scow.build.graph import Hints
from scow.build.ignore_pattern import clean
from scow.build.ops import CacheOption, ExecMount, MkDir, Owner, SecretEnv, SecretOption, User
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.convert.job import Job
    from scow.build.dockerfile.convert.state import State, Step
    from scow.build.dockerfile.instructions.mounts import Mount
    from scow.build.dockerfile.instructions.run import Run

NAMESPACE = "BUILDKIT_CACHE_MOUNT_NS"


class Mounts:
    """Collects the mounts of one RUN. ``trees`` are (mount, its tree); their inputs are numbered in the end."""

    def __init__(self, job: Job, state: State, command: Run) -> None:
        self.job, self.state, self.command = job, state, command
        self.trees: list[tuple[ExecMount, Draft | None]] = [(ExecMount("/", output=0), state.draft)]
        self.secrets: list[ExecMount] = []
        self.agents: list[ExecMount] = []
        self.secret_env: list[SecretEnv] = []

    def add_all(self, step: Step) -> None:
        """The mounts the instruction asks for."""
        for mount, source in zip(self.command.mounts, step.sources, strict=True):
            if mount.type == "secret":
                self._secret(mount)
            elif mount.type == "ssh":
                self._ssh(mount)
            else:
                self._tree(mount, source)

    def _tree(self, mount: Mount, source: State) -> None:
        kind = mount.type
        draft = self._draft(mount, source)
        target = mount.target if mount.target.startswith("/") else clean(f"/{self.state.cwd}/{mount.target}")
        if target == "/":
            raise DockerfileError(f"invalid mount target {quote(target)}", near=mount.target or "--mount")
        selector = absolute(mount.source)
        if selector == "/":
            selector = ""
            if (mount.uid, mount.gid, mount.mode) != (None, None, None):
                draft, selector = _owned(mount, draft), "/cache"
        cache = None
        if kind == "cache":
            namespace = self.job.options.build_args.get(NAMESPACE, "")
            cache = CacheOption(f"{namespace}/{mount.id or clean(mount.target)}", mount.sharing or "shared")
        made = ExecMount(
            target, selector=selector, readonly=mount.readonly, kind=kind, tmpfs_size=mount.size, cache=cache
        )
        self.trees.append((made, draft))

    def _draft(self, mount: Mount, source: State) -> Draft | None:
        if mount.type == "tmpfs":
            return None
        if not mount.origin:
            if mount.type == "cache":
                return None
            self.state.context_paths.add(absolute(mount.source))
            return self.job.context
        if not source.dispatched:
            name, target = quote(mount.origin), quote(mount.target)
            words = f"cannot mount from stage {name} to {target}, stage needs to be defined before current command"
            raise cannot_reach(words)
        source.paths.add(absolute(mount.source))
        return source.draft

    def _secret(self, mount: Mount) -> None:
        name = mount.source or mount.id or mount.target.rpartition("/")[2]
        target = mount.target or ("" if mount.env is not None else f"/run/secrets/{name.rpartition('/')[2]}")
        _require(self.state.secrets, name, mount, self.command)
        if mount.env is not None:
            self.secret_env.append(SecretEnv(name, mount.env, not mount.required))
        if target:
            option = _option(name, mount, 0o400)
            self.secrets.append(ExecMount(target, kind="secret", secret=option))

    def _ssh(self, mount: Mount) -> None:
        if mount.source:
            raise DockerfileError("ssh does not support source", near="source=")
        name = mount.id or "default"
        _require(self.state.ssh, name, mount, self.command)
        target = mount.target or f"/run/buildkit/ssh_agent.{len(self.agents)}"
        self.agents.append(ExecMount(target, kind="ssh", ssh=_option(name, mount, 0o600)))

    def tmpfs(self, target: str, size: int) -> None:
        """A tmpfs that the build asks for, not the instruction."""
        self.trees.append((ExecMount(target, kind="tmpfs", tmpfs_size=size), None))

    def tree(self, target: str, draft: Draft) -> None:
        """A tree made for the instruction, read-only."""
        self.trees.append((ExecMount(target, selector="/", readonly=True), draft))

    def finish(self) -> tuple[tuple[ExecMount, ...], tuple[Draft, ...]]:
        """All mounts, the trees sorted by target, and the inputs they are numbered by."""
        inputs = Inputs()
        trees = [
            replace(mount, input=inputs.add(draft))
            for mount, draft in sorted(self.trees, key=lambda pair: pair[0].dest)
        ]
        return (*trees, *self.secrets, *self.agents), tuple(inputs.drafts)


def _option(name: str, mount: Mount, mode: int) -> SecretOption:
    mode = mode if mount.mode is None else mount.mode
    return SecretOption(name, mount.uid or 0, mount.gid or 0, mode, not mount.required)


def _require(known: dict[str, Requirement], name: str, mount: Mount, command: Run) -> None:
    known.setdefault(name, Requirement(name, mount.required, command.origin.at.start))


def _owned(mount: Mount, draft: Draft | None) -> Draft:
    """A directory with the owner and mode that a new cache is to have."""
    owner = Owner(User(id=mount.uid or 0), User(id=mount.gid or 0))
    made = MkDir("/cache", 0o755 if mount.mode is None else mount.mode, parents=False, owner=owner)
    return file_draft(draft, [Change(made)], Hints("[internal] setting cache mount permissions"))
