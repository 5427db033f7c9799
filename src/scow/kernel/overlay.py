"""Overlay mounts of many layers.

``mount(2)`` takes one page of options, which 60 layers with long paths fill. Newer kernels (6.8) take layer after
layer as ``lowerdir+`` through fsconfig, up to 500. Older ones get names as short as they can be: the layers are
opened, and the mount is made from ``/proc/self/fd``, where each is called by its descriptor's number.
"""

from __future__ import annotations

import ctypes
import errno
import os

from scow.errors import Invalid
from scow.kernel import mount_fd
from scow.kernel.mount_calls import mount
from scow.kernel.mount_options import attributes, parse_options
from scow.kernel.syscall import cstring, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MAX_LOWERS = 500
"""OVL_MAX_STACK of the kernel."""
_PAGE = 4096

_has_lowerdir_plus: bool | None = None


def has_lowerdir_plus() -> bool:
    """Whether overlay takes ``lowerdir+`` here; asked once per process."""
    global _has_lowerdir_plus
    if _has_lowerdir_plus is None:
        try:
            fs = mount_fd.fsopen("overlay")
        except OSError:
            _has_lowerdir_plus = False
        else:
            result = syscall("fsconfig", fs, mount_fd.FSCONFIG_SET_STRING, b"lowerdir+", b"/", 0)
            _has_lowerdir_plus = result == 0 or ctypes.get_errno() != errno.EINVAL
            os.close(fs)
    return _has_lowerdir_plus


def overlay(
    lower: Sequence[str], upper: str | None, work: str | None, target: str, options: Iterable[str] = ()
) -> None:
    """Mount an overlay at ``target``: ``lower`` is top first; without ``upper`` it is read-only.

    ``options`` are mount words (``nodev``, ``ro``) and overlay's own (``volatile``, ``userxattr``, ``metacopy=on``).
    The process must have no other thread where the kernel lacks ``lowerdir+`` (the working directory changes for a
    moment).
    """
    fd = overlay_fd(lower, upper, work, options) if has_lowerdir_plus() else -1
    if fd < 0:
        _classic(lower, upper, work, target, options)
        return
    try:
        mount_fd.attach(fd, target)
    finally:
        os.close(fd)


def overlay_fd(lower: Sequence[str], upper: str | None, work: str | None, options: Iterable[str] = ()) -> int:
    """A detached overlay mount (needs ``has_lowerdir_plus``)."""
    _bounded(lower)
    parsed = parse_options(options)
    fs = mount_fd.fsopen("overlay")
    held: list[int] = []
    try:
        mount_fd.fsconfig_string(fs, "source", "overlay")
        for path in lower:
            mount_fd.fsconfig_string(fs, "lowerdir+", _short(path, held))
        if upper is not None and work is not None:
            mount_fd.fsconfig_string(fs, "upperdir", _short(upper, held))
            mount_fd.fsconfig_string(fs, "workdir", _short(work, held))
        for word in parsed.data:
            key, equals, text = word.partition("=")
            if equals:
                mount_fd.fsconfig_string(fs, key, text)
            else:
                mount_fd.fsconfig_flag(fs, key)
        mount_fd.fsconfig_create(fs)
        return mount_fd.fsmount(fs, attributes(parsed.flags))
    finally:
        os.close(fs)
        for fd in held:
            os.close(fd)


def _bounded(lower: Sequence[str]) -> None:
    if not lower:
        raise Invalid("overlay: no lower directory")
    if len(lower) > MAX_LOWERS:
        raise Invalid(f"overlay: {len(lower)} lower directories, the kernel takes {MAX_LOWERS}", "squash some layers")


def _short(path: str, held: list[int]) -> str:
    """``path`` if fsconfig takes its length, else a name for it through a descriptor, which is added to ``held``."""
    if len(os.fsencode(path)) <= mount_fd.STRING_LIMIT:
        return path
    held.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return f"/proc/self/fd/{held[-1]}"


def escape(path: str, chars: str = "\\:,") -> str:
    """``path`` as overlay's ``lowerdir=`` list wants it: colons and backslashes quoted, commas for the option list
    too.
    """
    return "".join("\\" + c if c in chars else c for c in path)


def split_lowerdir(text: str) -> list[str]:
    """The paths of a ``lowerdir=`` value, quoting undone."""
    paths, current, quoted = [], "", False
    for c in text:
        if quoted or c not in "\\:":
            current, quoted = current + c, False
        elif c == "\\":
            quoted = True
        else:
            paths.append(current)
            current = ""
    return [*paths, current]


def _classic(lower: Sequence[str], upper: str | None, work: str | None, target: str, options: Iterable[str]) -> None:
    """The same through mount(2)."""
    _bounded(lower)
    parsed = parse_options(options)

    def data(name: Callable[[str], str]) -> str:
        words = ["lowerdir=" + ":".join([name(p) for p in lower])]
        if upper is not None and work is not None:
            words += [f"upperdir={escape(upper, chr(92) + ',')}", f"workdir={escape(work, chr(92) + ',')}"]
        return ",".join([*words, *parsed.data])

    whole = data(escape)
    if len(cstring(whole)) < _PAGE:
        mount("overlay", target, "overlay", parsed.flags, whole)
        return
    with _Descriptors(lower) as numbers:
        mount("overlay", os.path.join(numbers.cwd, target), "overlay", parsed.flags, data(numbers.name))


class _Descriptors:
    """Layers called by descriptor number, with ``/proc/self/fd`` as the working directory while it is entered."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.cwd = os.getcwd()
        self.fds = {p: os.open(p, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for p in dict.fromkeys(paths)}

    def name(self, path: str) -> str:
        return str(self.fds[path])

    def __enter__(self) -> _Descriptors:
        os.chdir("/proc/self/fd")
        return self

    def __exit__(self, *_: object) -> None:
        os.chdir(self.cwd)
        for fd in self.fds.values():
            os.close(fd)
