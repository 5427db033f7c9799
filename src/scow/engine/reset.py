"""The end of a store: containers stopped, mounts and networks undone, files deleted. Works on damaged stores too."""

from __future__ import annotations

import os
import signal
import time

from scow.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.paths import Paths

PATIENCE = 10.0
"""Seconds that dead containers may take to vanish."""


def reset(paths: Paths) -> None:
    """Kill the supervisors (their containers die with them), unmount what lies below the store, delete it."""
    _kill_supervisors(paths)
    _bury(paths)
    _remove_networks(paths)
    _unmount(paths)
    for top in (paths.run, paths.root):
        _delete(top)


def _supervisors(paths: Paths) -> list[int]:
    from scow.runtime.statefile import owner

    folder = os.path.join(paths.run, "containers")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [pid for name in names if (pid := owner(os.path.join(folder, name)))]


def _kill_supervisors(paths: Paths) -> None:
    deadline = time.monotonic() + PATIENCE
    while pids := _supervisors(paths):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise Unavailable(f"supervisors {pids} do not die", hint="try again, or look at them with ps")
        time.sleep(0.01)


def _bury(paths: Paths) -> None:
    """Remove the cgroups, addresses and ports of containers whose supervisors were killed."""
    from scow.errors import Error
    from scow.runtime import recovery

    folder = os.path.join(paths.run, "containers")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        try:
            recovery.state(os.path.join(folder, name))
        except (Error, OSError, ValueError, KeyError):
            continue  # a state that cannot be read names nothing that could be removed


def _remove_networks(paths: Paths) -> None:
    from scow.errors import Error
    from scow.runtime.net import bridge, network

    folder = os.path.join(paths.run, "net")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if not name.endswith(".json"):
            continue
        try:
            bridge.remove(network.load(folder, name.removesuffix(".json")))
        except (Error, OSError):
            continue  # no network was ever made of it, or it is gone already


def _unmount(paths: Paths) -> None:
    from scow.kernel.mount import MNT_DETACH, umount

    for point in _mounts(paths):
        umount(point, MNT_DETACH)
    if left := _mounts(paths):
        raise Unavailable(f"{left[0]} is still mounted", hint=f"umount {left[0]}, then try again")


def _mounts(paths: Paths) -> list[str]:
    """What is mounted below the store, innermost first."""
    from scow.kernel.mountinfo import mounts

    tops = tuple(f"{os.path.realpath(top)}/" for top in (paths.root, paths.run))
    return [m.point for m in reversed(mounts()) if f"{m.point}/".startswith(tops)]


def _delete(top: str) -> None:
    import shutil

    if os.path.isdir(top):
        shutil.rmtree(top)
