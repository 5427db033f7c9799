"""What a process of a container may do, set in the order that works: limits, ids, capabilities, seccomp, execve."""

from __future__ import annotations

import ctypes
import errno
import os

from scow.errors import Denied, Invalid
from scow.kernel import capabilities, process, seccomp
from scow.kernel.syscall import syscall
from scow.runtime.users import Identity, home_of, lookup
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SYS_ADMIN = 1 << capabilities.NUMBERS["CAP_SYS_ADMIN"]
SETPCAP = 1 << capabilities.NUMBERS["CAP_SETPCAP"]
_KEYCTL_JOIN_SESSION_KEYRING = 1


@value
class Filter:
    """A compiled seccomp profile and the flags to install it with."""

    program: bytes
    flags: int


_compiled: list[tuple[dict[str, Any], Filter]] = []


def compile_filter(profile: dict[str, Any] | None) -> Filter | None:
    """The filter of an OCI ``linux.seccomp`` object, None for none; remembered, since most containers have the same."""
    if not profile:
        return None
    for known, result in _compiled:
        if known == profile:
            return result
    made = Filter(seccomp.compile_filter(profile), seccomp.flags_of(profile))
    del _compiled[8:]
    _compiled.insert(0, (profile, made))
    return made


def identify(root: int, user: dict[str, Any]) -> Identity:
    """Who ``process.user`` is in the root open as ``root``: its ``username`` if it has one, else its ids."""
    if "username" in user or "groupNames" in user:
        return lookup(root, user.get("username") or "", user.get("groupNames") or ())
    uid, gid = user.get("uid", 0), user.get("gid", 0)
    return Identity(uid, gid, tuple(user.get("additionalGids") or ()), home_of(root, uid))


def environment(process_spec: dict[str, Any], who: Identity) -> dict[str, str]:
    """The environment of ``process.env``; HOME is the user's where it is not given."""
    env: dict[str, str] = {}
    for word in process_spec.get("env") or []:
        key, equals, text = word.partition("=")
        if not equals or not key or "\0" in word:
            raise Invalid(f"invalid environment variable: {word!r}")
        env[key] = text
    if not env.get("HOME"):
        env["HOME"] = who.home
    return env


def set_limits(process_spec: dict[str, Any], warn: Callable[[str], object]) -> None:
    """The rlimits. Where a hard limit may not be raised (no CAP_SYS_RESOURCE) the host's is kept."""
    for limit in process_spec.get("rlimits") or []:
        if not process.set_rlimit(limit["type"], _unlimited(limit["soft"]), _unlimited(limit["hard"])):
            warn(f"{limit['type']}: not allowed to raise the hard limit to {limit['hard']}; the host's limit is kept")


def set_oom_score(score: int | None) -> None:
    """oom_score_adj, through the host's /proc; None leaves it."""
    if score is None:
        return
    fd = os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
    try:
        if int(os.read(fd, 16)) != score:
            os.write(fd, str(score).encode())
    except PermissionError:
        raise Denied(
            f"oom score adj {score}: not allowed to go below the host's", "it needs CAP_SYS_RESOURCE"
        ) from None
    finally:
        os.close(fd)


def _unlimited(limit: int) -> int:
    return -1 if limit < 0 or limit >= (1 << 64) - 1 else limit


def join_keyring(name: str) -> None:
    """A session keyring of the container's own, so that the host's keys cannot be reached through ours."""
    if syscall("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, f"_ses.{name}".encode()) < 0:
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EPERM, errno.EDQUOT):
            raise OSError(code, os.strerror(code), "session keyring")


class Sets:
    """The capability sets of a process, as masks, without what this host itself does not have."""

    __slots__ = ("ambient", "bounding", "effective", "inheritable", "missing", "permitted")

    def __init__(self, spec: dict[str, list[str]] | None) -> None:
        spec = spec or {}
        available = capabilities.capget()[1]
        wanted = {
            kind: capabilities.mask(spec.get(kind) or ())
            for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")
        }
        self.missing = capabilities.names((wanted["bounding"] | wanted["permitted"]) & ~available)
        self.bounding = wanted["bounding"] & available
        self.permitted = wanted["permitted"] & available
        self.effective = wanted["effective"] & self.permitted
        self.inheritable = wanted["inheritable"] & available
        self.ambient = wanted["ambient"] & self.permitted & self.inheritable


def become(who: Identity, sets: Sets, umask: int | None) -> None:
    """Take on the user's ids; all capabilities but the bounding set's stay for the steps that are still to come."""
    capabilities.limit_bounding(sets.bounding)
    process.become(who.uid, who.gid, who.groups, keep_capabilities=True)
    os.umask(0o022 if umask is None else umask)
    # The change of ids has emptied the effective set: give back what the container may have, and what `confine` needs.
    _, held, inheritable = capabilities.capget()
    capabilities.capset((sets.effective | SYS_ADMIN | SETPCAP) & held, held, inheritable)


def confine(sets: Sets, filter_: Filter | None, *, no_new_privileges: bool) -> None:
    """The last thing before execve. The filter comes while we still may install one without no_new_privs; only capset,
    prctl and execve have to pass it.
    """
    if no_new_privileges:
        process.set_no_new_privs()
    if filter_ is not None:
        seccomp.install(filter_.program, filter_.flags)
    capabilities.capset(sets.effective, sets.permitted, sets.inheritable)
    if sets.ambient:
        capabilities.set_ambient(sets.ambient)
