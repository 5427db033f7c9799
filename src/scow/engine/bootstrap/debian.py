"""Debian and Ubuntu bases through mmdebstrap(1): apt resolves, dpkg unpacks and configures, a tar comes out."""

from __future__ import annotations

import contextlib

from scow.engine.bootstrap import apt
from scow.engine.bootstrap.process import find, stdout_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from scow.engine.bootstrap import Request


def sources(request: Request) -> str:
    """The ``sources.list`` to use; it also becomes the image's own."""
    name, _, suite = request.target.partition(":")
    if request.mirror:
        return apt.Entry(request.mirror, suite, (apt.ARCHIVES[name][1],)).line() + "\n"
    return "".join(e.line() + "\n" for e in apt.for_suite(name, suite, apt.entries()))


def command(request: Request, program: str) -> list[str]:
    """mmdebstrap's argument vector; ``-`` twice: sources from standard input, tar to standard output."""
    suite = request.target.partition(":")[2]
    argv = [program, f"--variant={request.variant}", "--format=tar"]
    if request.include:
        argv.append("--include=" + ",".join(request.include))
    # Manuals and translations are not what a container is for; licences stay.
    argv += ["--aptopt=Acquire::Languages none", "--dpkgopt=path-exclude=/usr/share/doc/*"]
    argv += ["--dpkgopt=path-include=/usr/share/doc/*/copyright", "--dpkgopt=path-exclude=/usr/share/man/*"]
    return [*argv, suite, "-", "-"]


@contextlib.contextmanager
def debian(request: Request, say: Callable[[str], None]) -> Iterator[BinaryIO]:
    """The root file system as a tar stream."""
    program = find("mmdebstrap", "mmdebstrap")
    with stdout_of(command(request, program), sources(request), say) as stream:
        yield stream
