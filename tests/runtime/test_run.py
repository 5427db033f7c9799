"""Containers through their supervisors, on the real kernel: what a program in one sees, and what we learn of its end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Any

import pytest

from scow.errors import Conflict, Error, NotFound
from scow.runtime import client, flags, limits, recovery, spec, statefile
from scow.runtime.networks import Join
from scow.runtime.program import StartError


def reap(handle: Any) -> None:
    os.waitpid(handle.pid, 0)
    handle.pid = 0


def status_of(text: str) -> dict[str, str]:
    return {k: v.strip() for k, _, v in (line.partition(":") for line in text.splitlines()) if v}


def read_until(handle: Any, words: bytes) -> None:
    while words not in b"".join([m[1:] for m in handle.pending if m[:1] == b"o"]):
        message, _ = handle.channel.receive()
        assert message, handle.pending
        handle.pending.append(message)


def own_status() -> str:
    with open("/proc/self/status") as f:
        return f.read()


def test_output_exit_code_log_and_state(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "echo out; echo err >&2; exit 7")
    handle = box.start(bundle)
    ran = box.finish(handle)
    assert (ran.code, ran.out, ran.err) == (7, "out\n", "err\n")
    with open(f"{bundle.directory}/log") as f:
        entries = [json.loads(line) for line in f]
    assert {(e["stream"], e["log"]) for e in entries} == {("stdout", "out\n"), ("stderr", "err\n")}
    state = recovery.state(bundle.state)
    assert state and (state["status"], state["exit_code"], state["pid"]) == ("exited", 7, 0)
    assert statefile.NEVER < state["started_at"] <= state["finished_at"]
    assert client.wait(bundle.state).code == 7
    recovery.delete(bundle.state)
    assert not os.path.exists(bundle.state)
    with pytest.raises(NotFound):
        client.wait(bundle.state)


def test_signals_become_128_and_more(box: Any) -> None:
    assert box.run("sh", "-c", "kill -9 $$; sleep 1; exit 3").code == 3  # a pid 1 cannot kill itself
    handle = box.start(box.bundle("sleep", "100"))
    handle.kill(signal.SIGKILL)
    assert box.finish(handle).code == 137


def test_defaults_inside(box: Any) -> None:
    ran = box.run("sh", "-c", "cat /proc/self/status; echo; echo pid $$; cat /proc/self/cgroup; env; ls /proc/self/fd")
    status = status_of(ran.out)
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == "00000000a80425fb"
    assert status["CapInh"] == status["CapAmb"] == "0000000000000000"
    assert (status["Seccomp"], status["NoNewPrivs"], status["Groups"]) == ("2", "0", "0")
    assert status["SigIgn"] == status["SigBlk"] == "0000000000000000"
    lines = ran.out.splitlines()
    assert "pid 1" in lines and "HOME=/root" in lines and f"PATH={spec.PATH}" in lines
    assert not [line for line in lines if ":/scow/" in line], "the cgroup namespace hides where we are"
    assert lines[-4:] == ["0", "1", "2", "3"], "nothing but ls's own directory is open"


def test_masked_and_read_only_paths(box: Any) -> None:
    script = """
    for f in /proc/sys/kernel/hostname /proc/sysrq-trigger; do echo x > $f && echo "WRITABLE $f"; done
    echo x > /sys/kernel/profiling && echo WRITABLE sys
    mkdir /sys/fs/cgroup/pids/x && echo WRITABLE cgroup
    cat /proc/keys /proc/timer_list /proc/interrupts /proc/kcore 2>/dev/null | wc -c
    ls -A /proc/acpi /sys/firmware 2>/dev/null | grep -v : | grep -c .
    grep -E ' (/proc/sys|/sys) ' /proc/mounts | cut -d' ' -f2,4 | cut -d, -f1
    """
    ran = box.run("sh", "-c", script)
    assert "WRITABLE" not in ran.out
    assert ran.out.split() == ["0", "0", "/sys", "ro", "/proc/sys", "ro"]


def test_privileged(box: Any) -> None:
    def change(s: dict[str, Any]) -> dict[str, Any]:
        return flags.privileged(s, limits.host_devices())

    ran = box.run("sh", "-c", "cat /proc/self/status; mount -t tmpfs x /tmp && echo MOUNTED; ls -l /dev", change=change)
    status = status_of(ran.out)
    own = status_of(own_status())
    assert status["CapEff"] == own["CapPrm"] and status["Seccomp"] == "0"
    assert "MOUNTED" in ran.out and " kmsg" in ran.out


def test_devices(box: Any) -> None:
    script = """
    for d in null zero full random urandom tty; do test -c /dev/$d || echo "MISSING $d"; done
    ls -l /dev/fd /dev/stdin /dev/stdout /dev/stderr /dev/ptmx | sed 's/.*dev/dev/'
    echo through > /dev/stdout
    mknod /tmp/disk b 254 0 && cat /tmp/disk 2>&1 | head -c 100
    mknod /tmp/null c 1 3 && echo ok > /tmp/null && echo null-ok
    """
    ran = box.run("sh", "-c", script)
    assert "MISSING" not in ran.out
    assert "dev/ptmx -> pts/ptmx" in ran.out and "through" in ran.out
    assert "Operation not permitted" in ran.out, "the device cgroup refuses the host's disk"
    assert ran.out.endswith("null-ok\n")


def test_added_device(box: Any) -> None:
    def change(s: dict[str, Any]) -> dict[str, Any]:
        return limits.device(s, "/dev/zero", "/dev/deep/z", "r")

    ran = box.run("sh", "-c", "head -c 3 /dev/deep/z | wc -c; ls -l /dev/deep/z", change=change)
    assert ran.out.startswith("3\n") and "1,   5" in ran.out


@pytest.mark.parametrize(
    ("user", "groups", "expected", "home"),
    [
        ("web", [], "uid=1000(web) gid=1000(web) groups=1000(web),29(audio),44(video)", "/home/web"),
        ("web:audio", [], "uid=1000(web) gid=29(audio) groups=29(audio)", "/home/web"),
        ("4711:12", ["video"], "uid=4711 gid=12 groups=12,44(video)", "/"),
        ("8", [], "uid=8(mail) gid=8 groups=8,29(audio)", "/var/mail"),
    ],
)
def test_user(box: Any, user: str, groups: list[str], expected: str, home: str) -> None:
    script = "id; echo $HOME; grep Cap /proc/self/status | sort -u; echo again > /dev/stdout; umask"
    ran = box.run("sh", "-c", script, change=lambda s: flags.user(s, user, groups))
    lines = ran.out.splitlines()
    who, _, named = lines[0].rpartition("groups=")
    wanted, _, expected_groups = expected.rpartition("groups=")
    assert (who, set(named.split(",")), lines[1]) == (wanted, set(expected_groups.split(",")), home)
    assert "CapEff:\t0000000000000000" in lines and "CapBnd:\t00000000a80425fb" in lines
    assert lines[-2:] == ["again", "0022"], ran


@pytest.mark.parametrize(
    ("args", "options", "code", "words"),
    [
        (["nope"], {}, 127, 'error during container init: exec: "nope": executable file not found in $PATH'),
        (["/etc"], {}, 126, 'exec: "/etc": is a directory: permission denied'),
        (["/etc/passwd"], {}, 126, 'exec: "/etc/passwd": permission denied'),
        (
            ["true"],
            {"change": lambda s: flags.user(s, "nobody")},
            125,
            "unable to find user nobody: no matching entries",
        ),
        (["true"], {"cwd": "/etc/passwd"}, 125, "Cannot mkdir: /etc/passwd is not a directory"),
        (
            ["true"],
            {"change": lambda s: flags.mount(s, "/x", "bind", "/no/such", ["rbind"])},
            125,
            "bind source path does",
        ),
        (
            ["true"],
            {"change": lambda s: flags.mount(s, "/etc/hosts", "bind", "/tmp", ["rbind"])},
            125,
            "not a directory",
        ),
        (["true"], {"change": lambda s: flags.sysctl(s, {"kernel.shmmax": "oops"})}, 125, "failed to write sysctl"),
        (["true"], {"change": lambda s: flags.namespace(s, "network", "/proc/1/ns/nope")}, 125, "does not exist"),
        (["true"], {"change": lambda s: {**s, "hooks": {"poststart": [{"path": "/x"}]}}}, 125, "spec: hooks"),
    ],
)
def test_what_cannot_start(box: Any, args: list[str], options: dict[str, Any], code: int, words: str) -> None:
    bundle = box.bundle(*args, **options)
    handle = box.create(bundle)
    with pytest.raises(Error) as e:
        handle.start()
    assert words in str(e.value) and e.value.exit_code == code
    assert box.finish(handle).code == code
    state = recovery.state(bundle.state)
    assert state and state["status"] == "exited" and words in state["error"]
    assert not os.path.exists(f"/sys/fs/cgroup/pids/scow/{bundle.id}")


def test_kernel_refuses_to_execute(box: Any) -> None:
    root = box.root()
    for name, text in (("broken", "garbage"), ("script", "#!/no/interpreter\n")):
        with open(f"{root}/bin/{name}", "w") as f:
            f.write(text)
        os.chmod(f"{root}/bin/{name}", 0o755)
    ran = box.run("broken", root=root)
    assert (ran.code, ran.err) == (255, "exec /bin/broken: exec format error\n")
    ran = box.run("script", root=root)
    assert (ran.code, ran.err) == (255, "exec /bin/script: no such file or directory\n")


def test_working_directory_is_made(box: Any) -> None:
    assert box.run("pwd", cwd="/made/deep").out == "/made/deep\n"


def test_mounts(box: Any, tmp_path: Any) -> None:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "file").write_text("hello\n")

    def change(s: dict[str, Any]) -> dict[str, Any]:
        s = flags.mount(s, "/rw/new", "bind", str(source), ["rbind"])
        s = flags.mount(s, "/ro", "bind", str(source), ["rbind", "rro"])
        s = flags.mount(s, "/one/file", "bind", str(source / "file"), ["rbind", "ro"])
        return flags.tmpfs(s, "/scratch", "size=1m,mode=700")

    script = """
    cat /rw/new/file /one/file; echo changed > /rw/new/made
    touch /ro/x; echo x > /one/file; touch /scratch/x && grep ' /scratch ' /proc/mounts
    """
    ran = box.run("sh", "-c", script, change=change)
    assert ran.out.startswith("hello\nhello\ntmpfs /scratch tmpfs rw,nosuid,nodev,noexec")
    assert ran.err.count("Read-only file system") == 2
    assert (source / "made").read_text() == "changed\n"


def test_recursive_read_only_and_propagation(box: Any, tmp_path: Any) -> None:
    source = str(tmp_path / "tree")
    os.makedirs(f"{source}/sub")
    subprocess.run(["mount", "-t", "tmpfs", "x", f"{source}/sub"], check=True)
    subprocess.run(["mount", "--make-private", f"{source}/sub"], check=True)
    try:

        def change(s: dict[str, Any]) -> dict[str, Any]:
            s = flags.mount(s, "/rro", "bind", source, ["rbind", "rro"])
            return flags.mount(s, "/ro", "bind", source, ["rbind", "ro"])

        ran = box.run("sh", "-c", "touch /rro/sub/x; touch /ro/sub/y && echo top-only; touch /ro/z", change=change)
        assert ran.out == "top-only\n" and ran.err.count("Read-only") == 2
    finally:
        subprocess.run(["umount", f"{source}/sub"], check=True)


def test_slave_mounts_see_the_hosts_and_private_ones_do_not(box: Any, tmp_path: Any) -> None:
    shared = str(tmp_path / "shared")
    os.makedirs(shared)
    subprocess.run(["mount", "--bind", shared, shared], check=True)
    subprocess.run(["mount", "--make-shared", shared], check=True)
    os.makedirs(f"{shared}/sub")
    try:

        def change(s: dict[str, Any]) -> dict[str, Any]:
            s = flags.mount(s, "/slave", "bind", shared, ["rbind", "rslave"])
            return flags.mount(s, "/private", "bind", shared, ["rbind"])

        handle = box.start(
            box.bundle("sh", "-c", "read x; ls /slave/sub; echo -; ls /private/sub", change=change), stdin="once"
        )
        subprocess.run(["mount", "-t", "tmpfs", "x", f"{shared}/sub"], check=True)
        with open(f"{shared}/sub/late", "w"):
            pass
        handle.feed(b"\n")
        ran = box.finish(handle)
        assert ran.out == "late\n-\n"
    finally:
        subprocess.run(["umount", f"{shared}/sub"], check=False)
        subprocess.run(["umount", shared], check=True)


def test_read_only_root(box: Any) -> None:
    ran = box.run("sh", "-c", "touch /x; touch /dev/shm/x && touch /tmp2; echo done", change=flags.read_only)
    assert ran.err.count("Read-only file system") == 2 and ran.out == "done\n"


def test_names_sysctls_limits_and_warnings(box: Any) -> None:
    def change(s: dict[str, Any]) -> dict[str, Any]:
        s = flags.sysctl(flags.hostname(s, "vessel", "sea"), {"kernel.msgmax": "9000", "net.ipv4.ip_forward": "1"})
        return limits.ulimits(s, {"nofile": (64, 128), "core": (0, 0)})

    script = "hostname; cat /proc/sys/kernel/domainname /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward; ulimit -n; ulimit -Hn"
    assert box.run("sh", "-c", script, change=change).out.split() == ["vessel", "sea", "9000", "1", "64", "128"]


def test_few_files_are_enough_to_start_with(box: Any) -> None:
    ran = box.run("sh", "-c", "ulimit -n", change=lambda s: limits.ulimits(s, {"nofile": (4, 4)}))
    assert (ran.code, ran.out) == (0, "4\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_hard_limit_above_the_hosts_is_a_warning(box: Any) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    bits = int(status_of(own_status())["CapEff"], 16)
    if bits >> 24 & 1 or hard < 0:
        pytest.skip("CAP_SYS_RESOURCE is there: limits can be raised")
    bundle = box.bundle("sh", "-c", "ulimit -Hn", change=lambda s: limits.ulimits(s, {"nofile": (hard * 2, hard * 2)}))
    handle = box.start(bundle)
    ran = box.finish(handle)
    assert ran.out == f"{hard}\n" and "RLIMIT_NOFILE" in handle.warnings[0]


def test_memory_and_pids(box: Any) -> None:
    ran = box.run("sh", "-c", "tail /dev/zero", change=lambda s: limits.memory(s, 16 << 20))
    assert ran.code == 137 and ran.oom_killed
    ran = box.run(
        "sh", "-c", "sleep 1 & sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait", change=lambda s: limits.pids(s, 3)
    )
    assert ran.code != 0 and "fork" in ran.err
    ran = box.run("cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes", change=lambda s: limits.memory(s, 64 << 20))
    assert ran.out in (f"{64 << 20}\n", "") and (ran.out or not os.path.exists("/sys/fs/cgroup/memory"))


def test_no_new_privileges_and_own_seccomp(box: Any, tmp_path: Any) -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["chmod", "fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}],
    }
    (tmp_path / "p.json").write_text(json.dumps(profile))
    options = ["no-new-privileges", f"seccomp={tmp_path}/p.json"]
    script = "chmod 700 /tmp; cat /proc/self/status"
    ran = box.run("sh", "-c", script, change=lambda s: flags.user(flags.security(s, options), "web"))
    status = status_of(ran.out)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "Function not implemented" in ran.err
    ran = box.run("sh", "-c", "unshare -m true; mount -t tmpfs x /tmp")
    assert "Operation not permitted" in ran.err or "permission denied" in ran.err


def test_ambient_capabilities_reach_a_user(box: Any) -> None:
    def change(s: dict[str, Any]) -> dict[str, Any]:
        s = flags.user(s, "web")
        for kind in ("inheritable", "ambient"):
            s["process"]["capabilities"][kind] = ["CAP_NET_BIND_SERVICE"]
        return s

    status = status_of(box.run("cat", "/proc/self/status", change=change).out)
    assert status["CapEff"] == status["CapAmb"] == "0000000000000400"


def test_namespaces_shared_with_the_host(box: Any) -> None:
    def change(s: dict[str, Any]) -> dict[str, Any]:
        for kind in ("network", "pid", "uts", "ipc", "cgroup"):
            s = flags.namespace(s, kind, "host")
        return s

    ran = box.run("sh", "-c", "for n in net pid uts ipc cgroup mnt; do readlink /proc/self/ns/$n; done", change=change)
    here = [os.readlink(f"/proc/self/ns/{n}") for n in ("net", "pid", "uts", "ipc", "cgroup", "mnt")]
    assert ran.out.split()[:5] == here[:5] and ran.out.split()[5] != here[5]


def test_namespaces_shared_with_another_container(box: Any) -> None:
    first = box.bundle("sh", "-c", "echo x > /dev/shm/x; sleep 100", change=lambda s: flags.hostname(s, "first"))
    handle = box.start(first)
    state = recovery.state(first.state)
    assert state

    def change(s: dict[str, Any]) -> dict[str, Any]:
        for kind, name in (("network", "net"), ("pid", "pid"), ("ipc", "ipc"), ("uts", "uts")):
            s = flags.namespace(s, kind, f"/proc/{state['pid']}/ns/{name}")
        return s

    ran = box.run("sh", "-c", "hostname; ps -o args | grep -c '^sleep 100'; readlink /proc/self/ns/net", change=change)
    assert ran.out.split() == ["first", "1", os.readlink(f"/proc/{state['pid']}/ns/net")]
    handle.kill(9)
    box.finish(handle)


def test_stragglers_of_a_shared_pid_namespace_are_killed(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "sleep 1000 & echo $!", change=lambda s: flags.namespace(s, "pid", "host"))
    ran = box.finish(box.start(bundle))
    assert ran.code == 0 and not os.path.exists(f"/proc/{ran.out.strip()}/exe")
    assert not os.path.exists(f"/sys/fs/cgroup/pids/scow/{bundle.id}")


def test_stdin(box: Any) -> None:
    assert box.run("cat", stdin=b"some\ntext").out == "some\ntext"
    big = os.urandom(300_000).hex().encode()
    assert box.run("md5sum", stdin=big).out.startswith(
        subprocess.run(["md5sum"], input=big, capture_output=True, check=True).stdout.decode()[:32]
    )
    assert box.run("sh", "-c", "readlink /proc/self/fd/0; cat").out == "/dev/null\n"


def test_stdin_once_ends_with_its_client_and_open_stdin_does_not(box: Any) -> None:
    once = box.bundle("cat")
    handle = box.create(once, stdin="once")
    handle.start()
    feeder = client.connect(once.state)
    feeder.attach("i")
    feeder.feed(b"x\n")
    feeder.close()
    assert box.finish(handle).code == 0
    stays = box.bundle("sh", "-c", "read a; read b; echo $a$b")
    handle = box.start(stays, stdin="open")
    for word in (b"1\n", b"2\n"):
        feeder = client.connect(stays.state)
        feeder.attach("i")
        feeder.feed(word)
        feeder.close()
    assert box.finish(handle).out == "12\n"


def test_many_clients_and_late_ones(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "read x; echo to all; echo also >&2")
    handle = box.start(bundle, stdin="once")
    others = [client.connect(bundle.state) for _ in range(3)]
    for other, streams in zip(others, ("o", "e", "oe"), strict=True):
        other.attach(streams)
        other.kill(0)  # answered after the attach
    handle.feed(b"\n")
    assert box.finish(handle).out == "to all\n"
    got = []
    for other in others:
        assert other.wait().code == 0
        got.append(sorted(other.pending))
        other.close()
    assert got == [[b"oto all\n"], [b"ealso\n"], [b"ealso\n", b"oto all\n"]]
    with pytest.raises(NotFound):
        client.connect(bundle.state)


def test_a_client_that_does_not_read_holds_the_container_up_but_loses_nothing(box: Any) -> None:
    size = 8 << 20
    bundle = box.bundle("sh", "-c", f"head -c {size} /dev/zero | tr '\\0' x; echo; touch /tmp/done")
    handle = box.start(bundle)
    time.sleep(0.5)
    status = recovery.state(bundle.state)
    assert status and status["status"] == "running", "the container waits for its reader"
    assert len(box.finish(handle).out) == size + 1


def test_a_client_that_goes_away_does_not(box: Any) -> None:
    bundle = box.bundle("sh", "-c", f"head -c {8 << 20} /dev/zero | tr '\\0' x")
    handle = box.create(bundle)
    handle.attach("oe")
    handle.start()
    handle.close()
    assert client.wait(bundle.state).code == 0
    reap(handle)


def test_terminal(box: Any) -> None:
    script = "tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo all; ls -l /dev/console | cut -c1; read x; stty size; echo got $x"
    bundle = box.bundle("sh", "-c", script, terminal=True)
    handle = box.start(bundle, size=(20, 70), stdin="once")
    read_until(handle, b"\nc\r\n")
    handle.resize(33, 99)
    handle.feed(b"words\r")
    ran = box.finish(handle)
    lines = ran.out.replace("\r", "").splitlines()
    assert lines[:4] == ["/dev/pts/0", "20 70", "all", "c"], lines
    assert lines[-2:] == ["33 99", "got words"] and ran.err == ""


def test_terminal_belongs_to_the_user_and_interrupts(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "stat -c %U:%G /dev/pts/0; trap 'echo int; exit 4' INT; while :; do sleep 0.1; done",
                        terminal=True, change=lambda s: flags.user(s, "web"))  # fmt: skip
    handle = box.start(bundle, stdin="once")
    time.sleep(0.3)
    handle.feed(b"\x03")
    ran = box.finish(handle)
    assert ran.code == 4 and ran.out.startswith("web:") and "int" in ran.out


def test_pause_kill_and_conflicts(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i > /tmp/n; sleep 0.01; done")
    handle = box.start(bundle)
    handle.pause()
    state = recovery.state(bundle.state)
    assert state and state["status"] == "paused"
    with pytest.raises(Conflict, match="is not running"):
        handle.pause()
    handle.unpause()
    with pytest.raises(Conflict):
        handle.unpause()
    with pytest.raises(Conflict, match="running"):
        recovery.delete(bundle.state)
    handle.pause()
    handle.kill(9)  # a frozen container dies all the same
    assert box.finish(handle).code == 137


def test_created_is_not_started(box: Any) -> None:
    bundle = box.bundle("touch", "/tmp/ran")
    handle = box.create(bundle)
    handle.created()
    state = recovery.state(bundle.state)
    assert state and (state["status"], state["started_at"]) == ("created", statefile.NEVER)
    handle.start()
    assert box.finish(handle).code == 0


def test_created_ends_with_who_made_it(box: Any) -> None:
    bundle = box.bundle("true")
    handle = box.create(bundle)
    handle.created()
    handle.cancel()
    reap(handle)
    state = recovery.state(bundle.state)
    assert state and state["status"] == "exited"


def test_supervisor_without_an_order_ends(box: Any) -> None:
    from scow.runtime.handle import prestart

    handle = prestart()
    handle.cancel()
    assert os.waitpid(handle.pid, 0)[0] == handle.pid


def test_one_supervisor_per_container(box: Any) -> None:
    bundle = box.bundle("sleep", "100")
    handle = box.start(bundle)
    second = box.create(bundle)
    with pytest.raises(StartError, match="has a supervisor already"):
        second.start()
    handle.kill(9)
    box.finish(handle)


def test_restart_policies(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "echo x >> /tmp/n; wc -l < /tmp/n; exit 3")
    handle = box.start(bundle, restart=("on-failure", 2))
    deadline = time.monotonic() + 20
    while (state := recovery.state(bundle.state)) and state["status"] != "exited":
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    assert state and (state["restarts"], state["exit_code"]) == (2, 3)
    with open(f"{bundle.directory}/log") as f:
        assert [json.loads(line)["log"] for line in f] == ["1\n", "2\n", "3\n"]
    box.finish(handle)


def test_always_restarts_until_stopped(box: Any) -> None:
    bundle = box.bundle("sh", "-c", "trap 'exit 0' TERM; sleep 0.01")
    handle = box.start(bundle, restart=("always", 0))
    deadline = time.monotonic() + 20
    while (state := recovery.state(bundle.state)) and state["restarts"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stopper = client.connect(bundle.state)
    stopper.stop_restarts()
    while (state := recovery.state(bundle.state)) and state["status"] != "exited":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stopper.close()
    box.finish(handle)


def test_on_exit_command_and_claimed_removal(box: Any, tmp_path: Any) -> None:
    command = ("/bin/sh", "-c", f"echo removed >> {tmp_path}/mark")
    handle = box.start(box.bundle("true"), on_exit=command)
    box.finish(handle)
    assert (tmp_path / "mark").read_text() == "removed\n"
    handle = box.start(box.bundle("true"), on_exit=command)
    handle.claim_removal()
    handle.wait()
    handle.removed()
    reap(handle)
    assert (tmp_path / "mark").read_text() == "removed\n"
    handle = box.start(box.bundle("true"), on_exit=command)
    handle.claim_removal()
    handle.wait()
    handle.close()  # it promised, and died
    reap(handle)
    assert (tmp_path / "mark").read_text() == "removed\nremoved\n"


def test_builtin_init_reaps_and_forwards(box: Any) -> None:
    script = "trap 'echo term; exit 5' TERM; (sleep 0.05 &) ; sleep 0.3; ps -o pid,stat,args; echo ready; while :; do sleep 0.05; done"
    bundle = box.bundle("sh", "-c", script, change=lambda s: flags.init(s, None))
    handle = box.start(bundle)
    read_until(handle, b"ready")
    handle.kill(15)
    ran = box.finish(handle)
    assert ran.code == 5 and ran.out.endswith("term\n")
    assert " Z" not in ran.out
    assert box.run("sh", "-c", "kill -9 $$", change=lambda s: flags.init(s, None)).code == 137


def test_bind_of_a_static_init(box: Any) -> None:
    found = flags.find_init()
    if found is None:
        pytest.skip("no docker-init, tini-static or catatonit on the host")
    ran = box.run("sh", "-c", "echo $$; ps | head -2", change=lambda s: flags.init(s, found))
    assert "/sbin/docker-init" in ran.out


def test_bridge_network(box: Any, tmp_path: Any) -> None:
    from scow.runtime.net import firewall
    from scow.runtime.net.network import create
    from scow.runtime.net.ports import PortMapping

    run = str(tmp_path / "run")
    os.makedirs(f"{run}/net")
    network = create(f"t{os.getpid()}", run)
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1\tlocalhost\n")
    join = Join(network, run, ports=(PortMapping(80),), hosts=str(hosts), names="box.example box")
    try:
        bundle = box.bundle("sh", "-c", "read x; ip -4 -o a; ip r; ping -c1 -W2 " + network.gateway)
        handle = box.start(bundle, networks=(join,), stdin="once")
        state = recovery.state(bundle.state)
        assert state
        end = state["endpoints"][0]
        assert hosts.read_text().endswith(f"{end['address']}\tbox.example box\n")
        assert end["ports"][0]["host_port"] > 0 and firewall.published()[bundle.id]
        handle.feed(b"\n")
        ran = box.finish(handle)
        assert ran.code == 0 and f"{end['address']}/" in ran.out and "1 packets received" in ran.out
        assert bundle.id not in firewall.published()
        again = box.run("ip", "-4", "-o", "a", networks=(join,))
        assert f"{end['address']}/" in again.out, "the address was given back"
    finally:
        firewall.remove(network)
        subprocess.run(["ip", "link", "del", network.interface], check=False, capture_output=True)


def test_loopback_is_up_without_a_network(box: Any) -> None:
    ran = box.run("sh", "-c", "ip -o link; ping -c1 -W2 127.0.0.1")
    assert ran.code == 0 and len([line for line in ran.out.splitlines() if "LOOPBACK,UP" in line]) == 1


def test_supervisor_is_small(box: Any) -> None:
    bundle = box.bundle("sleep", "100")
    handle = box.start(bundle)
    with open(f"/proc/{handle.pid}/smaps_rollup") as f:
        sizes = {words[0]: int(words[1]) for words in (line.split() for line in f) if len(words) == 3}
    assert sizes["Private_Dirty:"] < 4096, sizes  # docker's shim: 5.0 MiB a container
    assert os.listdir(f"/proc/{handle.pid}/task") == [str(handle.pid)]
    handle.kill(9)
    box.finish(handle)


def test_wrong_words_do_not_end_a_supervisor(box: Any) -> None:
    bundle = box.bundle("sleep", "100")
    handle = box.start(bundle)
    for nonsense in (b"K", b"Kx", b"K99999", b"R", b"R1", b"Rx y", b"E", b"\xff\xfe", b"A\xff", b"W" * 1000, b"O"):
        other = client.connect(bundle.state)
        other.channel.send(nonsense)
        other.close()
    other = client.connect(bundle.state)
    other.kill(9)
    other.close()
    assert box.finish(handle).code == 137


def test_user_namespace(box: Any, image: str) -> None:
    def change(s: dict[str, Any]) -> dict[str, Any]:
        ids = [(0, 100_000, 65_536)]
        return flags.user_namespace(s, ids, ids)

    folder = tempfile.mkdtemp(prefix="scow-userns")  # pytest's own are closed to everybody but root
    try:
        os.chmod(folder, 0o755)
        root = shutil.copytree(image, f"{folder}/root", symlinks=True)
        subprocess.run(["chown", "-R", "100000:100000", root], check=True)
        script = "id -u; touch /made; stat -c %u /made; echo x > /dev/null; read x"
        bundle = box.bundle("sh", "-c", script, change=change, root=root)
        handle = box.start(bundle, stdin="once")
        read_until(handle, b"0\n0\n")
        with open(f"/proc/{recovery.state(bundle.state)['pid']}/status") as f:
            assert status_of(f.read())["Uid"].split()[0] == "100000"
        own = client.connect(bundle.state)
        null = os.open("/dev/null", os.O_RDWR)
        script = "test $(id -u) = 8 && test $HOME = /var/mail"
        own.exec(client.exec_process(bundle.spec, ["sh", "-c", script], user="mail"), (null,) * 3)
        assert own.wait_exec().code == 0
        own.close()
        os.close(null)
        handle.end_input()
        assert box.finish(handle).code == 1
        assert os.stat(f"{root}/made").st_uid == 100_000
    finally:
        shutil.rmtree(folder)
