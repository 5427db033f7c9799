"""Whether the other tools we compare ourselves with (``/opt/peers``, shared/bench/peers-up.sh) are up now."""

from __future__ import annotations

import os


def peers_up() -> bool:
    """Whether their namespaces live: installed programs alone cannot run without them."""
    try:
        with open("/run/peers/holder.pid") as f:
            pid = int(f.read())
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip() == "sleep" and os.path.exists("/opt/peers/bin")
    except (OSError, ValueError):
        return False
