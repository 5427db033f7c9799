"""Where ``save`` and ``export`` write: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys

from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


@contextlib.contextmanager
def output_file(path: str, verb: str) -> Iterator[BinaryIO]:
    """A stream to write an archive to; ``path`` "" is standard output, which must be no terminal.

    ``verb`` begins docker's error when the folder is not there (``failed to save image``). Invalid.
    """
    if not path:
        if sys.stdout.isatty():
            raise Invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        yield sys.stdout.buffer
        return
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise Invalid(f"{verb}: invalid output path: stat {folder}: no such file or directory")
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as device:  # a pipe or /dev/stdout: nothing to replace
            yield device
        return
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as out:
            yield out
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
