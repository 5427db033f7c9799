"""``scow stop``."""

from __future__ import annotations

from scow.cli.command import Command, Flag, integer, string
from scow.cli.each import each
from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Stop containers."""
    containers = context.engine.containers
    signal, seconds = args.text("signal"), timeout(args)

    def stop(name: str) -> str:
        containers.stop(name, signal=signal, seconds=seconds)
        return name

    return each(args.operands, stop)


def timeout(args: Args) -> int | None:
    """Seconds to wait, of ``--timeout`` or its older name ``--time``; None for the default."""
    if {"time", "timeout"} <= args.given:
        raise Invalid("conflicting options: cannot specify both --timeout and --time")
    given = args.number("timeout")
    return given if given is not None else args.number("time")


COMMAND = Command(
    name="stop",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Stop one or more running containers",
    run=run,
    minimum=1,
    flags=(
        string("signal", "Signal to send to the container", "s"),
        integer("timeout", "Seconds to wait before killing the container", "t"),
        Flag("time", "int", "Seconds to wait before killing the container", hidden=True),
    ),
    aliases=("container stop", "stop"),
)
