"""The small parts: JSON without json, the log, program lookup, channels, detach keys, restart policies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scow.errors import Invalid
from scow.runtime import attach, channel, light, program, statefile, top
from scow.runtime.jsonlog import LONGEST, Log
from scow.runtime.restart import LONGEST_DELAY, Restarts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_light_json_is_json(value: Any) -> None:
    assert json.loads(light.dumps(value)) == value
    assert light.loads(json.dumps(value, indent=1)) == value
    assert light.loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "text", ["", " ", "{", "[1,]", "nul", "NaN", "-Infinity", "{}x", '"\x01"', "[1] [2]", '{"a":}']
)
def test_light_json_refuses_what_json_does(text: str) -> None:
    with pytest.raises(Invalid, match="not JSON"):
        light.loads(text)


def test_a_supervisor_imports_next_to_nothing() -> None:
    # What costs memory in every supervisor: json, re, enum, socket, signal, ctypes, and the kernel room.
    code = "import sys; sys.path.insert(0, sys.argv[1]); import scow.runtime.monitor; print(*sys.modules)"
    src = os.path.dirname(os.path.dirname(os.path.dirname(light.__file__)))
    found = subprocess.run([sys.executable, "-I", "-S", "-c", code, src], capture_output=True, text=True, check=True)
    names = set(found.stdout.split())
    assert not names & {"json", "re", "enum", "socket", "signal", "ctypes", "threading", "subprocess", "typing"}
    assert not [n for n in names if n.startswith("scow.kernel")]


def entries(path: str) -> list[dict[str, str]]:
    with open(path) as f:
        return [json.loads(line) for line in f]


def test_log_lines(tmp_path: Any) -> None:
    log = Log(f"{tmp_path}/log")
    log.add("stdout", b"one\ntw")
    log.add("stderr", b"err\n")
    log.add("stdout", b'o\n\nlast \xc3\xa9 \xff "<&>\\ \x1b[0m')
    log.close()
    found = entries(f"{tmp_path}/log")
    assert [(e["stream"], e["log"]) for e in found] == [
        ("stdout", "one\n"),
        ("stderr", "err\n"),
        ("stdout", "two\n"),
        ("stdout", "\n"),
        ("stdout", 'last é \ufffd "<&>\\ \x1b[0m'),
    ]
    assert all(e["time"].endswith("Z") and len(e["time"]) == 30 for e in found)


def test_long_lines_are_cut_as_docker_cuts_them(tmp_path: Any) -> None:
    log = Log(f"{tmp_path}/log")
    log.add("stdout", b"x" * (2 * LONGEST + 5))
    log.add("stdout", b"y\n" + b"z" * (LONGEST + 1) + b"\n")
    log.close()
    found = [e["log"] for e in entries(f"{tmp_path}/log")]
    assert [len(line) for line in found] == [LONGEST, LONGEST, 7, LONGEST, 2]
    assert [line.endswith("\n") for line in found] == [False, False, True, False, True]


@given(st.lists(st.binary(max_size=40), max_size=20))
@settings(max_examples=50, deadline=None)
def test_log_loses_nothing(chunks: list[bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        log = Log(f"{folder}/log")
        for chunk in chunks:
            log.add("stdout", chunk)
        log.close()
        whole = "".join([e["log"] for e in entries(f"{folder}/log")])
        expected = b"".join(chunks).split(b"\n")
        assert whole == "\n".join([line.decode("utf-8", "replace") for line in expected])


def test_log_rotation(tmp_path: Any) -> None:
    log = Log(f"{tmp_path}/log", max_size=300, max_files=3)
    for i in range(30):
        log.add("stdout", b"line %d\n" % i)
    log.close()
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1", "log.2"]
    kept = [e["log"] for name in ("log.2", "log.1", "log") for e in entries(f"{tmp_path}/{name}")]
    assert kept == [f"line {i}\n" for i in range(30 - len(kept), 30)]
    one = Log(f"{tmp_path}/single", max_size=100, max_files=1)
    for _ in range(10):
        one.add("stdout", b"x" * 30 + b"\n")
    one.close()
    assert os.path.getsize(f"{tmp_path}/single") < 200 and not os.path.exists(f"{tmp_path}/single.1")


def test_log_is_appended_to(tmp_path: Any) -> None:
    for word in (b"a\n", b"b\n"):
        log = Log(f"{tmp_path}/log")
        log.add("stdout", word)
        log.close()
    assert [e["log"] for e in entries(f"{tmp_path}/log")] == ["a\n", "b\n"]


def test_program_lookup(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/tool").write_text("not executable")
    (tmp_path / "b/tool").write_text("#!/bin/sh\n")
    os.chmod(tmp_path / "b/tool", 0o755)
    (tmp_path / "a/folder").mkdir()
    env = {"PATH": f"{tmp_path}/none:{tmp_path}/a:{tmp_path}/b"}
    assert program.find("tool", env) == f"{tmp_path}/b/tool"
    assert program.find(f"{tmp_path}/b/tool", {}) == f"{tmp_path}/b/tool"
    monkeypatch.chdir(tmp_path / "b")
    assert program.find("./tool", {}) == "./tool"
    for name, code, words in (
        ("nope", 127, 'exec: "nope": executable file not found in $PATH'),
        ("", 127, 'exec: "": executable file not found in $PATH'),
        ("folder", 127, "executable file not found in $PATH"),
        ("/no/such", 127, 'exec: "/no/such": stat /no/such: no such file or directory'),
        (f"{tmp_path}/a", 126, "is a directory: permission denied"),
        (f"{tmp_path}/a/tool", 126, f'exec: "{tmp_path}/a/tool": permission denied'),
    ):
        with pytest.raises(program.StartError) as e:
            program.find(name, env)
        assert words in str(e.value) and e.value.exit_code == code
    with pytest.raises(program.StartError, match="relative to current directory"):
        program.find("tool", {"PATH": ":/bin"})


def test_channel_keeps_messages_and_descriptors() -> None:
    one, two = (channel.Channel(fd) for fd in channel.pair())
    r, w = os.pipe()
    assert one.send(b"first") and one.send(b"second", (w,))
    assert two.receive() == (b"first", [])
    message, fds = two.receive()
    assert message == b"second" and not os.get_inheritable(fds[0])
    os.write(fds[0], b"through")
    assert os.read(r, 10) == b"through"
    # What was sent is read although our end closed with something unread.
    one.send(b"last")
    two.send(b"never read")
    one.close()
    assert two.receive() == (b"last", [])
    assert two.receive() == (b"", [])
    assert not two.send(b"x")
    two.close()
    for fd in (r, w, *fds):
        os.close(fd)


@pytest.mark.parametrize(
    ("typed", "passed", "left"),
    [
        ([b"abc"], b"abc", False),
        ([b"a\x10\x11b"], b"", True),
        ([b"a\x10", b"\x11"], b"a", True),
        ([b"\x10", b"x\x10", b"y"], b"\x10x\x10y", False),
        ([b"\x10", b"\x10", b"\x11"], b"\x10", True),
    ],
)
def test_detach_keys(typed: list[bytes], passed: bytes, left: bool) -> None:
    keys, got, detached = attach.Keys(attach.DETACH_KEYS), b"", False
    for data in typed:
        try:
            got += keys.feed(data)
        except attach.Detached:
            detached = True
    assert (got, detached) == (passed, left)


def test_parse_detach_keys() -> None:
    assert attach.parse_detach_keys("ctrl-p,ctrl-q") == b"\x10\x11"
    assert attach.parse_detach_keys("ctrl-@,a,ctrl-[") == b"\x00a\x1b"
    for text in ("ctrl-", "shift-a", "ctrl-pp", "ctrl-1"):
        with pytest.raises(Invalid):
            attach.parse_detach_keys(text)


def test_restart_policies() -> None:
    assert not Restarts("no", 0).wanted(1)
    assert Restarts("always", 0).wanted(0)
    limited = Restarts("on-failure", 2)
    assert limited.wanted(1) and not limited.wanted(0)
    delays = []
    for _ in range(15):
        limited.plan()
        delays.append(limited.delay)
    assert delays[0] == pytest.approx(0.1) and delays[1] == pytest.approx(0.2) and delays[-1] == LONGEST_DELAY
    assert not limited.wanted(1)  # more than two by now
    limited.stop()
    assert limited.milliseconds() is None and not limited.due()


def test_lock_owner(tmp_path: Any) -> None:
    assert statefile.owner(str(tmp_path)) == 0
    code = f"from scow.runtime import statefile; assert statefile.lock({str(tmp_path)!r}); print('ok', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"ok\n"
        assert statefile.owner(str(tmp_path)) == holder.pid
        assert statefile.lock(str(tmp_path)) is None
        holder.kill()
    assert statefile.owner(str(tmp_path)) == 0


def test_start_time_names_a_process() -> None:
    assert statefile.start_time(os.getpid()) > 0
    assert statefile.start_time(2**22 - 1) == 0


def test_top_of_host_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top, "pids", lambda _group: [os.getpid()])
    titles, rows = top.top("/x")
    assert titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert rows[0][1:3] == [str(os.getpid()), str(os.getppid())]
    titles, rows = top.top("/x", ("-o", "pid,comm"))
    assert titles == ["PID", "COMMAND"] and rows[0][0] == str(os.getpid())
    with pytest.raises(Invalid, match="PID"):
        top.top("/x", ("-o", "comm"))
