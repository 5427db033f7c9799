"""``scow logout``."""

from __future__ import annotations

import sys

from scow.cli.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args

HUB = "https://index.docker.io/v1/"


def run(args: Args, context: Context) -> int:
    """Forget the credentials for a registry."""
    from scow.engine.registries import registry_of

    address = args.operands[0] if args.operands else ""
    registries = context.engine.registries
    shown = registry_of(address) if address else HUB
    sys.stdout.write(f"Removing login credentials for {shown}\n")
    sys.stdout.flush()
    if not registries.logout(address):
        sys.stderr.write(f"Not logged in to {shown}\n")
    return 0


COMMAND = Command(
    name="logout",
    usage="[SERVER]",
    summary="Log out from a registry",
    run=run,
    maximum=1,
    details="Defaults to Docker Hub if no server is specified.",
)
