"""exec: more processes in a running container."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest

from scow.errors import Conflict, Error
from scow.runtime import attach, client, flags, limits, recovery
from scow.runtime.client import Client, exec_process
from scow.runtime.program import StartError


@pytest.fixture
def running(box: Any) -> Iterator[Any]:
    def change(s: dict[str, Any]) -> dict[str, Any]:
        s = flags.hostname(limits.ulimits(s, {"nofile": (99, 99)}), "home")
        return flags.user(s, "web")

    bundle = box.bundle("sleep", "1000", change=change, env={"A": "b"}, cwd="/tmp")
    handle = box.start(bundle)
    yield bundle, handle
    if recovery.state(bundle.state)["status"] != "exited":
        handle.kill(9)
        box.finish(handle)


def run(bundle: Any, *args: str, stdin: bytes | None = None, **options: Any) -> tuple[int, str, str]:
    """Exec without a terminal: (exit code, output, errors)."""
    theirs, ours = attach.exec_streams(stdin=stdin is not None)
    own: Client = client.connect(bundle.state)
    privileged = options.pop("privileged", False)
    try:
        try:
            own.exec(exec_process(bundle.spec, list(args), **options), theirs, privileged=privileged)
        finally:
            for fd in theirs:
                os.close(fd)
        if stdin is not None:
            os.write(ours[0], stdin)
            os.close(ours[0])
        out, err = read_all(ours[1]), read_all(ours[2])
        return own.wait_exec().code, out, err
    finally:
        os.close(ours[1])
        os.close(ours[2])
        own.close()


def read_all(fd: int) -> str:
    found = b""
    while data := os.read(fd, 1 << 16):
        found += data
    return found.decode()


def test_a_process_like_the_containers_own(running: Any) -> None:
    script = "id -u; hostname; pwd; echo $A $HOME; ulimit -n; grep -E 'Seccomp:|CapBnd|CapEff' /proc/self/status; ls /proc/self/fd"
    code, out, err = run(running[0], "sh", "-c", script + "; echo oops >&2; exit 9")
    lines = out.split("\n")
    assert (code, err) == (9, "oops\n")
    assert lines[:5] == ["1000", "home", "/tmp", "b /home/web", "99"]
    assert lines[5:8] == ["CapEff:\t0000000000000000", "CapBnd:\t00000000a80425fb", "Seccomp:\t2"]
    assert lines[8:12] == ["0", "1", "2", "3"]


def test_namespaces_and_cgroup_are_the_containers(running: Any) -> None:
    bundle, _ = running
    pid = recovery.state(bundle.state)["pid"]
    kinds = ("net", "pid", "uts", "ipc", "cgroup", "mnt")
    out = run(bundle, "sh", "-c", " ".join(f"readlink /proc/self/ns/{k};" for k in kinds), user="0")[1]
    assert out.split() == [os.readlink(f"/proc/{pid}/ns/{k}") for k in kinds]
    theirs, ours = attach.exec_streams(stdin=True)
    own = client.connect(bundle.state)
    inside, _ = own.exec(exec_process(bundle.spec, ["sleep", "0.2"]), theirs)
    with open(f"/proc/{inside}/cgroup") as mine, open(f"/proc/{pid}/cgroup") as init:
        assert mine.read() == init.read()
    for fd in (*theirs, *ours):
        os.close(fd)
    assert own.wait_exec().code == 0
    own.close()


def test_options(running: Any) -> None:
    bundle, _ = running
    code, out, _ = run(bundle, "sh", "-c", "id -u; pwd; echo $A $B", user="root", cwd="/etc", env=["A=x", "B=y"])
    assert (code, out.split("\n")) == (0, ["0", "/etc", "x y", ""])
    assert run(bundle, "cat", stdin=b"through")[1] == "through"
    assert "Seccomp:\t0" in run(bundle, "grep", "Seccomp:", "/proc/self/status", privileged=True)[1]


@pytest.mark.parametrize(
    ("args", "options", "code", "words"),
    [
        (
            ["nope"],
            {},
            127,
            'OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable',
        ),
        (["/etc"], {}, 126, 'exec: "/etc": is a directory: permission denied'),
        (["true"], {"cwd": "/no"}, 127, 'chdir to cwd ("/no") set in config.json failed: no such file or directory'),
        (["true"], {"user": "nobody"}, 125, "unable to find user nobody: no matching entries in passwd file"),
    ],
)
def test_what_cannot_start(running: Any, args: list[str], options: dict[str, Any], code: int, words: str) -> None:
    with pytest.raises(StartError) as e:
        run(running[0], *args, **options)
    assert words in str(e.value) and e.value.exit_code == code
    assert run(running[0], "true")[0] == 0


def test_terminal(running: Any) -> None:
    bundle, _ = running
    own = client.connect(bundle.state)
    null = os.open("/dev/null", os.O_RDWR)
    process = exec_process(bundle.spec, ["sh", "-c", "tty; stty size; echo $TERM; read x; exit $x"], terminal=True)
    _, master = own.exec(process, (null,) * 3, size=(30, 90))
    os.write(master, b"5\n")
    assert own.wait_exec().code == 5
    out = b""
    try:
        while data := os.read(master, 1000):
            out += data
    except OSError:
        pass
    assert (
        out.replace(b"\r", b"").split(b"\n")[:2] != [] and b"/dev/pts/" in out and b"30 90" in out and b"xterm" in out
    )
    os.close(master)
    os.close(null)
    own.close()


def test_it_outlives_its_client_and_dies_with_the_container(box: Any, running: Any) -> None:
    bundle, handle = running
    null = os.open("/dev/null", os.O_RDWR)
    own = client.connect(bundle.state)
    pid, _ = own.exec(exec_process(bundle.spec, ["sleep", "500"]), (null,) * 3)
    own.close()
    time.sleep(0.1)
    assert run(bundle, "sh", "-c", "ps -o args | grep -c '^sleep 500'")[1] == "1\n"
    watcher = client.connect(bundle.state)
    pid2, _ = watcher.exec(exec_process(bundle.spec, ["sleep", "600"]), (null,) * 3)
    handle.kill(9)
    assert watcher.wait_exec().code == 137
    box.finish(handle)
    assert not os.path.exists(f"/proc/{pid}") and not os.path.exists(f"/proc/{pid2}")
    watcher.close()
    os.close(null)


def test_paused_and_ended(box: Any, running: Any) -> None:
    bundle, handle = running
    handle.pause()
    with pytest.raises(Conflict, match="is paused, unpause the container before exec"):
        run(bundle, "true")
    handle.unpause()
    handle.kill(9)
    box.finish(handle)
    with pytest.raises(Error, match="is not running"):
        run(bundle, "true")


def test_many_at_once(running: Any) -> None:
    bundle, _ = running
    clients = []
    null = os.open("/dev/null", os.O_RDWR)
    for i in range(12):
        own = client.connect(bundle.state)
        own.exec(exec_process(bundle.spec, ["sh", "-c", f"sleep 0.1; exit {i}"]), (null,) * 3)
        clients.append(own)
    assert [own.wait_exec().code for own in clients] == list(range(12))
    for own in clients:
        own.close()
    os.close(null)


def test_host_interpreter_cannot_be_reached(box: Any) -> None:
    # CVE-2019-5736: an exec'd "#!/proc/self/exe" runs the host's own Python inside, which then may be opened for writing.
    root = box.root()
    with open(f"{root}/bin/evil", "w") as f:
        f.write("#!/proc/self/exe\n")
    os.chmod(f"{root}/bin/evil", 0o755)
    watcher = "while :; do for p in /proc/[0-9]*; do { true >> $p/exe; } 2>/dev/null && echo WRITABLE $p; done; done"
    bundle = box.bundle("sh", "-c", watcher, root=root)
    handle = box.start(bundle)
    before = os.stat(os.path.realpath(sys.executable))
    for _ in range(5):
        try:
            run(bundle, "evil")
        except StartError:
            pass
        try:
            run(bundle, "/proc/self/exe", "-c", "pass")
        except StartError:
            pass
    handle.kill(9)
    ran = box.finish(handle)
    assert ran.code == 137
    # The container's own busybox is writable to it, of course, but busy (ETXTBSY) while it runs.
    assert "WRITABLE" not in ran.out
    after = os.stat(os.path.realpath(sys.executable))
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)


def test_supervisor_runs_from_a_read_only_mount(running: Any) -> None:
    # What makes the test above hold by construction: the link opens, but never for writing.
    _, handle = running
    link = f"/proc/{handle.pid}/exe"
    assert os.access(os.path.realpath(sys.executable), os.W_OK), "root may write the file itself"
    assert not os.access(link, os.W_OK)
    fd = os.open(link, os.O_PATH)
    try:
        assert not os.access(f"/proc/self/fd/{fd}", os.W_OK)
    finally:
        os.close(fd)


ATTACH = """
import sys
from scow.runtime import attach, client
own = client.connect(sys.argv[1])
own.attach("ioe")
try:
    with attach.RawTerminal(0):
        end = attach.attach(own, attach.Streams(0, 1, 2, terminal=sys.argv[2] == "tty"))
except attach.Detached:
    sys.exit(42)
sys.exit(end.code)
"""


def test_attached_terminal_resizes_detaches_and_is_restored(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "while read x; do stty size; echo got $x; done", terminal=True)
    handle = box.start(bundle, stdin="open")
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    termios.tcsetwinsize(master, (40, 120))
    code = [sys.executable, "-c", ATTACH, bundle.state, "tty"]
    with subprocess.Popen(code, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as attached:
        time.sleep(0.5)
        os.write(master, b"word\r")
        expect(master, b"40 120\r\ngot word")
        termios.tcsetwinsize(master, (10, 30))
        attached.send_signal(28)  # SIGWINCH: no controlling terminal here to send it
        time.sleep(0.2)
        os.write(master, b"more\r")
        expect(master, b"10 30\r\ngot more")
        os.write(master, b"\x10\x11")
        assert attached.wait(10) == 42
    assert termios.tcgetattr(slave) == before
    assert recovery.state(bundle.state)["status"] == "running"
    os.close(master)
    os.close(slave)
    handle.kill(9)
    box.finish(handle)


def expect(fd: int, words: bytes) -> None:
    seen = b""
    deadline = time.monotonic() + 10
    while words not in seen:
        assert time.monotonic() < deadline, seen
        seen += os.read(fd, 1000)


def test_attached_pipes_pass_signals_and_exit_code(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "trap 'echo caught; exit 6' TERM; cat & while :; do sleep 0.05; done")
    handle = box.start(bundle, stdin="open")
    code = [sys.executable, "-c", ATTACH, bundle.state, "pipe"]
    with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as attached:
        assert attached.stdin and attached.stdout
        time.sleep(0.5)
        attached.terminate()
        assert attached.wait(10) == 6
        assert attached.stdout.read().endswith(b"caught\n")
    assert box.finish(handle).code == 6


def test_more_than_fits_goes_through_in_both_directions(box: Any) -> None:
    # Neither side may wait for the other: what `cat` has not written yet fills every buffer on the way.
    data = os.urandom(4 << 20)
    bundle = box.bundle("cat")
    handle = box.create(bundle, stdin="once")
    handle.start()
    code = [sys.executable, "-c", ATTACH, bundle.state, "pipe"]
    assert subprocess.run(code, input=data, capture_output=True, timeout=60, check=True).stdout == data
    assert box.finish(handle).code == 0


def test_stdin_nobody_reads_is_bounded(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "sleep 2; wc -c")
    handle = box.create(bundle, stdin="once")
    handle.attach("o")
    handle.start()
    code = [sys.executable, "-c", ATTACH, bundle.state, "pipe"]
    with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as feeder:
        assert feeder.stdin
        os.set_blocking(feeder.stdin.fileno(), False)
        sent, until = 0, time.monotonic() + 1.5
        while time.monotonic() < until:
            try:
                sent += os.write(feeder.stdin.fileno(), bytes(1 << 16))
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < 8 << 20, "somebody keeps it all in memory"
        os.set_blocking(feeder.stdin.fileno(), True)
        feeder.stdin.close()
        assert feeder.wait(30) == 0
    assert box.finish(handle).out == f"{sent}\n"


def test_typing_ahead_of_a_terminal_that_does_not_read(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "stty -echo -icanon; echo up; sleep 0.5; head -c 50000 | wc -c", terminal=True)
    handle = box.start(bundle, stdin="open")
    while b"up" not in b"".join(handle.pending):
        handle.pending.append(handle.channel.receive()[0])
    handle.feed(b"x" * 50_000)
    assert box.finish(handle).out.endswith("50000\r\n")
