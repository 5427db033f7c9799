"""The host's end of a copy: what the user's paths mean, with docker's errors."""

from __future__ import annotations

import errno
import os
import stat

from scow.engine.container.copying.places import Place, followed, is_slashed, keep_end, split
from scow.errors import Invalid, NotFound
from scow.runtime.program import reason

MOST_LINKS = 10


def absolute(path: str) -> str:
    """``path`` from the root, with its trailing ``/`` or ``/.``."""
    return keep_end(os.path.abspath(path), path)


def failed(call: str, e: OSError, path: str = "") -> NotFound | Invalid:
    """An OSError in Go's words."""
    kind = NotFound if e.errno == errno.ENOENT else Invalid
    return kind(f"{call} {path or os.fsdecode(e.filename or '')}: {reason(e)}")


def check_output(path: str) -> None:
    """Refuse what cannot be written to before anything is asked of the container. NotFound, Invalid."""
    directory = os.path.dirname(os.path.normpath(path))
    if directory and not _is_there(directory):
        raise NotFound(f'invalid output path: directory "{directory}" does not exist')
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as e:
        raise failed("stat", e, path) from None
    if word := odd(mode):
        raise Invalid(f'invalid output path: "{path}" must be a directory or a regular file: {word}')


def odd(mode: int) -> str:
    """What is wrong with a file of this mode as a destination, "" if nothing is."""
    return "got a device" if stat.S_ISBLK(mode) or stat.S_ISCHR(mode) else ""


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except OSError:
        pass
    return True


def source(path: str, *, follow: bool) -> Place:
    """What ``path``, absolute, means as a source: a link at its end is copied as such unless ``follow``."""
    rename = ""
    try:
        if follow:
            # Go's EvalSymlinks goes on from a file through a trailing slash; the lstat below does not.
            found = os.path.realpath(path, strict=True)
            found, rename = followed(path, found)
        else:
            directory, _, name = path.rpartition("/")
            found = f"{os.path.realpath(directory or '/', strict=True).rstrip('/')}/{name}"
            if is_slashed(path) and os.path.basename(path.rstrip("/")) != os.path.basename(found.rstrip("/")):
                rename = os.path.basename(path.rstrip("/"))
        mode = os.lstat(found).st_mode
    except NotADirectoryError:
        raise Invalid("not a directory") from None
    except OSError as e:
        raise failed("lstat", e) from None
    return Place(found, exists=True, is_dir=stat.S_ISDIR(mode), rename=rename)


def destination(path: str) -> Place:
    """What ``path``, absolute, means as a destination: links are followed, also one to what is not there yet."""
    original = path
    for _ in range(MOST_LINKS + 1):
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return _missing(path)
        except OSError as e:
            raise failed("lstat", e, path) from None
        if not stat.S_ISLNK(found.st_mode):
            return Place(path, exists=True, is_dir=stat.S_ISDIR(found.st_mode))
        target = os.readlink(path)
        path = target if target.startswith("/") else os.path.normpath(f"{split(path)[0]}/{target}")
    raise Invalid(f"too many symlinks in {original}")


def _missing(path: str) -> Place:
    above = split(path)[0]
    try:
        is_dir = stat.S_ISDIR(os.stat(above).st_mode)
    except OSError as e:
        raise failed("stat", e, above) from None
    if not is_dir:
        raise Invalid("not a directory")
    return Place(path)
