"""``--ulimit``, ``--device``, ``--sysctl``, ``--restart`` and the size limits."""

from __future__ import annotations

import os

from scow.cli.flags import UsageError
from scow.engine.requests import DeviceRequest, Resources, RestartPolicy, Ulimit
from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.flags import Args

ULIMITS = {"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
           "rttime", "sigpending", "stack"}  # fmt: skip
LEAST_MEMORY = 6 * 1024**2
# Namespaced sysctls (sysctl(8)): the only ones a container may set without touching its host.
SYSCTLS = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
           "kernel.shmmni", "kernel.shm_rmid_forced"}  # fmt: skip


def ulimit(text: str) -> Ulimit:
    """``NAME=SOFT[:HARD]``."""

    def wrong(problem: str) -> UsageError:
        return UsageError(f'invalid argument "{text}" for "--ulimit" flag: {problem}')

    name, equals, rest = text.partition("=")
    if not equals:
        raise wrong(f"invalid ulimit argument: {text}")
    if name not in ULIMITS:
        raise wrong(f"invalid ulimit type: {name}")
    soft, colon, hard = rest.partition(":")
    try:
        low = int(soft)
        high = int(hard) if colon else low
    except ValueError:
        raise wrong(f'strconv.ParseInt: parsing "{rest}": invalid syntax') from None
    if high != -1 and (low == -1 or low > high):
        raise wrong(f"ulimit soft limit must be less than or equal to hard limit: {low} > {high}")
    return Ulimit(name, low, high)


def device(text: str) -> DeviceRequest:
    """``SOURCE[:TARGET][:ACCESS]``."""
    parts = text.split(":")
    access = "rwm"
    if len(parts) > 1 and parts[-1] and set(parts[-1]) <= set("rwm"):
        access = parts.pop()
    if len(parts) > 2 or not parts[0].startswith("/"):
        raise Invalid(f"invalid device specification: {text}")
    return DeviceRequest(parts[0], parts[1] if len(parts) > 1 else parts[0], access)


def sysctl(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` of a namespaced sysctl."""
    name, equals, rest = text.partition("=")
    if not equals or (name not in SYSCTLS and not name.startswith(("net.", "fs.mqueue."))):
        raise UsageError(f'invalid argument "{text}" for "--sysctl" flag: sysctl \'{text}\' is not allowed')
    return name, rest


def restart(text: str) -> RestartPolicy:
    """``no``, ``always``, ``unless-stopped``, ``on-failure[:N]``."""
    name, colon, rest = text.partition(":")
    if colon and not rest.lstrip("-").isdigit():
        raise Invalid("invalid restart policy format: maximum retry count must be an integer")
    retries = int(rest) if colon else 0
    if name not in ("", "no", "always", "unless-stopped", "on-failure"):
        raise Invalid(
            f"invalid restart policy: unknown policy '{name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if colon and name != "on-failure":
        raise Invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'")
    if retries < 0:
        raise Invalid("invalid restart policy: maximum retry count cannot be negative")
    return RestartPolicy(name or "no", retries)


def _check_cpuset(text: str, count: int) -> None:
    try:
        wanted = [int(n) for part in text.split(",") if part for n in part.split("-")]
    except ValueError:
        raise Invalid(f"Invalid value {text} for cpuset cpus") from None
    if any(n >= count for n in wanted):
        available = f"0-{count - 1}" if count > 1 else "0"
        raise Invalid(f"Requested CPUs are not available - requested {text}, available: {available}")


def resources(args: Args) -> Resources:
    """All limits of a call; Invalid in docker's words for those that cannot be."""
    memory, swap, cpus = args.number("memory"), args.text("memory-swap"), args.decimal("cpus")
    from scow.cli.units import parse_bytes

    total = -1 if swap == "-1" else parse_bytes(swap) if swap else None
    if memory is not None and 0 < memory < LEAST_MEMORY:
        raise Invalid("Minimum memory limit allowed is 6MB")
    if total is not None and total != -1 and not memory:
        raise Invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
    if total is not None and memory and 0 < total < memory:
        raise Invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
    count = os.cpu_count() or 1
    if cpus is not None and (cpus < 0 or cpus > count):
        raise Invalid(f"range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available")
    if cpus and (args.number("cpu-period") or args.number("cpu-quota")):
        raise Invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    _check_cpuset(args.text("cpuset-cpus"), count)
    score = args.number("oom-score-adj")
    if score is not None and not -1000 <= score <= 1000:
        raise Invalid(f"Invalid value {score}, range for oom score adj is [-1000, 1000]")
    return Resources(
        memory=memory or None,
        memory_swap=total,
        memory_reservation=args.number("memory-reservation") or None,
        cpu_shares=args.number("cpu-shares") or None,
        cpu_period=args.number("cpu-period") or None,
        cpu_quota=args.number("cpu-quota") or None,
        cpus=cpus or None,
        cpuset_cpus=args.text("cpuset-cpus"),
        cpuset_mems=args.text("cpuset-mems"),
        pids=args.number("pids-limit"),
        oom_score_adj=score,
        shm_size=args.number("shm-size") or None,
        ulimits=tuple(ulimit(t) for t in args.all("ulimit")),
    )
