"""Restart policies: no, on-failure[:most], always, unless-stopped, with docker's growing delays."""

from __future__ import annotations

import time

FIRST_DELAY = 0.1
LONGEST_DELAY = 60.0
STEADY = 10.0
"""A run of this many seconds counts as a success, after which delays start over."""


class Restarts:
    """When to start again, counted from the ends of runs."""

    __slots__ = ("at", "begun", "count", "delay", "most", "policy")

    def __init__(self, policy: str, most: int) -> None:
        self.policy = policy
        self.most = most
        self.count = 0
        self.delay = 0.0
        self.at = 0.0
        self.begun = time.monotonic()

    def started(self) -> None:
        """The program runs."""
        self.begun = time.monotonic()

    def wanted(self, code: int) -> bool:
        """Whether to start again after exit code ``code``."""
        if self.policy == "on-failure":
            return code != 0 and (self.most == 0 or self.count < self.most)
        return self.policy in ("always", "unless-stopped")

    def plan(self) -> None:
        """Set the time of the next start."""
        steady = time.monotonic() - self.begun >= STEADY
        self.delay = FIRST_DELAY if steady or not self.delay else min(self.delay * 2, LONGEST_DELAY)
        self.at = time.monotonic() + self.delay
        self.count += 1

    def stop(self) -> None:
        """Start no more."""
        self.policy = "no"
        self.at = 0.0

    def due(self) -> bool:
        """Whether it is time; true once."""
        if self.at and time.monotonic() >= self.at:
            self.at = 0.0
            return True
        return False

    def milliseconds(self) -> int | None:
        """How long a poll may wait."""
        return max(int((self.at - time.monotonic()) * 1000) + 1, 0) if self.at else None
