"""Pulls as a user sees them: the display, Ctrl-C, and images that ``run`` and ``create`` find missing."""

from __future__ import annotations

import sys

from scow.errors import Error, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import TextIO

    from scow.cli.context import Context
    from scow.engine.container.create import Created
    from scow.engine.registries import Registries
    from scow.engine.requests import ContainerRequest
    from scow.engine.transfers import Observer

HINT = "`scow pull` needs the registry; without it images come by `scow bootstrap`, `scow import` or `scow load`"


def transfer(registries: Registries, work: Callable[[Observer], str], stream: TextIO, *, quiet: bool = False) -> str:
    """Do ``work`` with a display on ``stream``; Ctrl-C ends it at once, also where threads wait for the network."""
    import signal

    from scow.cli.progress.transfer import make_transfer

    stopped = False

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        registries.interrupt()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupted)
    display = make_transfer(stream, quiet=quiet)
    try:
        return work(display)
    except Error:
        if stopped:  # a thread whose connection was taken away was quicker to complain
            raise KeyboardInterrupt from None
        raise
    finally:
        display.close()
        signal.signal(signal.SIGINT, before)


def pull(context: Context, name: str, platform: str, stream: TextIO, *, quiet: bool = False) -> str:
    """Pull one image, showing it on ``stream``; the full reference."""
    from scow.engine.registries import PullRequest

    registries = context.engine.registries
    request = PullRequest(name, platform=platform)
    return transfer(registries, lambda on: registries.pull(request, on), stream, quiet=quiet)


def create(context: Context, request: ContainerRequest, *, quiet: bool = False) -> Created:
    """Create a container, pulling its image as ``--pull`` says. Messages go to standard error, as docker's do."""
    containers = context.engine.containers
    if request.pull == "always":
        pull(context, request.image, request.platform, sys.stderr, quiet=quiet)
        return containers.create(request)
    try:
        return containers.create(request)
    except NotFound as e:
        if request.pull == "never" or not str(e).startswith("No such image: ") or not is_name(request.image):
            raise
    from scow.oci.reference import Reference

    if not quiet:
        sys.stderr.write(f"Unable to find image '{Reference.parse(request.image).familiar()}' locally\n")
        sys.stderr.flush()
    try:
        pull(context, request.image, request.platform, sys.stderr, quiet=quiet)
    except Error as e:
        e.hint = e.hint or HINT
        raise
    return containers.create(request)


def is_name(text: str) -> bool:
    """Whether a registry could be asked for ``text``: it is no image id."""
    return not (text.startswith("sha256:") or (len(text) == 64 and not text.strip("0123456789abcdef")))
