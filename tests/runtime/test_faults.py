"""Kills at any moment, and images that mean harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from scow.errors import Error
from scow.runtime import client, flags, light, recovery, statefile
from scow.runtime.handle import prestart


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while not gone(pid):
        assert time.monotonic() < deadline, f"{pid} lives"
        time.sleep(0.005)


def kill_supervisor(handle: Any) -> None:
    os.kill(handle.pid, signal.SIGKILL)
    os.waitpid(handle.pid, 0)
    handle.pid = 0


def test_killed_supervisor(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "sleep 1000 & sleep 1000")
    handle = box.start(bundle)
    state = recovery.state(bundle.state)
    assert state and state["status"] == "running"
    kill_supervisor(handle)
    wait_gone(state["pid"])
    found = recovery.state(bundle.state)
    assert found and (found["status"], found["exit_code"], found["pid"]) == ("exited", 137, 0)
    assert found["finished_at"] > found["started_at"] and "supervisor was killed" in found["error"]
    assert not os.path.exists(f"/sys/fs/cgroup/pids/scow/{bundle.id}")
    assert recovery.state(bundle.state) == found
    assert client.wait(bundle.state).code == 137
    recovery.delete(bundle.state)


def test_killed_supervisor_of_a_process_that_refuses_to_die_with_it(box: Any) -> None:
    # A setuid program, and anybody with prctl, clears the parent death signal: recovery kills by pid and start time.
    # The host's own interpreter, bound into the container, is the program that does so.
    prefix = sys.base_prefix
    script = "import ctypes, time; ctypes.CDLL(None).prctl(1, 0); print('up', flush=True); time.sleep(1000)"

    def change(s: dict[str, Any]) -> dict[str, Any]:
        for path in (prefix, "/lib", "/lib64", "/usr/lib"):
            if os.path.isdir(path):
                s = flags.mount(s, path, "bind", os.path.realpath(path), ["rbind", "ro"])
        return s

    bundle = box.bundle(os.path.realpath(sys.executable), "-I", "-S", "-c", script, change=change)
    handle = box.start(bundle)
    assert handle.expect(b"oe")[0] == b"oup\n"
    state = recovery.state(bundle.state)
    assert state
    kill_supervisor(handle)
    time.sleep(0.1)
    assert not gone(state["pid"])
    assert recovery.state(bundle.state)["status"] == "exited"
    wait_gone(state["pid"])


def test_recovery_never_kills_a_reused_pid(box: Any, tmp_path: Any) -> None:
    with subprocess.Popen(["sleep", "100"]) as innocent:
        state = {**statefile.blank("x"), "status": "running", "pid": innocent.pid, "pid_start": 12345}
        statefile.write(str(tmp_path), state)
        assert recovery.state(str(tmp_path))["status"] == "exited"
        assert innocent.poll() is None
        innocent.kill()


def test_two_recover_at_once(box: Any) -> None:
    bundle = box.bundle("sleep", "1000")
    handle = box.start(bundle)
    kill_supervisor(handle)
    code = f"from scow.runtime import recovery; print(recovery.state({bundle.state!r})['finished_at'])"
    racers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({r.communicate()[0] for r in racers}) == 1
    assert all(r.returncode == 0 for r in racers)


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08])
def test_supervisor_killed_while_the_container_is_made(box: Any, delay: float) -> None:
    bundle = box.bundle("sleep", "1000")
    handle = box.create(bundle)
    handle.attach("oe")
    handle.channel.send(b"S")
    time.sleep(delay)
    kill_supervisor(handle)
    found = recovery.state(bundle.state)
    assert found is None or (found["status"], found["exit_code"]) == ("exited", 137)
    deadline = time.monotonic() + 30
    quiet = 0
    while quiet < 10:  # the child that makes it may have been half-way, and cleans up after itself
        assert time.monotonic() < deadline
        time.sleep(0.02)
        quiet = 0 if os.path.exists(f"/sys/fs/cgroup/pids/scow/{bundle.id}") else quiet + 1


def test_killed_init(box: Any) -> None:
    bundle = box.bundle("sleep", "1000")
    handle = box.start(bundle)
    os.kill(recovery.state(bundle.state)["pid"], signal.SIGKILL)
    assert box.finish(handle).code == 137
    assert not os.path.exists(f"/sys/fs/cgroup/pids/scow/{bundle.id}")


CLIENT = """
import sys, time
from scow.runtime import bundle, light
from scow.runtime.handle import Order, prestart
h = prestart()
h.create(Order(bundle.from_json(light.loads(sys.stdin.read()))))
h.attach("oe")
h.start()
print(h.pid, flush=True)
time.sleep(100)
"""


def test_killed_client_leaves_the_container_alone(box: Any) -> None:
    from scow.runtime.bundle import to_json

    bundle = box.bundle("sh", "-c", "sleep 0.5; exit 3")
    with subprocess.Popen([sys.executable, "-c", CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cli:
        assert cli.stdin and cli.stdout
        cli.stdin.write(light.dumps(to_json(bundle)).encode())
        cli.stdin.close()
        assert cli.stdout.readline()
        cli.kill()
    assert recovery.state(bundle.state)["status"] == "running"
    assert client.wait(bundle.state).code == 3


def test_nothing_of_the_host_leaks_in(box: Any) -> None:
    secret = os.open("/etc/shadow" if os.path.exists("/etc/shadow") else "/etc/passwd", os.O_RDONLY)
    os.set_inheritable(secret, True)
    directory = os.open("/", os.O_RDONLY)
    os.set_inheritable(directory, True)
    try:
        ran = box.run("sh", "-c", "ls -l /proc/self/fd /proc/1/fd; env; cat /proc/1/environ; cat /proc/1/cmdline")
    finally:
        os.close(secret)
        os.close(directory)
    assert "shadow" not in ran.out and "pytest" not in ran.out and "python" not in ran.out
    assert os.environ.get("VIRTUAL_ENV", "no such thing") not in ran.out


@pytest.mark.parametrize("number", range(3, 12))
def test_working_directory_through_a_descriptor(box: Any, number: int) -> None:
    # CVE-2024-21626: WORKDIR /proc/self/fd/7 was a directory of the host.
    try:
        ran = box.run("sh", "-c", "pwd; ls ..", cwd=f"/proc/self/fd/{number}")
    except Error:
        return
    raise AssertionError(ran)


def test_working_directory_through_links(box: Any) -> None:
    root = box.root()
    os.symlink("/../../../../../../etc", f"{root}/up")
    os.symlink("/proc/self/cwd", f"{root}/magic")
    assert box.run("pwd", root=root, cwd="/up").out == "/etc\n"
    with pytest.raises(Error):
        box.run("pwd", root=root, cwd="/magic/x")


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_link_in_place_of_a_kernel_file_system(box: Any, name: str) -> None:
    # CVE-2019-16884 and its like: masks and read-only paths would cover something else.
    root = box.root()
    os.symlink("/tmp", f"{root}/{name}")
    with pytest.raises(Error, match="must be mounted on ordinary directory"):
        box.run("true", root=root)


@pytest.mark.parametrize(
    "target", ["/../../../../../../tmp/scow-escape", "/nowhere/inside", "etc/../../../../../tmp/scow-escape"]
)
@pytest.mark.parametrize("name", ["dev", "data", "etc/hosts", "dev-file"])
def test_links_in_place_of_mount_points(box: Any, name: str, target: str, tmp_path: Any) -> None:
    root = box.root()
    path = f"{root}/{name}"
    if os.path.exists(path):
        os.unlink(path)
    os.symlink(target, path)
    (tmp_path / "source").mkdir()
    (tmp_path / "file").write_text("inside\n")

    def change(s: dict[str, Any]) -> dict[str, Any]:
        source = "file" if "hosts" in name or "file" in name else "source"
        return s if name == "dev" else flags.mount(s, f"/{name}", "bind", str(tmp_path / source), ["rbind"])

    box.run("sh", "-c", "ls -l /dev/null", root=root, change=change)
    assert not os.path.lexists("/tmp/scow-escape")


def test_missing_and_hostile_directories(box: Any) -> None:
    root = box.root()
    os.rename(f"{root}/etc", f"{root}/real")
    os.symlink("../../../../../../../real", f"{root}/etc")
    os.rmdir(f"{root}/tmp")
    ran = box.run("sh", "-c", "ls /; ls /proc/self >/dev/null && echo proc; test -c /dev/null && echo null", root=root)
    assert "proc" in ran.out and "null" in ran.out
    assert not os.path.exists(f"{root}/made")


def test_file_in_place_of_a_directory(box: Any) -> None:
    root = box.root()
    with open(f"{root}/proc", "w"):
        pass
    with pytest.raises(Error):
        box.run("true", root=root)


def test_device_nodes_of_the_image_are_not_used(box: Any) -> None:
    root = box.root()
    os.mkdir(f"{root}/dev")
    os.mknod(f"{root}/dev/null", 0o60666, os.makedev(254, 0))  # the host's disk under the name of null
    os.symlink("/etc/passwd", f"{root}/dev/console")
    ran = box.run("sh", "-c", "ls -l /dev/null; cat /proc/keys /proc/timer_list; ls -ld /dev/console", root=root)
    assert " 1,   3" in ran.out and "No such file" in ran.err


def test_modules_in_the_image_are_not_imported(box: Any) -> None:
    # CVE-2019-14271: what we load after the change of root must not come from the image.
    root = box.root()
    mark = "raise SystemExit(open('/proc/1/environ').read() or 66)\n"
    folders = [
        os.path.dirname(os.__file__),
        os.path.dirname(os.path.dirname(light.__file__)),
        os.path.dirname(light.__file__),
    ]
    for folder in folders:
        os.makedirs(root + folder, exist_ok=True)
        for name in (
            "resource",
            "_socket",
            "stat",
            "signal",
            "encodings",
            "reaper",
            "users",
            "errno",
            "traceback",
            "linecache",
        ):
            with open(f"{root}{folder}/{name}.py", "w") as f:
                f.write(mark)
    assert box.run("id", "-u", root=root, change=lambda s: flags.init(flags.user(s, "web"), None)).out == "1000\n"
    bundle = box.bundle("sleep", "100", root=root)
    handle = box.start(bundle)
    own = client.connect(bundle.state)
    null = os.open("/dev/null", os.O_RDWR)
    own.exec(client.exec_process(bundle.spec, ["true"], user="web", terminal=True), (null,) * 3)
    assert own.wait_exec().code == 0
    own.close()
    os.close(null)
    handle.kill(9)
    box.finish(handle)


@pytest.mark.parametrize("what", ["fifo", "host-link", "huge"])
def test_hostile_accounts(box: Any, what: str) -> None:
    root = box.root()
    os.unlink(f"{root}/etc/passwd")
    if what == "fifo":
        os.mkfifo(f"{root}/etc/passwd")
    elif what == "host-link":
        os.symlink("/proc/1/root/etc/passwd", f"{root}/etc/passwd")
    else:
        with open(f"{root}/etc/passwd", "w") as f:
            f.truncate(1 << 34)
    with pytest.raises(Error):
        box.run("true", root=root, change=lambda s: flags.user(s, "root"))


def test_socket_path_longer_than_a_socket_address(box: Any, tmp_path: Any) -> None:
    from scow.runtime.bundle import Bundle
    from scow.runtime.handle import Order

    bundle = box.bundle("sleep", "100")
    state = str(tmp_path / ("d" * 60) / ("e" * 64))
    os.makedirs(state)
    box.states.append(state)
    handle = prestart(networks=False)
    box.handles.append(handle)
    handle.create(Order(Bundle(bundle.id, bundle.spec, bundle.rootfs, bundle.directory, state)))
    handle.start()
    other = client.connect(state)
    other.kill(9)
    other.close()
    assert box.finish(handle).code == 137


def test_supervisor_has_no_streams_of_ours(box: Any) -> None:
    r, w = os.pipe()
    os.set_inheritable(w, True)
    handle = box.start(box.bundle("sleep", "100"))
    for fd in (0, 1, 2):
        assert os.readlink(f"/proc/{handle.pid}/fd/{fd}") == "/dev/null"
    assert os.readlink(f"/proc/self/fd/{w}") not in [
        os.readlink(f"/proc/{handle.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{handle.pid}/fd")
    ]
    assert os.readlink(f"/proc/{handle.pid}/cwd") == "/"
    assert os.getsid(handle.pid) == handle.pid
    handle.kill(9)
    box.finish(handle)
    os.close(r)
    os.close(w)
