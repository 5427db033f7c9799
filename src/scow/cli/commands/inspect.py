"""``scow inspect``: a container, an image, a network or a volume, whichever has the name."""

from __future__ import annotations

from scow.cli.command import Command, boolean, string
from scow.cli.inspecting import inspect_each
from scow.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from scow.cli.context import Context
    from scow.cli.flags import Args


def finders(args: Args, context: Context) -> dict[str, Callable[[str], dict[str, Any]]]:
    """How each type of thing is looked up, in docker's order."""
    engine, size = context.engine, args.on("size")
    return {
        "container": lambda name: engine.containers.inspect(name, size=size),
        "image": engine.images.inspect,
    }


def run(args: Args, context: Context) -> int:
    """Print what is known of each name."""
    kind = args.text("type")
    known = finders(args, context)
    if kind and kind not in known:
        types = ", ".join(f'"{k}"' for k in known)
        raise Invalid(f'unknown type: "{kind}": must be one of {types}')

    def find(name: str) -> dict[str, Any]:
        if kind:
            return known[kind](name)
        for look in known.values():
            try:
                return look(name)
            except (NotFound, Invalid):
                continue
        raise NotFound(f"No such object: {name}")

    return inspect_each(args.operands, find, args.text("format"))


COMMAND = Command(
    name="inspect",
    usage="[OPTIONS] NAME|ID [NAME|ID...]",
    summary="Return low-level information on scow objects",
    run=run,
    minimum=1,
    flags=(
        string("format", "Format output using a Go template, or 'json'", "f"),
        boolean("size", "Display total file sizes if the type is container", "s"),
        string("type", "Only inspect objects of the given type (container, image)"),
    ),
)
