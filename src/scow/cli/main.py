"""The door of the command line."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """Run one command; returns its exit code."""
    raise SystemExit("not built yet")
