"""Namespaces, capabilities and what a process sets on itself, on the real kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from scow.errors import Invalid
from scow.kernel import capabilities, namespaces, process, syscall

root_only = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


def python(body: str) -> str:
    """Run code in a process of its own; what it prints."""
    head = "import os, sys, signal, errno\nfrom scow.kernel import capabilities, namespaces, process, syscall\n"
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(body)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@root_only
def test_clone_starts_inside_its_namespaces() -> None:
    out = python(
        """
        new = namespaces.CLONE_NEWPID | namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWNS
        pid, fd = namespaces.clone(new)
        if pid == 0:
            process.sethostname("inside")
            os._exit(40 + os.getpid() if os.uname().nodename == "inside" else 1)
        assert os.get_inheritable(fd) is False
        print(namespaces.wait(fd), os.uname().nodename != "inside")
        pid, fd = namespaces.clone(0)
        if pid == 0:
            signal.pause()
        assert namespaces.wait(fd, os.WEXITED | os.WNOHANG) is None
        print(namespaces.pidfd_send_signal(fd, 9), namespaces.wait(fd), namespaces.pidfd_send_signal(fd, 9))
        """
    )
    assert out == "41 True\nTrue 137 False\n"


@root_only
def test_interpreter_works_in_a_clone() -> None:
    out = python(
        """
        import threading
        pid, fd = namespaces.clone(namespaces.CLONE_NEWPID)
        if pid == 0:
            done = []
            t = threading.Thread(target=lambda: done.append(os.fork() or os._exit(0)))
            t.start(); t.join()
            import json, subprocess
            code = subprocess.call(["true"])
            print(json.dumps(code), threading.current_thread() is threading.main_thread(), flush=True)
            os._exit(0)
        print(namespaces.wait(fd))
        """
    )
    assert out == "0 True\n0\n"


def test_clone_refuses_threads_and_reports_errors() -> None:
    stop = threading.Event()
    t = threading.Thread(target=stop.wait)
    t.start()
    with pytest.raises(RuntimeError, match="threads"):
        namespaces.clone(0)
    stop.set()
    t.join()
    with pytest.raises(OSError, match="clone3: Invalid argument"):
        namespaces.clone(namespaces.CLONE_NEWNS | 0x200)  # a new namespace and CLONE_FS exclude each other
    assert namespaces.has_pidfd()


@root_only
def test_clone_into_cgroup_v2() -> None:
    from scow.kernel import cgroup

    host = cgroup.detect()
    if not host.v2 or not os.access(host.v2, os.W_OK):
        pytest.skip("needs a writable cgroup2")
    path = f"{host.v2}/scow-clone-{os.getpid()}"
    os.mkdir(path)
    try:
        out = python(
            f"""
            fd = os.open({path!r}, os.O_RDONLY)
            pid, pidfd = namespaces.clone(0, fd)
            if pid == 0:
                print(open("/proc/self/cgroup").read().splitlines()[-1], flush=True)
                os._exit(0)
            namespaces.wait(pidfd)
            """
        )
    finally:
        os.rmdir(path)
    assert out == f"0::/{os.path.basename(path)}\n"


@root_only
def test_user_namespace_maps() -> None:
    out = python(
        """
        r, w = os.pipe()
        pid, fd = namespaces.clone(namespaces.CLONE_NEWUSER)
        if pid == 0:
            os.read(r, 1)
            process.become(0, 0)
            print(os.getresuid(), open("/proc/self/uid_map").read().split(), flush=True)
            os._exit(0)
        namespaces.write_id_maps(pid, [(0, 100000, 5), (5, 200000, 1)], [(0, 100000, 10)])
        os.write(w, b"x")
        namespaces.wait(fd)
        try:
            namespaces.write_id_maps(os.getpid(), [(0, 0, 1)], [(0, 0, 1)])
        except OSError as e:
            print(e.filename)
        """
    ).splitlines()
    assert out[0] == "(0, 0, 0) ['0', '100000', '5', '5', '200000', '1']"
    assert out[1].endswith("/uid_map")


@root_only
def test_setns_by_pidfd() -> None:
    out = python(
        """
        pid, fd = namespaces.clone(namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWNET)
        if pid == 0:
            process.sethostname("other")
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(0)
        os.waitid(os.P_PIDFD, fd, os.WSTOPPED)
        namespaces.setns(fd, namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWNET)
        print(os.uname().nodename, os.path.samefile(namespaces.namespace_path("network"), namespaces.namespace_path("network", pid)))
        namespaces.pidfd_send_signal(fd, 9)
        """
    )
    assert out == "other True\n"


def test_capability_names_are_the_kernels() -> None:
    with open("/proc/sys/kernel/cap_last_cap") as f:
        assert capabilities.LAST == 40 <= int(f.read()) or capabilities.LAST >= 40
    assert capabilities.parse("net_raw") == capabilities.parse("CAP_NET_RAW") == 13
    assert capabilities.NUMBERS["CAP_CHECKPOINT_RESTORE"] == 40 and capabilities.NUMBERS["CAP_SETFCAP"] == 31
    assert capabilities.names(capabilities.mask(["kill", "CAP_CHOWN"])) == ("CAP_CHOWN", "CAP_KILL")
    with pytest.raises(Invalid, match="CAP_EVERYTHING"):
        capabilities.parse("CAP_EVERYTHING")


@root_only
def test_capabilities_survive_a_user_change_and_an_exec() -> None:
    out = python(
        """
        keep = capabilities.mask(["net_raw", "kill"])
        capabilities.limit_bounding(keep)
        assert capabilities.bounding() == keep
        process.become(1234, 1234, [5, 6], keep_capabilities=True)
        capabilities.capset(keep, keep, keep)
        capabilities.set_ambient(keep)
        assert capabilities.capget() == (keep, keep, keep)
        process.set_no_new_privs()
        os.execv("/bin/cat", ["cat", "/proc/self/status"])
        """
    )
    found = dict(line.split(":\t", 1) for line in out.splitlines() if ":\t" in line)
    assert {found[k] for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000002020"}
    assert (found["Uid"], found["Groups"].split(), found["NoNewPrivs"]) == ("1234\t1234\t1234\t1234", ["5", "6"], "1")


def test_parent_death_signal() -> None:
    out = python(
        """
        r, w = os.pipe()
        if os.fork() == 0:
            me = os.getpid()
            if os.fork() == 0:
                process.set_parent_death_signal(signal.SIGKILL, me)
                os.write(w, str(os.getpid()).encode())
                signal.pause()
            os._exit(int(os.read(r, 20)) and 0)
        process.set_child_subreaper()
        os.wait()
        try:
            print(os.waitstatus_to_exitcode(os.wait()[1]))
        except ChildProcessError:
            print(-9)  # init was quicker
        """
    )
    assert out == "-9\n"


def test_rlimits() -> None:
    out = python(
        """
        import resource
        assert process.set_rlimit("RLIMIT_NOFILE", 64, 128)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (64, 128)
        process.set_rlimit("RLIMIT_CORE", 0, 0)
        capabilities.capset(0, 0, 0)
        print(process.set_rlimit("RLIMIT_NOFILE", 256, 512), resource.getrlimit(resource.RLIMIT_NOFILE))
        """
    )
    assert out == "False (128, 128)\n"
    with pytest.raises(Invalid, match="RLIMIT_FUN"):
        process.set_rlimit("RLIMIT_FUN", 1, 1)


@pytest.mark.parametrize("missing", [False, True])
def test_close_range(missing: bool) -> None:
    out = python(
        f"""
        if {missing}:
            process.syscall = lambda *a: -1
        fds = [os.open("/", os.O_RDONLY) for _ in range(5)]
        [os.set_inheritable(fd, True) for fd in fds]
        process.close_range(fds[1], fds[2])
        process.close_range(fds[3], cloexec=True)
        def state(fd):
            try:
                return os.get_inheritable(fd)
            except OSError:
                return None
        print([state(fd) for fd in fds])
        """
    )
    assert out == "[True, None, None, False, False]\n"


def test_names_and_personality() -> None:
    out = python(
        """
        process.set_name("scow-supervisor-long")
        process.set_personality("LINUX32")
        print(open("/proc/self/comm").read().strip(), os.uname().machine)
        """
    ).split()
    assert out[0] == "scow-supervisor"
    assert syscall.MACHINE != "x86_64" or out[1] == "i686"
    with pytest.raises(Invalid):
        process.set_personality("BSD")


def test_errors_name_call_and_path() -> None:
    with pytest.raises(FileNotFoundError, match="statx: No such file or directory: '/nowhere'"):
        from scow.kernel import files

        files.statx("/nowhere")
    with pytest.raises(ValueError, match="embedded null byte"):
        syscall.cstring("a\0b")
    with pytest.raises(OSError, match="no system call number known"):
        syscall.number("not_a_call")
    assert signal.SIGKILL == 9
