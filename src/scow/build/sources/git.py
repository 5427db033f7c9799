"""``git://``: a commit of a repository as a layer, by the machine's ``git``.

A reference is turned into a commit by ``ls-remote``; the commit is the cache key, so an unchanged repository is not
fetched again. Files get the time of the commit (``git.mtime=checkout``: of now), which makes the layer the same
wherever it is built. Names that could be options are refused, hooks and filters of the repository do not run, and a
token goes by the environment, not by the command line.
"""

from __future__ import annotations

import os
import re

from scow import errors
from scow.build.keys import CacheMap
from scow.build.ops import Attr
from scow.build.results import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from scow.build.graph import Vertex
    from scow.build.jobs import Job
    from scow.build.ops import SourceOp
    from scow.build.results import Result
    from scow.build.world import World
    from scow.oci.digest import Digest

SCHEME = "git://"
TOKEN = "GIT_AUTH_TOKEN"  # noqa: S105 - the name of a secret
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SAFE = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("protocol.ext.allow", "never"),
    ("protocol.file.allow", "user"),
    ("init.defaultBranch", "main"),
    ("advice.detachedHead", "false"),
    ("gc.auto", "0"),
)


class GitRunner:
    """Runs git sources."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._commits: dict[tuple[str, str], str] = {}

    def cache_map(self, vertex: Vertex, job: Job) -> CacheMap:
        """The commit and how it is laid out."""
        op: SourceOp = vertex.op  # type: ignore[assignment]
        remote, ref, directory = parts(op)
        commit = self._commit(remote, ref, job)
        wanted = op.attr(Attr.GIT_CHECKSUM)
        if wanted and not commit.startswith(wanted):
            raise errors.Corrupt(f"expected checksum to match {wanted}, got {commit}")
        form = {n: v for n, v in op.attrs if n != Attr.GIT_URL}
        return CacheMap({"git": commit, "directory": directory, "form": form}, ())

    def run(self, vertex: Vertex, inputs: Sequence[Result], job: Job) -> Sequence[Result]:  # noqa: ARG002
        """Check the commit out and put it into a layer."""
        import shutil
        import tempfile

        op: SourceOp = vertex.op  # type: ignore[assignment]
        remote, ref, directory = parts(op)
        commit = self._commit(remote, ref, job)
        place = tempfile.mkdtemp(prefix="git-", dir=self._world.store.paths.tmp)
        try:
            self._check_out(op, place, commit, job)
            return [Stack((self._layer(op, place, directory, job),))]
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _commit(self, remote: str, ref: str, job: Job) -> str:
        if COMMIT.fullmatch(ref):
            return ref
        if (remote, ref) not in self._commits:
            wanted = [f"{ref}^{{}}", ref] if ref else ["HEAD"]
            said = self._git(["ls-remote", "--", remote, *wanted], None, job).decode("utf-8", "replace")
            self._commits[remote, ref] = _best(said, ref, remote)
        return self._commits[remote, ref]

    def _check_out(self, op: SourceOp, place: str, commit: str, job: Job) -> None:
        remote, ref, _ = parts(op)
        self._git(["init", "-q", place], None, job)
        try:
            self._git(["fetch", "-q", "--depth=1", "--no-tags", "--", remote, commit], place, job)
        except errors.Unavailable:  # a server that gives no commits by name
            self._git(["fetch", "-q", "--tags", "--", remote, *([ref] if ref and ref != commit else [])], place, job)
        self._git(["checkout", "-q", "--detach", commit], place, job)
        if op.attr(Attr.GIT_SUBMODULES) != "true" and os.path.exists(f"{place}/.gitmodules"):
            self._git(["submodule", "-q", "update", "--init", "--recursive", "--depth=1"], place, job)

    def _layer(self, op: SourceOp, place: str, directory: str, job: Job) -> Digest:
        from scow.build.copying import Copier
        from scow.build.draft import Draft, Empty
        from scow.build.files import lookup
        from scow.build.ops import Copy
        from scow.build.sources.local import LocalTree

        when = self._git(["log", "-1", "--format=%ct"], place, job).decode().strip()
        timestamp = None if op.attr("git.mtime") == "checkout" else int(when) * 10**9
        exclude = () if op.attr(Attr.KEEP_GIT) == "true" else ("**/.git",)
        tree = LocalTree(place)
        try:
            top = lookup(tree, directory)
            if top is None or top.kind != "dir":
                raise errors.NotFound(f"{parts(op)[0]} has no directory {directory}")
            draft = Draft(Empty())
            Copier(
                tree, draft, Copy(directory or "/", "/", timestamp=timestamp, exclude=exclude), None, job.cancel
            ).run()
            return self._world.write_layer(draft, job.cancel)
        finally:
            tree.close()

    def _git(self, args: list[str], place: str | None, job: Job) -> bytes:
        """Run git; Unavailable with the end of what it said."""
        import subprocess

        try:
            process = subprocess.Popen(
                ["git", *args],
                cwd=place or "/",
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except FileNotFoundError:
            raise errors.Unsupported("git sources need the program git", hint="install git") from None
        forget = job.cancel.register(process.kill)
        try:
            out, err = process.communicate()
        finally:
            forget()
        job.cancel.check()
        if process.returncode:
            said = err.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
            raise errors.Unavailable(f"git {args[0]}: {said[0]}")
        return out

    def _environment(self) -> dict[str, str]:
        settings = list(SAFE)
        token = self._world.secret(TOKEN)
        if token is not None:
            import binascii

            basic = binascii.b2a_base64(b"x-access-token:" + token.strip(), newline=False).decode()
            settings.append(("http.extraHeader", f"Authorization: basic {basic}"))
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        env |= {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C"}
        env["GIT_CONFIG_COUNT"] = str(len(settings))
        for n, (key, setting) in enumerate(settings):
            env[f"GIT_CONFIG_KEY_{n}"], env[f"GIT_CONFIG_VALUE_{n}"] = key, setting
        return env


def parts(op: SourceOp) -> tuple[str, str, str]:
    """Address, reference and directory; Invalid for what git could take for an option."""
    head, _, fragment = op.identifier.removeprefix(SCHEME).partition("#")
    ref, _, directory = fragment.partition(":")
    remote = op.attr(Attr.GIT_URL) or f"https://{head}"
    for text in (remote, ref, directory):
        if text.startswith("-") or "\0" in text or "\n" in text:
            raise errors.Invalid(f"invalid git source {op.identifier}")
    return remote, ref, directory.strip("/")


def _best(said: str, ref: str, remote: str) -> str:
    """The commit that ``ls-remote`` means: a peeled tag, then a tag, then a branch, as BuildKit prefers them."""
    rows = [line.split("\t") for line in said.splitlines() if "\t" in line]
    found = {name: commit for commit, name in rows}
    for name in (f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}", f"{ref}^{{}}", ref or "HEAD"):
        if name in found and COMMIT.fullmatch(found[name]):
            return found[name]
    raise errors.NotFound(f"repository {remote} does not contain ref {ref or 'HEAD'}")
