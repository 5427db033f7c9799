"""``scow run`` as a user sees it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.cli.containers.conftest import SCOW, Scow, environment

HOST = ("run", "--rm", "--network", "none")


def test_output_is_split_and_the_exit_code_is_the_containers(scow: Scow) -> None:
    done = scow(*HOST, "busybox", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_rm_leaves_nothing(scow: Scow, scow_root: str) -> None:
    assert scow(*HOST, "busybox", "true").returncode == 0
    assert scow("ps", "-aq").stdout == ""
    for place in ("containers", "snapshots", "run/containers"):
        assert os.listdir(f"{scow_root}/{place}") == [], place


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["nonesuch"], 127, 'exec: "nonesuch": executable file not found in $PATH'),
        (["/nonesuch"], 127, 'exec: "/nonesuch": stat /nonesuch: no such file or directory'),
        (["/etc"], 126, 'exec: "/etc": is a directory: permission denied'),
        (["/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'),
    ],
)
def test_what_cannot_be_executed(scow: Scow, command: list[str], code: int, words: str) -> None:
    done = scow(*HOST, "busybox", *command)
    assert done.returncode == code
    assert words in done.stderr
    assert done.stderr.startswith("scow: ")
    assert done.stderr.endswith("\n\nRun 'scow run --help' for more information\n")
    assert scow("ps", "-aq").stdout == "", "--rm removes what could not be started"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nonesuch"], "Unable to find image 'nonesuch:latest' locally"),
        (["--pull", "never", "nonesuch"], "No such image: nonesuch:latest"),
        (["--name", "a/b", "busybox", "true"], "Invalid container name (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-]"),
        (["-w", "foo", "busybox", "true"], "the working directory 'foo' is invalid, it needs to be an absolute path"),
        (["--entrypoint", "", "busybox"], "no command specified"),
        (["--network", "nope", "busybox", "true"], "network nope not found"),
        (["--network", "container:nope", "busybox", "true"], "No such container: nope"),
        (["--log-opt", "foo=bar", "busybox", "true"], "unknown log opt 'foo' for json-file log driver"),
        (["--cap-add", "foo", "busybox", "true"], 'invalid CapAdd: unknown capability: "CAP_FOO"'),
        (["--platform", "linux/s390x", "busybox", "true"], "does not match the specified platform"),
        (["-v", "x:/x", "busybox", "true"], "volume name is too short"),
        (["--mount", "type=bind,source=/nope,target=/x", "busybox", "true"], "bind source path does not exist: /nope"),
        (["--volumes-from", "nope", "busybox", "true"], "No such container: nope"),
        (["--user", "nobody-here", "busybox", "true"], "unable to find user nobody-here: no matching entries"),
    ],
)
def test_our_own_errors_are_125_and_leave_nothing(scow: Scow, scow_root: str, argv: list[str], words: str) -> None:
    done = scow("run", "--rm", *argv)
    assert done.returncode == 125, done
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert scow("ps", "-aq").stdout == ""
    assert os.listdir(f"{scow_root}/snapshots") == []


def test_a_missing_image_has_a_remedy(scow: Scow) -> None:
    hint = scow("create", "nonesuch").stderr
    for word in ("scow bootstrap", "scow import", "scow load", "scow pull"):
        assert word in hint


def test_a_name_is_taken_once(scow: Scow) -> None:
    first = scow("create", "--name", "one", "busybox", "true").stdout.strip()
    done = scow("create", "--name", "one", "busybox", "true")
    assert done.returncode == 1
    assert f'The container name "/one" is already in use by container "{first}"' in done.stderr


def test_input_goes_in_and_out(scow: Scow) -> None:
    done = scow(*HOST, "-i", "busybox", "cat", input="one\ntwo")
    assert (done.returncode, done.stdout) == (0, "one\ntwo")


def test_without_i_stdin_is_empty(scow: Scow) -> None:
    assert scow(*HOST, "busybox", "cat", input="one").stdout == ""


def test_large_streams_are_whole_both_ways(scow: Scow, scow_root: str, tmp_path: Path) -> None:
    data = (b"0123456789abcdef" * 4095 + b"\n") * 400  # 26 MB
    (tmp_path / "in").write_bytes(data)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as target:
        argv = [SCOW, *HOST, "-i", "--log-driver", "none", "busybox", "cat"]
        done = subprocess.run(argv, stdin=source, stdout=target, env=environment(scow_root), timeout=60, check=False)
    assert done.returncode == 0
    assert hashlib.sha256((tmp_path / "out").read_bytes()).digest() == hashlib.sha256(data).digest()


def test_no_output_of_short_processes_is_lost(scow: Scow) -> None:
    for number in range(8):
        assert scow(*HOST, "busybox", "echo", str(number)).stdout == f"{number}\n"


def test_environment_of_image_and_request(scow: Scow, tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# no\nA=file\nB=file\n")
    done = scow(*HOST, "-e", "A=flag", "-e", "PATH", "--env-file", str(file), "busybox", "/bin/env")
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert (found["A"], found["B"], found["HOME"]) == ("flag", "file", "/root")
    assert len(found["HOSTNAME"]) == 12


def test_a_bare_name_takes_a_variable_away(scow: Scow, scow_root: str) -> None:
    argv = [SCOW, *HOST, "-e", "PATH", "busybox", "/bin/env"]
    env = {k: v for k, v in environment(scow_root).items() if k != "PATH"}
    done = subprocess.run(["/bin/sh", *argv], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert "PATH=" not in done.stdout
    assert "HOME=" in done.stdout


def test_who_and_where(scow: Scow) -> None:
    show = "id -u; id -g; pwd; hostname; cat /etc/hostname"
    argv = ("-u", "7:8", "-w", "/made/here", "-h", "web")
    assert scow(*HOST, *argv, "busybox", "sh", "-c", show).stdout.split() == ["7", "8", "/made/here", "web", "web"]


def test_entrypoint_replaces_the_images_command(scow: Scow) -> None:
    done = scow(*HOST, "--entrypoint", "echo", "busybox", "a", "b")
    assert done.stdout == "a b\n"
    assert scow(*HOST, "--entrypoint", "echo", "busybox").stdout == "\n"


def test_the_files_of_etc(scow: Scow) -> None:
    show = "cat /etc/hosts; cat /etc/resolv.conf"
    argv = ("--dns", "9.9.9.9", "--dns-search", "x.example", "--add-host", "db:10.1.2.3", "--network", "none")
    done = scow("run", "--rm", *argv, "busybox", "sh", "-c", show)
    assert "10.1.2.3\tdb\n" in done.stdout
    assert "nameserver 9.9.9.9\nsearch x.example\n" in done.stdout


def test_read_only_root_with_a_writable_tmpfs(scow: Scow) -> None:
    script = "touch /x 2>/dev/null || echo ro; touch /t/x && echo rw; grep -c ' /t tmpfs.*size=1024k' /proc/mounts"
    done = scow(*HOST, "--read-only", "--tmpfs", "/t:size=1m", "busybox", "sh", "-c", script)
    assert done.stdout.split() == ["ro", "rw", "1"]


def test_binds_and_volumes(scow: Scow, scow_root: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("host\n")
    script = "cat /h/f; touch /h/x 2>/dev/null || echo ro; ls /v | head -1; echo kept > /v/new"
    argv = ("-v", f"{tmp_path}:/h:ro", "-v", "data1:/v", "-v", "data1:/etc/copy")
    assert scow(*HOST, *argv, "busybox", "sh", "-c", script).stdout.splitlines()[:2] == ["host", "ro"]
    again = scow(*HOST, "-v", "data1:/v", "busybox", "cat", "/v/new")
    assert again.stdout == "kept\n"
    assert Path(f"{scow_root}/volumes/data1/_data/new").read_text() == "kept\n"


def test_a_new_volume_is_filled_from_the_image(scow: Scow, scow_root: str) -> None:
    done = scow(*HOST, "-v", "data2:/etc", "-v", "data3:/etc:nocopy", "busybox", "true")
    assert done.returncode == 125, "two mounts on one target"
    assert scow(*HOST, "-v", "data2:/etc", "busybox", "cat", "/etc/passwd").stdout.startswith("root:")
    assert os.path.exists(f"{scow_root}/volumes/data2/_data/passwd")
    assert scow(*HOST, "-v", "data3:/etc:nocopy", "busybox", "ls", "/etc/passwd").returncode == 1


def test_anonymous_volumes_go_with_rm(scow: Scow, scow_root: str) -> None:
    before = set(os.listdir(f"{scow_root}/volumes")) if os.path.isdir(f"{scow_root}/volumes") else set()
    assert scow(*HOST, "-v", "/anonymous", "busybox", "touch", "/anonymous/x").returncode == 0
    assert set(os.listdir(f"{scow_root}/volumes")) == before


def test_volumes_from(scow: Scow) -> None:
    scow("run", "--network", "none", "--name", "donor", "-v", "/shared", "busybox", "sh", "-c", "echo 1 > /shared/x")
    assert scow(*HOST, "--volumes-from", "donor", "busybox", "cat", "/shared/x").stdout == "1\n"
    done = scow(*HOST, "--volumes-from", "donor:ro", "busybox", "touch", "/shared/y")
    assert "Read-only file system" in done.stderr


def test_cidfile(scow: Scow, tmp_path: Path) -> None:
    path = str(tmp_path / "cid")
    made = scow("create", "--cidfile", path, "busybox", "true").stdout.strip()
    assert Path(path).read_text() == made
    done = scow("create", "--cidfile", path, "busybox", "true")
    assert done.returncode == 125
    assert "container ID file found, make sure the other container isn't running or delete" in done.stderr


def test_a_terminal_is_needed_for_it(scow: Scow) -> None:
    done = scow("run", "--rm", "-it", "busybox", "true")
    assert (done.returncode, done.stderr) == (1, "the input device is not a TTY\n")


def test_detach_and_attach_exclude_each_other(scow: Scow) -> None:
    done = scow("run", "-d", "-a", "stdout", "busybox", "true")
    assert done.returncode == 1
    assert done.stderr == "conflicting options: cannot specify both --attach and --detach\n"


def test_limits_reach_the_kernel(scow: Scow) -> None:
    script = "ulimit -n; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"
    done = scow(*HOST, "-m", "64m", "--ulimit", "nofile=99", "busybox", "sh", "-c", script)
    assert done.stdout.split() == ["99", "67108864"]


def test_signals_are_passed_on(scow: Scow, scow_root: str) -> None:
    script = "trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    argv = [SCOW, *HOST, "busybox", "sh", "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment(scow_root), text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGTERM)
        assert child.stdout.read() == "got\n"
        assert child.wait(20) == 5


def test_rm_works_when_the_client_is_killed(scow: Scow, scow_root: str) -> None:
    argv = [SCOW, *HOST, "--name", "orphan", "busybox", "sh", "-c", "echo ready; sleep 0.4"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment(scow_root), text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        child.kill()
    assert scow("ps", "-q").stdout, "the container outlives its client"
    wait_for(lambda: scow("ps", "-aq").stdout == "")
    assert os.listdir(f"{scow_root}/snapshots") == []


def test_detached_containers_run_on(scow: Scow) -> None:
    name = scow("run", "-d", "--rm", "--network", "none", "busybox", "sleep", "0.3").stdout.strip()
    assert len(name) == 64
    assert scow("ps", "-q", "--no-trunc").stdout.strip() == name
    wait_for(lambda: scow("ps", "-aq").stdout == "")


def test_the_bridge_and_a_published_port(scow: Scow) -> None:
    serve = "echo hello > /index.html; httpd -f -p 80 -h /"
    scow("run", "-d", "--name", "web", "-p", "127.0.0.1::80", "busybox", "sh", "-c", serve)
    found = json.loads(scow("inspect", "web").stdout)[0]["NetworkSettings"]
    address, port = found["IPAddress"], found["Ports"]["80/tcp"][0]["HostPort"]
    assert f"127.0.0.1:{port}->80/tcp" in scow("ps").stdout
    assert found["Networks"]["bridge"]["IPAddress"] == address
    import urllib.request

    def fetched() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/index.html", timeout=2) as f:
                return bool(f.read() == b"hello\n")
        except OSError:
            return False

    wait_for(fetched)
    done = scow("run", "--rm", "busybox", "wget", "-qO-", f"http://{address}/index.html")
    assert done.stdout == "hello\n"
    joined = scow("run", "--rm", "--network", "container:web", "busybox", "wget", "-qO-", "http://localhost/index.html")
    assert joined.stdout == "hello\n", joined.stderr


def test_a_reader_that_goes_away_ends_the_client(scow: Scow, scow_root: str) -> None:
    script = f"{SCOW} run --rm --network none busybox yes | head -1"
    done = subprocess.run(
        ["bash", "-c", script], env=environment(scow_root), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "y\n"
    assert "Traceback" not in done.stderr


def wait_for(condition: object, seconds: float = 10.0) -> None:
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
