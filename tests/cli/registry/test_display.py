"""How pull and push look: lines when piped, a list with bars on a terminal."""

from __future__ import annotations

import io
import os
import pty

import pytest

from scow.cli.progress.transfer import Bars, Transfer, make_transfer
from scow.engine.transfers import Status, Teller

pytestmark = pytest.mark.timeout(20)
STORY = [
    Status("Pulling from x", "latest"),
    Status("Pulling fs layer", "aaa"),
    Status("Pulling fs layer", "bbb"),
    Status("Downloading", "aaa", 500_000, 1_000_000),
    Status("Pull complete", "aaa"),
    Status("Digest: sha256:1"),
]


def test_piped_there_are_lines_and_no_progress() -> None:
    out = io.StringIO()
    display = make_transfer(out)
    assert type(display) is Transfer
    for status in STORY:
        display(status)
    wanted = ["latest: Pulling from x", "aaa: Pulling fs layer", "bbb: Pulling fs layer", "aaa: Pull complete"]
    assert out.getvalue().splitlines() == [*wanted, "Digest: sha256:1"]
    quiet = make_transfer(out, quiet=True)
    before = out.getvalue()
    quiet(STORY[0])
    assert out.getvalue() == before


def test_on_a_terminal_each_layer_keeps_its_line() -> None:
    master, slave = pty.openpty()
    with open(slave, "w") as out:
        display = make_transfer(out)
        assert isinstance(display, Bars)
        for status in STORY:
            display(status)
        seen = ""
        while not seen.endswith("Digest: sha256:1\r\n"):
            seen += os.read(master, 10_000).decode()
    os.close(master)
    assert "\x1b[2A\x1b[2K\raaa: Downloading [==========>         ]  500kB/1MB\x1b[2B\r" in seen.replace("\r\r", "\r")
    assert "\x1b[2A\x1b[2K\raaa: Pull complete\x1b[2B\r" in seen


def test_progress_is_told_now_and_then() -> None:
    told: list[Status] = []
    teller = Teller(told.append)
    for n in range(1000):
        teller.progress("Downloading", "aaa", n, 1000)
    assert 1 <= len(told) < 20
    teller.say("Pull complete", "aaa")
    assert told[-1] == Status("Pull complete", "aaa")
