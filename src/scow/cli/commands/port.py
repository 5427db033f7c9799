"""``scow port``."""

from __future__ import annotations

from scow.cli.command import Command
from scow.cli.output import write
from scow.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args


def run(args: Args, context: Context) -> int:
    """Print where the container's ports are published, all or one."""
    name = args.operands[0]
    bound: dict[str, list[dict[str, str]] | None] = context.engine.containers.inspect(name)["NetworkSettings"]["Ports"]
    if len(args.operands) == 1:
        write("".join(f"{key} -> {text}\n" for key in sorted(bound, key=_order) for text in _texts(bound[key])))
        return 0
    asked = args.operands[1]
    port, _, protocol = asked.partition("/")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise Invalid(f"invalid port specification: '{asked}'")
    found = _texts(bound.get(f"{int(port)}/{protocol.lower() or 'tcp'}"))
    if not found:
        raise NotFound(f"No public port '{asked}' published for {name}")
    write("".join(text + "\n" for text in found))
    return 0


def _texts(bindings: list[dict[str, str]] | None) -> list[str]:
    return [_joined(b["HostIp"], b["HostPort"]) for b in bindings or ()]


def _joined(address: str, port: str) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _order(key: str) -> tuple[int, str]:
    port, _, protocol = key.partition("/")
    return int(port), protocol


COMMAND = Command(
    name="port",
    usage="CONTAINER [PRIVATE_PORT[/PROTO]]",
    summary="List port mappings or a specific mapping for the container",
    run=run,
    minimum=1,
    maximum=2,
    aliases=("container port", "port"),
)
