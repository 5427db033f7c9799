"""The words of ``ps``, signals, log options, detach keys: tables of what docker says."""

from __future__ import annotations

import pytest

from scow.cli.commands.ps import quoted
from scow.cli.terminal import Detacher, detach_keys
from scow.cli.units import human_duration
from scow.engine.container import listing, logoptions, logs, stop
from scow.engine.container.states import State
from scow.errors import Invalid, Unsupported
from scow.store.containers import ContainerRecord

STARTED = "2026-01-01T00:00:00.500000000Z"


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (State(), "Created"),
        (State("running", started_at=STARTED), "Up 2 minutes"),
        (State("paused", started_at=STARTED), "Up 2 minutes (Paused)"),
        (State("exited", exit_code=3, finished_at=STARTED), "Exited (3) 2 minutes ago"),
        (State("exited", exit_code=255), "Exited (255)"),
        (State("restarting", exit_code=1, finished_at=STARTED), "Restarting (1) 2 minutes ago"),
    ],
)
def test_status(state: State, wanted: str) -> None:
    assert listing.status(state, human_duration, listing.seconds(STARTED) + 130) == wanted


def published(*ports: tuple[str, int, int, str], exposed: tuple[str, ...] = ()) -> str:
    ends = {"ports": [{"host_ip": i, "host_port": h, "container_port": c, "protocol": p} for i, h, c, p in ports]}
    document = {"Config": {"ExposedPorts": {e: {} for e in exposed}}, "HostConfig": {}, "Mounts": []}
    record = ContainerRecord("0" * 64, "n", "", 0, {}, (), document)
    return listing.ports_text(record, State("running", endpoints=(ends,)))


def test_ports() -> None:
    assert published() == ""
    assert published(("", 8080, 80, "tcp")) == "0.0.0.0:8080->80/tcp"
    assert published(("127.0.0.1", 53, 53, "udp"), exposed=("9/tcp", "53/udp")) == "9/tcp, 127.0.0.1:53->53/udp"
    assert published(("", 8080, 80, "tcp"), ("", 8081, 81, "tcp")) == "0.0.0.0:8080-8081->80-81/tcp"
    assert published(("", 8080, 80, "tcp"), ("", 9000, 81, "tcp")) == "0.0.0.0:8080->80/tcp, 0.0.0.0:9000->81/tcp"
    assert published(exposed=("10/tcp", "11/tcp", "13/tcp")) == "10-11/tcp, 13/tcp"


@pytest.mark.parametrize(
    ("text", "number"),
    [("TERM", 15), ("SIGTERM", 15), ("term", 15), ("9", 9), ("RTMIN", 34), ("SIGRTMIN+3", 37), ("RTMAX-1", 63)],
)
def test_signals(text: str, number: int) -> None:
    assert stop.number_of(text) == number


@pytest.mark.parametrize("text", ["", "FOO", "0", "65", "999", "_IGN", "SIG_DFL", "RTMIN+99", "-1", "RTMIN+x"])
def test_signals_that_are_none(text: str) -> None:
    with pytest.raises(Invalid, match="invalid signal"):
        stop.number_of(text)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, (0, 1)),
        ({"max-size": "10m"}, (10 << 20, 1)),
        ({"max-size": "2kb", "max-file": "3"}, (2048, 3)),
        ({"max-size": "-1"}, (0, 1)),
    ],
)
def test_log_options(options: dict[str, str], wanted: tuple[int, int]) -> None:
    assert logoptions.limits(options) == wanted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max-file": "3"}, "max-file cannot be set without max-size"),
        ({"max-size": "x"}, "invalid value for max-size"),
        ({"max-size": "1m", "max-file": "0"}, "max-file cannot be less than 1"),
    ],
)
def test_wrong_log_options(options: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        logoptions.limits(options)
    with pytest.raises(Unsupported, match="unknown log opt 'tag'"):
        logoptions.limits({"tag": "x"})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sleep 1", '"sleep 1"'),
        ('a"b\\', '"a\\"b\\\\"'),
        ("a\n\t\x07\x1b", '"a\\n\\t\\a\\x1b"'),
        ("é…\u200b\udcff", '"é…\\u200b\\xff"'),
    ],
)
def test_commands_are_quoted_as_go_does(text: str, wanted: str) -> None:
    assert quoted(text) == wanted


def test_detach_keys() -> None:
    assert detach_keys("") == b"\x10\x11"
    assert detach_keys("ctrl-a,b,ctrl-[") == b"\x01b\x1b"
    for text in ("ctrl-", "ab", "ctrl-1", "ctrl-a,"):
        with pytest.raises(Invalid, match="invalid detach keys"):
            detach_keys(text)


@pytest.mark.parametrize("chunks", [[b"ab\x10\x11rest"], [b"ab\x10", b"\x11"], [b"a", b"b", b"\x10", b"\x11"]])
def test_keys_are_found_however_they_come(chunks: list[bytes]) -> None:
    detacher = Detacher(b"\x10\x11")
    out, detached = b"", False
    for chunk in chunks:
        passed, detached = detacher.feed(chunk)
        out += passed
    assert (out, detached) == (b"ab", True)


def test_a_beginning_that_leads_nowhere_is_passed_on() -> None:
    detacher = Detacher(b"\x10\x10\x11")
    assert detacher.feed(b"\x10x\x10\x10") == (b"\x10x", False)
    assert detacher.feed(b"\x10") == (b"\x10", False)
    assert detacher.feed(b"\x11") == (b"", True)


def test_tail_across_rotated_files(tmp_path: object) -> None:
    path = f"{tmp_path}/log"
    for name, lines in (("log.2", 3), ("log.1", 3), ("log", 2)):
        with open(f"{tmp_path}/{name}", "w") as f:
            f.write("x\n" * lines)
    older = logs.rotated(path)
    assert older == [f"{path}.2", f"{path}.1"]
    assert logs.older_parts(path, older, None) == [(f"{path}.2", None), (f"{path}.1", None)]
    assert logs.older_parts(path, older, 2) == []
    assert logs.older_parts(path, older, 4) == [(f"{path}.1", 2)]
    assert logs.older_parts(path, older, 7) == [(f"{path}.2", 2), (f"{path}.1", 5)]
