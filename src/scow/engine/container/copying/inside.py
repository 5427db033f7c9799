"""What the child does in the container's root: answers one request after the other until nobody asks any more.

Requests and answers are JSON, one per message; an answer is {"ok": ...} or {"error": [class, message, hint]}.
Everything that is used is imported above: the interpreter's own files are out of reach here, and what lies in their
place may be hostile.
"""

from __future__ import annotations

import errno
import os
import stat

from scow import errors
from scow.engine.container.copying.pack import Packer
from scow.engine.container.copying.unpack import Unpacker
from scow.engine.container.copying.view import KERNEL
from scow.kernel import process
from scow.runtime import light, users
from scow.runtime.init import seal
from scow.runtime.program import reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from scow.engine.container.copying.view import View

MOST_MESSAGE = 1 << 20
MOST_LINKS = 255
FAULTS = (errors.Error, OSError, ValueError, LookupError, RuntimeError, MemoryError, TypeError)
"""All that can go wrong here is told to the caller."""


class Pipe:
    """A descriptor as what tars are read from and written to."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes."""
        return os.read(self._fd, size)

    def readinto(self, view: memoryview) -> int:
        """Fill ``view`` as far as one read goes."""
        return os.readv(self._fd, [view])

    def write(self, data: bytes | memoryview, /) -> None:
        """Write all of ``data``."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]


def main(view: View, control: int, pipe: int) -> NoReturn:
    """Be the child: enter, answer, and end. ``control`` is a SEQPACKET socket, ``pipe`` what tars go through."""
    code = 2
    try:
        code = _live(view, control, pipe)
    finally:
        os._exit(code)  # whatever has happened: the caller's code is not ours to go on with


def _live(view: View, control: int, pipe: int) -> int:
    process.set_parent_death_signal()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    light.loads("{}")  # loads what JSON needs
    try:
        view.enter()
    except FAULTS as e:
        _answer(control, e)
        return 1
    seal()
    process.set_dumpable(False)
    _close_all_but(control, pipe)
    os.umask(0)
    _answer(control, None)
    while request := os.read(control, MOST_MESSAGE):
        try:
            found = _serve(light.loads(request), pipe)
        except FAULTS as e:
            _answer(control, e)
        else:
            _answer(control, None, found)
    return 0


def _close_all_but(*keep: int) -> None:
    first = 3
    for fd in sorted(keep):
        if fd > first:
            os.closerange(first, fd)
        first = fd + 1
    process.close_range(first)


def _answer(control: int, e: BaseException | None, found: object = None) -> None:
    answer: dict[str, object] = {"ok": found}
    if isinstance(e, errors.Error):
        answer = {"error": [type(e).__name__, str(e), e.hint or ""]}
    elif isinstance(e, OSError):
        name = os.fsdecode(e.filename) if e.filename is not None else ""
        kind = {errno.ENOENT: "NotFound", errno.EACCES: "Denied", errno.EPERM: "Denied"}.get(e.errno or 0, "Invalid")
        answer = {"error": [kind, f"{name}: {reason(e)}".removeprefix(": "), ""]}
    elif e is not None:
        answer = {"error": ["Error", f"{type(e).__name__}: {e}", ""]}
    os.write(control, light.dumps(answer).encode())


def _serve(request: dict[str, Any], pipe: int) -> object:
    if request["do"] == "stat":
        return _stat(request["path"])
    if request["do"] == "pack":
        return _pack(request["path"], os.fsencode(request["name"]), pipe)
    _unpack(request, pipe)
    return None


def _stat(path: str) -> dict[str, Any]:
    """What is at ``path``: mode, size and, of a link, where it leads in the end."""
    try:
        found = os.lstat(path)
    except OSError as e:
        raise _lstat_failed(e) from None
    target = _follow(path) if stat.S_ISLNK(found.st_mode) else ""
    return {"mode": found.st_mode, "size": found.st_size, "target": target}


def _follow(path: str) -> str:
    """``path`` without links, also where it leads to what is not there (moby/sys/symlink)."""
    todo = [p for p in reversed(path.split("/")) if p not in ("", ".")]
    found: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            if found:
                found.pop()
            continue
        here = "/" + "/".join([*found, part])
        try:
            target = os.readlink(here)
        except OSError:  # no link, or nothing there
            found.append(part)
            continue
        links += 1
        if links > MOST_LINKS:
            raise errors.Invalid(f"evalSymlinksInScope: too many links in {path}")
        if target.startswith("/"):
            found.clear()
        todo += [p for p in reversed(target.split("/")) if p not in ("", ".")]
    return "/" + "/".join(found)


def _pack(path: str, name: bytes, pipe: int) -> dict[str, Any]:
    """Send the tar of what is at ``path`` ("": all that the root holds) as ``name``; the pipe is closed behind it."""
    packer = Packer(Pipe(pipe))
    try:
        if not path:
            packer.content("/")
        elif stat.S_ISDIR(os.lstat(path).st_mode):
            packer.tree(path, name)
        else:
            packer.one(path, name)
        packer.close()
    finally:
        os.close(pipe)
    return {"skipped": packer.skipped}


def _unpack(request: dict[str, Any], pipe: int) -> None:
    """Unpack the tar that comes through the pipe into the directory ``path``."""
    path = request["path"]
    try:
        place = os.path.realpath("/" + path, strict=True)
    except NotADirectoryError:
        raise errors.Invalid("not a directory") from None
    except OSError as e:
        raise _lstat_failed(e) from None
    if not stat.S_ISDIR(os.lstat(place).st_mode):
        raise errors.Invalid("extraction point is not a directory")
    _check(place, request)
    owner = _owner(request["user"]) if request["user"] else None
    root = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stream = Pipe(pipe)
    Unpacker(root, place, owner=owner).run(stream)
    while stream.read(MOST_MESSAGE):
        pass  # what follows the archive
    os.close(root)


def _check(place: str, request: dict[str, Any]) -> None:
    """Docker's rules of where may be written to; Invalid in its words."""
    in_volume = False
    for destination, writable in request["mounts"]:
        if place == destination or place.startswith(destination.rstrip("/") + "/"):
            if not writable:
                raise errors.Invalid("mounted volume is marked read-only")
            in_volume = True
    if in_volume:
        return
    if request["read_only"] and os.stat(place).st_dev == os.stat("/").st_dev:  # else it is one of its tmpfs
        raise errors.Invalid("container rootfs is marked read-only")
    for top in KERNEL:
        if place == top or place.startswith(top + "/"):
            raise errors.Invalid(f"cannot copy to {place}: every start of a container hides what is in {top}")


def _lstat_failed(e: OSError) -> errors.Error:
    kind = errors.NotFound if e.errno == errno.ENOENT else errors.Invalid
    return kind(f"lstat {e.filename}: {reason(e)}")


def _owner(user: str) -> tuple[int, int]:
    """The ids of the container's user, by its own files."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = users.lookup(root, user)
    except errors.Invalid as e:
        why = str(e).rpartition(": ")[2]
        raise errors.Invalid(f'failed to look up user "{user}" in container: {why}') from None
    finally:
        os.close(root)
    return found.uid, found.gid
