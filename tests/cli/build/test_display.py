"""What a build shows: plain lines, the live list, JSON, or nothing."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pty
import re
import struct
import termios

import pytest
from tests.conftest import SCOW

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
TEXT = "FROM busybox AS base\nRUN echo out; echo err >&2; printf 'no newline'\nFROM base\nCOPY f /f\nCMD echo $F\n"


def terminal(build, place: str, *flags: str, **environment: str) -> tuple[str, int]:
    """Build on a terminal of 80 by 24; what it wrote, and the exit code."""
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.execve(SCOW, [SCOW, "build", *flags, place], {**os.environ, "SCOW_ROOT": build.scow.root, **environment})
    out = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        out += piece
    os.close(fd)
    return out.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def screen(out: str) -> list[str]:
    """The last picture, without colours."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.rpartition("\x1b[J")[2]).replace("\r", "").splitlines()


def test_plain(build):
    done = build(TEXT, "-t", "shown:1", "--no-cache", files={"f": "f"})
    shown = re.sub(r"\d+\.\d+", "T", done.stderr).replace("sha256:" + "0" * 64, "")
    shown = re.sub(r"sha256:[0-9a-f]{64}", "ID", shown)
    shown = re.sub(r"layers Ts done", "layers done", shown)
    head, sep, tail = shown.partition("#5 ")
    assert head + sep == (
        """#0 building with scow T.0

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 101B done
#1 WARN: JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 5)
#1 DONE Ts

#2 [internal] load .dockerignore
#2 transferring context: 0B done
#2 DONE Ts

#3 [internal] load metadata for docker.io/library/busybox:latest
#3 DONE Ts

#4 [base 1/2] FROM docker.io/library/busybox:latest
#4 CACHED

#5 """
    )  # fmt: skip
    assert "[base 2/2] RUN echo out; echo err >&2; printf 'no newline'\n" in tail
    for line in ("T out\n", "T err\n", "T no newline\n"):
        assert line in tail
    end = """#8 exporting to image
#8 exporting layers done
#8 writing image ID done
#8 naming to docker.io/library/shown:1 done
#8 DONE Ts

 1 warning found (use --debug to expand):
 - JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 5)
"""
    assert tail.endswith(end), tail


def test_plain_keeps_parallel_steps_apart(build):
    stages = "".join(f"FROM busybox AS s{n}\nRUN for i in 1 2 3; do echo {n}-$i; sleep 0.05; done\n" for n in range(3))
    done = build(stages + "FROM scratch\n" + "".join(f"COPY --from=s{n} /etc /{n}\n" for n in range(3)), "--no-cache")
    numbers = {}
    for line in done.stderr.splitlines():
        if found := re.match(r"#(\d+) (?:\[(s\d) 2/2\]|[\d.]+ (\d)-\d)", line):
            stage = found[2] or f"s{found[3]}"
            assert numbers.setdefault(found[1], stage) == stage
    assert sorted(numbers.values()) == ["s0", "s1", "s2"]
    assert all(f" {n}-{i}\n" in done.stderr for n in range(3) for i in (1, 2, 3))


def test_debug_expands_warnings(build):
    done = build(TEXT, "--debug", files={"f": "f"})
    tail = done.stderr[done.stderr.index("\n 1 warning found:\n") :]
    assert "More info: https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\nDockerfile:5\n" in tail
    assert "   5 | >>> CMD echo $F\n" in tail


def test_rawjson(build):
    done = build.scow("build", "--no-cache", "--progress", "rawjson", build.context({"Dockerfile": TEXT, "f": "f"}))
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    vertexes = [v for e in events for v in e.get("vertexes", ())]
    run = [v for v in vertexes if "RUN echo out" in v["name"]]
    assert run[0]["digest"].startswith("sha256:") and "completed" in run[-1] and "error" not in run[-1]
    logs = {(e["logs"][0]["stream"], base64.b64decode(e["logs"][0]["data"]).decode()) for e in events if "logs" in e}
    text = {n: "".join(t for s, t in logs if s == n) for n in (1, 2)}
    assert "out" in text[1] and text[2] == "err\n"
    [warning] = [w for e in events for w in e.get("warnings", ())]
    assert base64.b64decode(warning["short"]).startswith(b"JSONArgsRecommended")
    copied = next(v for v in vertexes if "COPY" in v["name"])
    assert set(copied["inputs"]) <= {v["digest"] for v in vertexes}


@pytest.mark.parametrize("kind", ["quiet", "none"])
def test_nothing(build, kind):
    done = build.scow("build", "--progress", kind, build.context({"Dockerfile": "FROM busybox\nRUN echo x\n"}))
    assert done.stderr == ""


def test_terminal(build):
    place = build.context({"Dockerfile": TEXT, "f": "f"})
    out, code = terminal(build, place, "--no-cache", "-t", "tty:1")
    lines = screen(out)
    assert code == 0 and re.match(r"\[\+\] Building \d+\.\d+s \(8/8\) FINISHED +scow$", lines[0])
    step = re.compile(r" => \[base 2/2\] RUN echo out; echo err >&2; printf 'no newline' +\d\.\ds$")
    assert sum(bool(step.match(line)) for line in lines) == 1, lines
    assert any(line.startswith(" => => naming to docker.io/library/tty:1") for line in lines)
    assert all(len(line) < 80 for line in lines if line.startswith((" =>", "[+]")))
    assert "\x1b[34m" in out and out.count("\x1b[?25l") == out.count("\x1b[?25h")


def test_terminal_without_colours(build):
    out, code = terminal(build, build.context({"Dockerfile": TEXT, "f": "f"}), NO_COLOR="1")
    assert code == 0 and not re.search(r"\x1b\[\d*m", out)


def test_terminal_with_wide_and_hostile_text(build):
    text = "FROM busybox\nRUN printf '漢字%.0s' $(seq 60); printf '\\033[2J\\033]0;x\\007\\n'; sleep 0.3; false\n"
    out, code = terminal(build, build.context({"Dockerfile": text}), "--no-cache")
    assert code == 1 and "\x1b[2J" not in out.partition("------")[0] and "\x1b]0" not in out.partition("------")[0]
    assert "ERROR: failed to build: failed to solve: process" in out


def test_plain_on_a_terminal(build):
    out, code = terminal(build, build.context({"Dockerfile": TEXT, "f": "f"}), BUILDKIT_PROGRESS="plain")
    assert code == 0 and "#1 [internal] load build definition" in out and "[+] Building" not in out
