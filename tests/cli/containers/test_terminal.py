"""Terminals: -t, window sizes, detach keys, attach."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

import pytest
from tests.cli.containers.conftest import SCOW, Scow, environment

NONE = ("--network", "none")


class Typist:
    """A program on a terminal of its own: what it shows, and a way to type."""

    def __init__(self, root: str, *argv: str, rows: int = 33, columns: int = 77) -> None:
        self.master, slave = pty.openpty()
        self.resize(rows, columns)

        def lead() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.child = subprocess.Popen(
            [SCOW, *argv], stdin=slave, stdout=slave, stderr=slave, env=environment(root), start_new_session=True,
            preexec_fn=lead,
        )  # fmt: skip
        os.close(slave)
        self.shown = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def read(self, until: bytes, seconds: float = 10) -> bytes:
        end = time.monotonic() + seconds
        while until not in self.shown:
            assert time.monotonic() < end, self.shown
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.master, 1 << 16)
                except OSError:
                    break
        found, _, self.shown = self.shown.partition(until)
        return found + until

    def end(self) -> int:
        code = self.child.wait(10)
        os.close(self.master)
        return code


def test_a_shell_on_a_terminal(scow: Scow, scow_root: str) -> None:
    typist = Typist(scow_root, "run", "--rm", "-it", *NONE, "busybox", "sh")
    typist.read(b"# ")
    typist.type(b"stty size; tty; echo $TERM\n")
    assert b"33 77\r\n/dev/pts/0\r\nxterm\r\n" in typist.read(b"xterm\r\n")
    typist.resize(20, 50)
    typist.child.send_signal(28)  # SIGWINCH
    time.sleep(0.2)
    typist.type(b"stty size\n")
    typist.read(b"20 50\r\n")
    typist.type(b"\x03")  # ctrl-c goes to the shell, not to us
    typist.type(b"exit 9\n")
    assert typist.end() == 9


def test_detach_and_attach(scow: Scow, scow_root: str) -> None:
    typist = Typist(scow_root, "run", "-it", "--name", "box", *NONE, "busybox", "sh")
    typist.read(b"# ")
    typist.type(b"\x10\x11")
    assert typist.end() == 0
    assert scow("ps", "--format", "{{.Names}}").stdout == "box\n"
    again = Typist(scow_root, "attach", "--detach-keys", "ctrl-x,q", "box")
    time.sleep(0.3)
    again.type(b"echo one$((1+1))\n")
    again.read(b"one2\r\n")
    again.type(b"\x18q")
    again.read(b"read escape sequence")
    assert again.end() == 1
    assert scow("ps", "--format", "{{.Names}}").stdout == "box\n"


def test_exec_on_a_terminal(scow: Scow, scow_root: str) -> None:
    scow("run", "-d", "--name", "box", *NONE, "busybox", "sleep", "100")
    typist = Typist(scow_root, "exec", "-it", "box", "sh")
    typist.read(b"# ")
    typist.type(b"stty size; exit 4\n")
    typist.read(b"33 77\r\n")
    assert typist.end() == 4


def test_the_terminal_is_put_back(scow: Scow, scow_root: str) -> None:
    typist = Typist(scow_root, "run", "--rm", "-it", *NONE, "busybox", "true")
    before = termios.tcgetattr(typist.master)
    typist.child.wait(10)
    assert termios.tcgetattr(typist.master)[3] & termios.ICANON
    assert before[3] & termios.ECHO == termios.tcgetattr(typist.master)[3] & termios.ECHO
    typist.end()


def test_attach_gets_output_and_the_exit_code(scow: Scow, scow_root: str) -> None:
    script = "while [ ! -e /tmp/go ]; do sleep 0.05; done; echo out; echo err >&2; exit 3"
    scow("run", "-d", "--name", "box", *NONE, "busybox", "sh", "-c", script)
    argv = [SCOW, "attach", "box"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(argv, env=environment(scow_root), text=True, **pipes) as child:  # type: ignore[call-overload]
        time.sleep(0.5)
        scow("exec", "box", "touch", "/tmp/go")
        out, err = child.communicate(timeout=10)
    assert (child.returncode, out, err) == (3, "out\n", "err\n")


def test_attach_to_what_does_not_run(scow: Scow) -> None:
    scow("create", "--name", "box", *NONE, "busybox", "true")
    done = scow("attach", "box")
    assert (done.returncode, done.stderr) == (1, "Error: You cannot attach to a stopped container, start it first\n")


@pytest.mark.parametrize("keys", ["ctrl-", "abc", "ctrl-1"])
def test_wrong_detach_keys(scow: Scow, keys: str) -> None:
    scow("run", "-d", "--name", "box", *NONE, "busybox", "sleep", "100")
    assert "invalid detach keys" in scow("attach", "--detach-keys", keys, "box").stderr
