"""The value ``Mount``, and turning one into a mount of the kernel."""

from __future__ import annotations

import errno
import os
import stat

from scow.errors import Unsupported
from scow.kernel import mount_fd
from scow.kernel.mount_calls import (
    MNT_DETACH,
    UMOUNT_NOFOLLOW,
    bind,
    mount,
    move,
    pivot_root,
    remount_read_only,
    set_propagation,
    umount,
)
from scow.kernel.mount_options import (
    MOUNT_ATTR_IDMAP,
    MS_BIND,
    MS_NOATIME,
    MS_PRIVATE,
    MS_REC,
    MS_RELATIME,
    MS_REMOUNT,
    MS_SHARED,
    MS_SLAVE,
    MS_STRICTATIME,
    MS_UNBINDABLE,
    Options,
    attributes,
    parse_options,
)
from scow.kernel.openat import make_file_in_root, makedirs_in_root, open_in_root
from scow.kernel.overlay import has_lowerdir_plus, overlay, overlay_fd, split_lowerdir
from scow.kernel.syscall import cstring
from scow.values import value

__all__ = [
    "MNT_DETACH",
    "MOUNT_ATTR_IDMAP",
    "MS_BIND",
    "MS_PRIVATE",
    "MS_REC",
    "MS_SHARED",
    "MS_SLAVE",
    "MS_UNBINDABLE",
    "UMOUNT_NOFOLLOW",
    "Mount",
    "Options",
    "attach_tree",
    "bind",
    "mount",
    "mount_all",
    "mount_at",
    "mount_tree",
    "move",
    "overlay",
    "parse_options",
    "pivot_root",
    "remount_read_only",
    "set_propagation",
    "umount",
]


@value
class Mount:
    """One mount, fields as in the OCI runtime specification.

    ``target`` is a path inside the root it is for ("" is the root itself). An overlay's layers are ``lowerdir=a:b``
    (top first) or one ``lowerdir+=path`` word each in ``options``, ``upperdir=`` and ``workdir=`` beside them.
    """

    type: str
    source: str
    target: str = ""
    options: tuple[str, ...] = ()


def mount_all(m: Mount, root: str) -> None:
    """Mount ``m`` at its target inside the directory ``root``; missing directories, or a file to bind on, are made.

    The target is resolved inside ``root``, so links in a hostile root cannot lead out of it.
    """
    if not m.target.strip("/"):
        return mount_at(m, root)
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        target = _target(fd, m)
    finally:
        os.close(fd)
    try:
        return mount_at(m, f"/proc/self/fd/{target}", target)
    finally:
        os.close(target)


def _target(root: int, m: Mount) -> int:
    try:
        return open_in_root(root, m.target, os.O_PATH)
    except FileNotFoundError:
        pass
    binds = m.type == "bind" or "bind" in m.options or "rbind" in m.options
    if not binds or stat.S_ISDIR(os.stat(m.source).st_mode):
        return makedirs_in_root(root, m.target)
    return make_file_in_root(root, m.target)


def mount_at(m: Mount, path: str, fd: int = -1) -> None:
    """Mount ``m`` (its target ignored) at ``path``, or at the open descriptor ``fd`` of it."""
    options = parse_options(m.options)
    if options.extensions and options.extensions[0].startswith("tmpcopyup"):
        raise Unsupported(f"mount {m.target}: option tmpcopyup")
    if options.flags & MS_REMOUNT:
        mount(m.source, path, m.type, options.flags, ",".join(options.data))
        return
    try:
        tree = mount_tree(m, options)
    except OSError as e:
        if e.errno != errno.ENOSYS:
            raise
        _classic(m, path, options)
        return
    try:
        attach_tree(tree, path if fd < 0 else "", fd)
        if options.propagation:
            mount_fd.mount_setattr(
                tree, propagation=options.propagation & ~MS_REC, recursive=bool(options.propagation & MS_REC)
            )
    finally:
        os.close(tree)


def attach_tree(tree: int, path: str, fd: int = -1) -> None:
    """Attach a detached mount at ``path``, or at the descriptor ``fd`` when ``path`` is empty."""
    mount_fd.attach(tree, path, mount_fd.AT_FDCWD if path else fd)


def mount_tree(m: Mount, options: Options | None = None) -> int:
    """``m`` as a detached mount (ENOSYS before Linux 5.12); the caller attaches it once, and closes it."""
    options = parse_options(m.options) if options is None else options
    if m.type == "bind" or options.flags & MS_BIND:
        return _bind_tree(m.source, options)
    if m.type == "overlay" and has_lowerdir_plus():
        tree = overlay_fd(*_layers(m.options))
    elif m.type == "overlay" or any(len(cstring(w)) > mount_fd.STRING_LIMIT for w in (m.source, *options.data)):
        raise OSError(errno.ENOSYS, "fsconfig: value too long")  # mount(2) has a page for all of them
    else:
        tree = mount_fd.new_mount(m.type, m.source, options.data, options.flags)
    _recursive(tree, options)
    return tree


def _bind_tree(source: str, options: Options) -> int:
    tree = mount_fd.open_tree(
        source, mount_fd.OPEN_TREE_CLONE | (mount_fd.AT_RECURSIVE if options.flags & MS_REC else 0)
    )
    on, off = attributes(options.flags), attributes(options.clear)
    if options.flags & (MS_NOATIME | MS_STRICTATIME | MS_RELATIME):
        off |= 0x70  # MOUNT_ATTR__ATIME: the kernel wants the whole field named when one of its values is set
    try:
        if on or off:
            mount_fd.mount_setattr(tree, on, off)
        _recursive(tree, options)
        if any(w.partition("=")[0] in ("idmap", "ridmap") for w in options.extensions):
            raise Unsupported("bind mount option idmap", "map ids with mount_setattr(userns=...) on mount_tree()")
    except BaseException:
        os.close(tree)
        raise
    return tree


def _recursive(tree: int, options: Options) -> None:
    if options.recursive_set or options.recursive_clear:
        mount_fd.mount_setattr(tree, options.recursive_set, options.recursive_clear, recursive=True)


def _layers(words: tuple[str, ...]) -> tuple[list[str], str | None, str | None, list[str]]:
    """An overlay's option words as (lowers, upper, work, the rest)."""
    lower: list[str] = []
    found: dict[str, str] = {}
    rest: list[str] = []
    for word in words:
        key, _, text = word.partition("=")
        if key == "lowerdir":
            lower += split_lowerdir(text)
        elif key == "lowerdir+":
            lower.append(text)
        elif key in ("upperdir", "workdir"):
            found[key] = text
        else:
            rest.append(word)
    return lower, found.get("upperdir"), found.get("workdir"), rest


def _classic(m: Mount, path: str, options: Options) -> None:
    """The same on kernels without the new calls, or when a value is too long for them."""
    if m.type == "overlay":
        lower, upper, work, rest = _layers(m.options)
        overlay(lower, upper, work, path, rest)
    elif m.type == "bind" or options.flags & MS_BIND:
        keep = options.flags & ~(MS_BIND | MS_REC)
        bind(m.source, path, recursive=bool(options.flags & MS_REC), flags=keep)
    else:
        mount(m.source, path, m.type, options.flags, ",".join(options.data))
    if options.recursive_set or options.recursive_clear:
        raise Unsupported(f"mount {m.target}: recursive options need Linux 5.12")
    if options.propagation:
        set_propagation(path, options.propagation)
