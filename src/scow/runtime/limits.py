"""The limits of ``run``: memory, CPUs, processes, open files, devices; as functions on a spec, like the flags."""

from __future__ import annotations

import os
import stat

from scow.errors import Invalid, NotFound
from scow.runtime.spec import changed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Spec = dict[str, Any]

LEAST_MEMORY = 6 << 20
PERIOD = 100_000
"""Docker's CFS period in microseconds."""

# A device cgroup allows these whatever else it says: making any node (which cannot be opened), and what /dev holds.
IMPLICIT = (
    *({"allow": True, "type": kind, "access": "m"} for kind in "cb"),
    *(
        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
        for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2))
    ),
    {"allow": True, "type": "c", "major": 136, "access": "rwm"},
)


def _resources(spec: Spec, section: str, **settings: object) -> Spec:
    def change(new: Spec) -> None:
        new["linux"]["resources"].setdefault(section, {}).update({k: v for k, v in settings.items() if v is not None})

    return changed(spec, change)


def memory(
    spec: Spec,
    limit: int | None = None,
    *,
    swap: int | None = None,
    reservation: int | None = None,
    swappiness: int | None = None,
    oom_kill_disable: bool = False,
) -> Spec:
    """``--memory``, ``--memory-reservation`` and ``--memory-swap`` in bytes.

    ``swap`` is memory and swap together: -1 unlimited, twice the memory if not given.
    """
    if limit and limit < LEAST_MEMORY:
        raise Invalid("Minimum memory limit allowed is 6MB")
    if swap and swap > 0 and not limit:
        raise Invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
    if limit and swap and 0 < swap < limit:
        raise Invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
    if limit and reservation and limit < reservation:
        raise Invalid("Minimum memory limit can not be less than memory reservation limit, see usage")
    if swappiness is not None and not 0 <= swappiness <= 100:
        raise Invalid(f"invalid value: {swappiness}, valid memory swappiness range is 0-100")
    if limit and not swap:
        swap = 2 * limit if _accounts_swap() else None
    return _resources(
        spec,
        "memory",
        limit=limit or None,
        swap=swap or None,
        reservation=reservation or None,
        swappiness=swappiness,
        disableOOMKiller=oom_kill_disable or None,
    )


def _accounts_swap() -> bool:
    """Whether a limit on swap can be set at all; docker leaves it out with a warning where not."""
    v1, v2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cgroup.controllers"
    return os.path.exists(f"{v1}/memory.memsw.limit_in_bytes") or os.path.exists(v2)


def cpus(spec: Spec, amount: float) -> Spec:
    """``--cpus``: that many CPUs' worth of time."""
    most = os.cpu_count() or 1
    if not 0.01 <= amount <= most:
        raise Invalid(f"range of CPUs is from 0.01 to {most}.00, as there are only {most} CPUs available")
    return _resources(spec, "cpu", period=PERIOD, quota=int(amount * PERIOD))


def cpu(
    spec: Spec,
    *,
    shares: int | None = None,
    period: int | None = None,
    quota: int | None = None,
    cpuset: str | None = None,
    mems: str | None = None,
) -> Spec:
    """``--cpu-shares``, ``--cpu-period``, ``--cpu-quota`` (microseconds), ``--cpuset-cpus`` and ``--cpuset-mems``."""
    if period and not 1000 <= period <= 1_000_000:
        raise Invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if quota and 0 < quota < 1000:
        raise Invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    settings = {"shares": shares, "period": period, "quota": quota, "cpus": cpuset, "mems": mems}
    return _resources(spec, "cpu", **{k: v or None for k, v in settings.items()})


def pids(spec: Spec, limit: int) -> Spec:
    """``--pids-limit``; 0 and -1 are unlimited."""
    return _resources(spec, "pids", limit=limit if limit > 0 else -1)


def blkio_weight(spec: Spec, weight: int) -> Spec:
    """``--blkio-weight``: 10 to 1000."""
    if not 10 <= weight <= 1000:
        raise Invalid("Range of blkio weight is from 10 to 1000")
    return _resources(spec, "blockIO", weight=weight)


def ulimits(spec: Spec, limits: Mapping[str, tuple[int, int]]) -> Spec:
    """``--ulimit name=soft:hard``; -1 is unlimited."""
    from scow.kernel.process import RLIMITS

    for name, (soft, hard) in limits.items():
        if f"RLIMIT_{name.upper()}" not in RLIMITS:
            raise Invalid(f"invalid ulimit type: {name}")
        if hard >= 0 and (soft > hard or soft < 0):
            raise Invalid(f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")
    rows = [{"type": f"RLIMIT_{n.upper()}", "soft": soft, "hard": hard} for n, (soft, hard) in limits.items()]
    return changed(spec, lambda new: new["process"].update(rlimits=rows))


def oom_score_adj(spec: Spec, score: int) -> Spec:
    """``--oom-score-adj``."""
    if not -1000 <= score <= 1000:
        raise Invalid(f"Invalid value {score}, range for oom score adj is [-1000, 1000]")
    return changed(spec, lambda new: new["process"].update(oomScoreAdj=score))


def device(spec: Spec, host: str, path: str = "", access: str = "rwm") -> Spec:
    """``--device host[:path[:access]]``: a node, or every node below a directory."""
    if not access or set(access) - set("rwm"):
        raise Invalid(f"invalid device mode: {access}")
    path = path or host
    return add_devices(spec, _below(host, path) if os.path.isdir(host) else [node(host, path)], access)


def _below(host: str, path: str) -> Iterable[dict[str, Any]]:
    for folder, _, names in os.walk(host):
        for name in sorted(names):
            full = os.path.join(folder, name)
            if stat.S_IFMT(os.lstat(full).st_mode) in (stat.S_IFCHR, stat.S_IFBLK):
                yield node(full, os.path.join(path, os.path.relpath(full, host)))


def node(host: str, path: str) -> dict[str, Any]:
    """A device node of the host as an OCI ``linux.devices`` entry for ``path``."""
    try:
        found = os.stat(host)
    except OSError as e:
        words = (e.strerror or "").lower()
        raise NotFound(f'error gathering device information while adding custom device "{host}": {words}') from None
    kind = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        raise Invalid(f'error gathering device information while adding custom device "{host}": not a device node')
    return {
        "path": path,
        "type": kind,
        "major": os.major(found.st_rdev),
        "minor": os.minor(found.st_rdev),
        "fileMode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
    }


def add_devices(spec: Spec, nodes: Iterable[dict[str, Any]], access: str) -> Spec:
    """Nodes (as ``node`` gives them) in /dev, and in the device cgroup with ``access``."""
    added = list(nodes)
    rules = [{"allow": True, "access": access, **{k: n[k] for k in ("type", "major", "minor")}} for n in added]

    def change(new: Spec) -> None:
        paths = {n["path"] for n in added}
        linux = new["linux"]
        linux["devices"] = [d for d in linux.get("devices") or [] if d["path"] not in paths] + added
        linux["resources"]["devices"] += rules

    return changed(spec, change)


def device_rule(spec: Spec, rule: str) -> Spec:
    """``--device-cgroup-rule "c 1:3 rwm"``."""
    words = rule.split()
    numbers = words[1].split(":") if len(words) == 3 else []
    if len(numbers) != 2 or words[0] not in "abc" or set(words[2]) - set("rwm"):
        raise Invalid(f"invalid device cgroup rule format: '{rule}'")
    if not all(n == "*" or n.isdigit() for n in numbers):
        raise Invalid(f"invalid device cgroup rule format: '{rule}'")
    entry: dict[str, Any] = {"allow": True, "type": words[0], "access": words[2]}
    entry.update({k: int(n) for k, n in zip(("major", "minor"), numbers, strict=True) if n != "*"})
    return changed(spec, lambda new: new["linux"]["resources"]["devices"].append(entry))


def host_devices() -> list[dict[str, Any]]:
    """Every node below the host's /dev but terminals, shared memory and consoles: what ``--privileged`` shows."""
    skipped = {"/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/lxd", "/dev/.lxc", "/dev/.lxd-mounts"}  # noqa: S108
    found = []
    for folder, folders, names in os.walk("/dev"):
        folders[:] = sorted(d for d in folders if os.path.join(folder, d) not in skipped)
        for name in sorted(names):
            path = os.path.join(folder, name)
            kind = stat.S_IFMT(os.lstat(path).st_mode)
            if kind in (stat.S_IFCHR, stat.S_IFBLK) and path != "/dev/console":
                found.append(node(path, path))
    return found
