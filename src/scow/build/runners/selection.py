"""Parts of inputs that a RUN mounts: their content digests, and as something that can be mounted."""

from __future__ import annotations

import os

from scow import errors
from scow.build.copying import Copier
from scow.build.draft import Draft, Empty
from scow.build.files import lookup
from scow.build.ops import Copy
from scow.build.results import Stack
from scow.build.selectors import Selector, content, missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.build.jobs import Job
    from scow.build.keys import Content
    from scow.build.results import Parent, Result
    from scow.build.world import World


def content_of_mounts(world: World, selectors: tuple[str, ...]) -> Callable[[Result], Content]:
    """The content digest of what ``RUN --mount=type=bind`` shows."""

    def digest(result: Result) -> Content:
        with world.tree(result) as files:
            return content(files, [Selector(s, contents=False) for s in selectors])

    return digest


def select(world: World, result: Result, selector: str, job: Job) -> Parent | str:
    """A part of an input: a stack of layers whose root it is, or the path of a file of its own if it is one.

    A whole stack is mounted as it is. What is a part of one, or of a build context, is first put into a layer.
    """
    if isinstance(result, Stack) and selector in ("", "/"):
        return result.parent()
    with world.tree(result) as files:
        info = lookup(files, selector or "/")
        if info is None:
            raise missing(selector)
        if info.kind == "dir":
            draft = Draft(Empty())
            Copier(files, draft, Copy(selector or "/", "/"), None, job.cancel).run()
            return (world.write_layer(draft, job.cancel),)
        if info.kind != "file":
            raise errors.Unsupported(f"--mount=type=bind of {selector}: neither a file nor a directory")
        data = files.open(info)
        return world.staged(data, info.mode)


def populate(directory: str, world: World, result: Result, selector: str) -> None:
    """Fill a new directory with a part of an input (the ``from`` of a cache mount), owners and modes kept."""
    with world.tree(result) as files:
        top = lookup(files, selector or "/")
        if top is None or top.kind != "dir":
            raise missing(selector)
        from scow.build.outputs import write_tree

        write_tree(files, top, directory)
        os.chmod(directory, top.mode)
        os.chown(directory, top.uid, top.gid)
