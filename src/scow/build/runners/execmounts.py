"""``RUN --mount``: bind, cache, tmpfs, secret and ssh, and the files every step gets (``/etc/hosts``,
``/etc/resolv.conf``).
"""

from __future__ import annotations

import os

from scow import errors
from scow.build.ops import NONE
from scow.build.runners.selection import populate, select
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack
    from typing import Any

    from scow.build.jobs import Job
    from scow.build.ops import ExecMount, ExecOp, SecretOption
    from scow.build.results import Result
    from scow.build.world import World
    from scow.kernel.mount import Mount

SECRETS = "/run/secrets"
AGENT = "/run/buildkit/ssh_agent"


@value
class Mounted:
    """``rootfs``: mounts for the bundle's root; ``mounts``: for its spec; ``targets``: where stubs may be left;
    ``env``.
    """

    rootfs: tuple[Mount, ...]
    mounts: tuple[dict[str, Any], ...]
    targets: tuple[str, ...]
    env: dict[str, str]


class _Builder:
    def __init__(self, world: World, inputs: Sequence[Result], job: Job, cleanup: ExitStack) -> None:
        self.world = world
        self.inputs = inputs
        self.job = job
        self.cleanup = cleanup
        self.rootfs: list[Mount] = []
        self.mounts: list[dict[str, Any]] = []
        self.targets: list[str] = []
        self.env: dict[str, str] = {}
        self.agents = 0

    def bind(self, source: str, dest: str, *options: str) -> None:
        """Mount a path of the machine."""
        self.mounts.append({"destination": dest, "type": "bind", "source": source, "options": ["rbind", *options]})
        self.targets.append(dest)

    def add(self, mount: ExecMount) -> None:
        """One mount of the op."""
        dest = mount.dest
        match mount.kind:
            case "bind":
                self.add_bind(mount)
            case "tmpfs":
                options = ["nosuid", *([f"size={mount.tmpfs_size}"] if mount.tmpfs_size else [])]
                self.mounts.append({"destination": dest, "type": "tmpfs", "source": "tmpfs", "options": options})
                self.targets.append(dest)
            case "cache":
                self.add_cache(mount)
            case "secret" if mount.secret is not None:
                self.add_secret(mount.secret, dest)
            case "ssh" if mount.ssh is not None:
                self.add_agent(mount.ssh, dest)
            case _:
                raise errors.Unsupported(f"RUN --mount=type={mount.kind}")

    def add_bind(self, mount: ExecMount) -> None:
        """A part of an input; without ``readonly`` changes can be made, and are lost."""
        from scow.values import replace

        world = self.world
        if mount.input == NONE:
            found: Any = ()
        else:
            found = select(world, self.inputs[mount.input], mount.selector, self.job)
        if isinstance(found, str):
            self.cleanup.callback(os.unlink, found)
            return self.bind(found, mount.dest, *(["ro"] if mount.readonly else []))
        if mount.readonly:
            made = world.layers.view(found)
        else:
            key = world.new_snapshot()
            made = world.layers.prepare(key, found, volatile=True)
            self.cleanup.callback(world.drop_snapshot, key)
        self.rootfs += [replace(m, target=mount.dest) for m in made]
        self.targets.append(mount.dest)
        return None

    def add_cache(self, mount: ExecMount) -> None:
        """A directory that stays between builds."""
        assert mount.cache is not None
        where = self.world.cache_mount(mount.cache.id, mount.cache.sharing, self.job, self.cleanup)
        if where.new and mount.input != NONE:
            populate(where.path, self.world, self.inputs[mount.input], mount.selector)
        self.bind(where.path, mount.dest, *(["ro"] if mount.readonly else []))

    def add_secret(self, option: SecretOption, dest: str) -> None:
        """A file in memory."""
        data = self.world.secret(option.id)
        if data is None:
            if option.optional:
                return
            raise errors.Invalid(f"secret {option.id}: not found", hint=f"pass it by --secret id={option.id},src=FILE")
        path = self.world.in_memory(data, option.mode, option.uid, option.gid)
        self.cleanup.callback(os.unlink, path)
        self.bind(path, dest or f"{SECRETS}/{option.id}", "ro", "nosuid", "nodev", "noexec")

    def add_agent(self, option: SecretOption, dest: str) -> None:
        """The socket of an ssh agent."""
        path = self.world.agent(option.id)
        if path is None:
            if option.optional:
                return
            hint = "pass --ssh default (and have SSH_AUTH_SOCK set)"
            raise errors.Invalid(f"unset ssh forward key {option.id}", hint=hint)
        if option.uid or option.gid:
            raise errors.Unsupported("RUN --mount=type=ssh with a uid or gid: the agent's socket is mounted as it is")
        dest = dest or f"{AGENT}.{self.agents}"
        self.agents += 1
        self.bind(path, dest)
        self.env.setdefault("SSH_AUTH_SOCK", dest)


def prepare_mounts(world: World, op: ExecOp, inputs: Sequence[Result], job: Job, cleanup: ExitStack) -> Mounted:
    """Everything that is mounted besides the root; ``cleanup`` takes back what has to be when the step is over."""
    builder = _Builder(world, inputs, job, cleanup)
    for name, path in world.etc_files(op):
        builder.bind(path, name, "ro")
    for mount in sorted(op.mounts, key=lambda m: m.dest.count("/")):
        if mount.dest != "/":
            builder.add(mount)
    for wanted in op.secret_env:
        data = world.secret(wanted.id)
        if data is not None:
            builder.env[wanted.name] = data.decode("utf-8", "surrogateescape")
        elif not wanted.optional:
            raise errors.Invalid(f"secret {wanted.id}: not found", hint=f"pass it by --secret id={wanted.id},env=NAME")
    return Mounted(tuple(builder.rootfs), tuple(builder.mounts), tuple(builder.targets), builder.env)
