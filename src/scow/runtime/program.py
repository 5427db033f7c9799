"""Which file a command name means, found as runc does (Go's exec.LookPath), with docker's words and exit codes."""

from __future__ import annotations

import os
import stat

from scow.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_FOUND = 127
NOT_EXECUTABLE = 126


def reason(e: OSError) -> str:
    """The kernel's words for a failed call, without the call's name."""
    return os.strerror(e.errno).lower() if e.errno else str(e)


class StartError(Error):
    """The program could not be started; ``exit_code`` is what docker exits with: 127 not found, 126 not executable."""

    status = 400

    def __init__(self, message: str, exit_code: int = NOT_FOUND) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def quoted(name: str) -> str:
    """The name as Go's %q shows it (by hand: nothing may be imported inside the container)."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def find(name: str, env: Mapping[str, str]) -> str:
    """The path to execute for ``name``, looked up in the PATH of ``env``; StartError if there is none.

    Call it inside the container: as its root and in its working directory.
    """
    if "/" in name:
        _check(name, name)
        return name
    for folder in env.get("PATH", "").split(":"):
        path = os.path.join(folder or ".", name)
        if name and _executable(path):
            if not path.startswith("/"):
                message = f"exec: {quoted(name)}: cannot run executable found relative to current directory"
                raise StartError(message, NOT_EXECUTABLE)
            return path
    raise StartError(f"exec: {quoted(name)}: executable file not found in $PATH")


def _check(path: str, name: str) -> None:
    try:
        found = os.stat(path)
    except OSError as e:
        code = NOT_FOUND if isinstance(e, FileNotFoundError) else NOT_EXECUTABLE
        raise StartError(f"exec: {quoted(name)}: stat {path}: {reason(e)}", code) from None
    if stat.S_ISDIR(found.st_mode):
        raise StartError(f"exec: {quoted(name)}: is a directory: permission denied", NOT_EXECUTABLE)
    if not os.access(path, os.X_OK, effective_ids=True):
        raise StartError(f"exec: {quoted(name)}: permission denied", NOT_EXECUTABLE)


def _executable(path: str) -> bool:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False
    return not stat.S_ISDIR(found.st_mode) and os.access(path, os.X_OK, effective_ids=True)
