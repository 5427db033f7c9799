"""Whose rights this process has. Apart, because every start of a container asks."""

from __future__ import annotations

import os


def privileged() -> bool:
    """Whether this process is root of the machine, and not of a user namespace of its own."""
    if os.geteuid() != 0:
        return False
    with open("/proc/self/uid_map", encoding="ascii") as f:
        return f.read().split() == ["0", "0", "4294967295"]
