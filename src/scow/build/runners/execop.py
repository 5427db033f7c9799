"""ExecOp: RUN. A container of docker's defaults on a writable snapshot; what it changed becomes a layer in the
background.

The next step mounts the frozen snapshot as it is and does not wait for the tar. Mounts of files and directories that
the image has no place for leave empty stubs; they are taken away again before the snapshot is frozen, so that only
the command's changes stay.
"""

from __future__ import annotations

import contextlib
import os

from scow import errors
from scow.build.graph import plain
from scow.build.keys import CacheMap, InputKey
from scow.build.ops import NONE, ExecOp
from scow.build.results import Pending, Stack, in_background
from scow.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from scow.build.graph import Vertex
    from scow.build.jobs import Job
    from scow.build.ops import ExecMount, Meta
    from scow.build.results import Result
    from scow.build.runners.execmounts import Mounted
    from scow.build.world import World

HOSTNAME = "buildkitsandbox"
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")


class ExecRunner:
    """Runs ExecOps by ``world``'s zygote."""

    def __init__(self, world: World) -> None:
        self._world = world

    def cache_map(self, vertex: Vertex, job: Job) -> CacheMap:  # noqa: ARG002
        """The command, its environment and mounts. Proxies, secrets, and where the source of a mount lies are not in
        it.
        """
        op = vertex.op
        assert isinstance(op, ExecOp)
        keys = []
        for n in range(len(vertex.inputs)):
            mounts = [m for m in op.mounts if m.input == n]
            by_content = all(m.dest != "/" and (m.readonly or m.output == NONE) and m.kind == "bind" for m in mounts)
            selectors = tuple(sorted({m.selector or "/" for m in mounts}))
            content = None
            if mounts and by_content:
                from scow.build.runners.selection import content_of_mounts

                content = content_of_mounts(self._world, selectors)
            keys.append(InputKey("" if content else ",".join(selectors), content))
        meta = replace(op.meta, proxy=None)
        mounts_key = tuple(_keyed(m, keys) for m in op.mounts)
        base = {"op": plain(replace(op, meta=meta, mounts=mounts_key)), "platform": vertex.platform, "v": 1}
        return CacheMap({**base, **self._world.epoch_key()}, tuple(keys))

    def run(self, vertex: Vertex, inputs: Sequence[Result], job: Job) -> Sequence[Result]:
        """Run the command; the result is the root with the frozen snapshot on top."""
        from scow.build.runners.execmounts import prepare_mounts

        op = vertex.op
        assert isinstance(op, ExecOp)
        self._world.zygote()  # it starts while the rest is prepared
        self._world.check_allowed(op)
        root, stack = _root(op, inputs)
        with contextlib.ExitStack() as cleanup:
            mounted = prepare_mounts(self._world, op, inputs, job, cleanup)
            places = self._world.places(stack, mounted.targets)
            key = self._world.new_snapshot()
            mounts = self._world.layers.prepare(key, stack.parent(), volatile=True)
            try:
                self._execute(op, (*mounts, *mounted.rootfs), mounted, key, job)
            except BaseException:
                self._world.drop_snapshot(key)
                raise
        if root.output == NONE:
            self._world.drop_snapshot(key)
            return []
        pending = Pending(key)
        self._world.remove_stubs(stack, pending, places)
        in_background(lambda: self._world.commit(key), pending)
        return [stack.push(pending)]

    def _execute(self, op: ExecOp, rootfs: Sequence[Any], mounted: Mounted, key: str, job: Job) -> None:
        from scow.build.streams import Output
        from scow.runtime.bundle import Bundle
        from scow.runtime.program import StartError

        job.cancel.check()
        with self._world.network(op.network) as network:
            spec = spec_of(op, mounted, network)
            output = Output()
            with open(os.devnull, "rb", buffering=0) as null, output as (out, err):
                bundle = Bundle(key, spec, tuple(rootfs), state=self._world.store.paths.snapshot(key))
                running = self._world.zygote().start(bundle, null.fileno(), out, err)
            forget = job.cancel.register(running.kill)
            try:
                status = output.drain(job, running)
            except StartError as e:
                job.log(2, f"{e}\n".encode())
                status = e.exit_code
            except BaseException:  # ^C, or an observer that fails: nothing may go on in a snapshot that is removed
                running.kill()
                with contextlib.suppress(errors.Error):
                    running.wait()
                raise
            finally:
                forget()
        job.cancel.check()
        if status not in (op.meta.valid_exit_codes or (0,)):
            raise _failed(op, status, oom=running.oom_killed)


def _failed(op: ExecOp, status: int, *, oom: bool) -> errors.Error:
    """BuildKit's words."""
    why = f"exit code: {status}"
    hint = "the step was killed because it ran out of memory" if oom else None
    return errors.Invalid(f'process "{" ".join(op.meta.args)}" did not complete successfully: {why}', hint)


def _root(op: ExecOp, inputs: Sequence[Result]) -> tuple[ExecMount, Stack]:
    root = next((m for m in op.mounts if m.dest == "/"), None)
    if root is None:
        raise errors.Invalid("an exec op needs a mount for /")
    if root.selector not in ("", "/"):
        raise errors.Unsupported(f"exec op: a root that is {root.selector} of its input")
    if any(m.output not in (NONE, 0) or (m.output != NONE and m is not root) for m in op.mounts):
        raise errors.Unsupported("exec op: a mount other than / as output")
    stack = Stack() if root.input == NONE else inputs[root.input]
    if not isinstance(stack, Stack):
        raise errors.Unsupported("exec op: a build context as root")
    return root, stack


def _keyed(mount: ExecMount, keys: Sequence[InputKey]) -> ExecMount:
    """The mount as the key has it: what is read by content is not known by its place."""
    if mount.input != NONE and keys[mount.input].content:
        return replace(mount, selector="")
    return mount


def environment(meta: Meta, extra: dict[str, str]) -> dict[str, str]:
    """Variables of the process: the op's, then proxies in both spellings, which an op's own win over."""
    env = dict(e.partition("=")[::2] for e in meta.env)
    if meta.proxy is not None:
        for name in PROXIES:
            text = getattr(meta.proxy, name)
            for spelling in (name, name.upper()) if text else ():
                env.setdefault(spelling, text)
    return {**env, **extra}


def spec_of(op: ExecOp, mounted: Mounted, network: str) -> dict[str, Any]:
    """The OCI runtime spec of a step. ``network``: "none", "host", or the path of a namespace."""
    from scow.runtime import flags
    from scow.runtime import spec as specs

    meta = op.meta
    spec = specs.default_spec()
    if op.security == "insecure":
        from scow.runtime.limits import host_devices

        spec = flags.privileged(spec, host_devices())
    if network != "none":
        spec = flags.namespace(spec, "network", network)
    spec = flags.process(spec, meta.args, environment(meta, mounted.env), meta.cwd or "/")
    if meta.user:
        spec = flags.user(spec, meta.user)
    spec = flags.hostname(spec, meta.hostname or HOSTNAME)
    if meta.cgroup_parent or op.devices:
        raise errors.Unsupported("RUN with a cgroup parent or CDI devices")
    mounts = [*spec["mounts"], *mounted.mounts]
    spec = {**spec, "mounts": mounts}
    if next(m for m in op.mounts if m.dest == "/").readonly:
        spec = flags.read_only(spec)
    if meta.ulimits:
        limits = [{"type": f"RLIMIT_{n.upper()}", "soft": s, "hard": h} for n, s, h in meta.ulimits]
        spec = {**spec, "process": {**spec["process"], "rlimits": limits}}
    return spec
