"""HEALTHCHECK: how to ask a container whether it is well."""

from __future__ import annotations

from scow.build.dockerfile import gofmt
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.base import Origin, Request, at_least_one
from scow.build.dockerfile.instructions.flags import TEXT, Flags
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.instructions.base import Word

MILLISECOND = 10**6


@value
class Healthcheck:
    """HEALTHCHECK: ``test`` begins with NONE, CMD or CMD-SHELL; times in nanoseconds, 0 is the default."""

    origin: Origin
    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0

    def expand(self, _word: Word) -> Healthcheck:
        """Not expanded."""
        return self


def _interval(flags: Flags, name: str) -> int:
    text = flags.text(name)
    try:
        nanoseconds = gofmt.parse_duration(text) if text else 0
    except ValueError as fault:
        raise DockerfileError(str(fault), near=f"--{name}") from None
    if nanoseconds and nanoseconds < MILLISECOND:
        raise DockerfileError(f"Interval {gofmt.quote(name)} cannot be less than 1ms", near=f"--{name}")
    return nanoseconds


def _retries(flags: Flags) -> int:
    text = flags.text("retries")
    try:
        retries = gofmt.parse_int(text) if text else 0
    except ValueError as fault:
        raise DockerfileError(str(fault), near="--retries") from None
    if retries < 0:
        raise DockerfileError(f"--retries cannot be negative ({retries})", near="--retries")
    return retries


def parse_healthcheck(request: Request) -> Healthcheck:
    """HEALTHCHECK."""
    kind, *args = at_least_one(request, "HEALTHCHECK")
    flags = request.flags(interval=TEXT, timeout=TEXT, start_period=TEXT, start_interval=TEXT, retries=TEXT)
    if kind.upper() == "NONE":
        if args:
            raise DockerfileError("HEALTHCHECK NONE takes no arguments")
        return Healthcheck(request.origin, ("NONE",))
    if kind.upper() != "CMD":
        raise DockerfileError(f"Unknown type {gofmt.quote(kind.upper())} in HEALTHCHECK (try CMD)", near=kind)
    if not args:
        raise DockerfileError("Missing command after HEALTHCHECK CMD")
    return Healthcheck(
        request.origin,
        ("CMD" if request.node.json else "CMD-SHELL", *args),
        _interval(flags, "interval"),
        _interval(flags, "timeout"),
        _interval(flags, "start-period"),
        _interval(flags, "start-interval"),
        _retries(flags),
    )
