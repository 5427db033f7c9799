"""``cp`` with running containers, mounts, hostile containers and many files."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator

import pytest
from tests.conftest import Scow, mounts_below, needs_root

pytestmark = needs_root


@pytest.fixture
def box(shared_store: Scow) -> Iterator[Scow]:
    """The program, with a running container ``box``."""
    shared_store("run", "-d", "--name", "box", "--tmpfs", "/t", "-v", "cpvol:/vol", "busybox", "sleep", "1000")
    yield shared_store
    shared_store("rm", "-f", "-v", "box", code=None)


@pytest.fixture
def still(shared_store: Scow) -> Iterator[Scow]:
    """The program, with a container ``box`` that was never started."""
    shared_store("create", "--name", "box", "busybox", "sleep", "1000")
    yield shared_store
    shared_store("rm", "-f", "-v", "box", code=None)


def put(path: os.PathLike[str] | str, text: str = "text\n") -> str:
    with open(path, "w") as f:
        f.write(text)
    return str(path)


def test_running_container_sees_at_once_what_is_copied(box: Scow, tmp_path: os.PathLike[str]) -> None:
    box("cp", put(f"{tmp_path}/f"), "box:/tmp/f")
    assert box("exec", "box", "cat", "/tmp/f").stdout == "text\n"
    box("exec", "box", "sh", "-c", "mkdir /made && echo inner > /made/g")
    box("cp", "box:/made", f"{tmp_path}/made")
    with open(f"{tmp_path}/made/g") as f:
        assert f.read() == "inner\n"


def test_tmpfs_and_volume_of_a_running_container(box: Scow, tmp_path: os.PathLike[str]) -> None:
    """Unlike docker, whose copies to a tmpfs the container never sees."""
    file = put(f"{tmp_path}/f")
    box("cp", file, "box:/t/f")
    box("cp", file, "box:/vol/f")
    assert box("exec", "box", "cat", "/t/f", "/vol/f").stdout == "text\n" * 2
    box("cp", "box:/t/f", f"{tmp_path}/g")
    assert os.path.exists(f"{tmp_path}/g")


def test_paused_container(box: Scow, tmp_path: os.PathLike[str]) -> None:
    box("pause", "box")
    try:
        box("cp", put(f"{tmp_path}/f"), "box:/f")
        box("cp", "box:/f", f"{tmp_path}/g")
    finally:
        box("unpause", "box")
    assert box("exec", "box", "cat", "/f").stdout == "text\n"


def test_volume_of_a_stopped_container(shared_store: Scow, tmp_path: os.PathLike[str]) -> None:
    shared_store("create", "--name", "box", "-v", "cpvol2:/vol", "-v", f"{tmp_path}:/bind", "busybox", "cat", "/vol/f")
    try:
        put(f"{tmp_path}/f")
        shared_store("cp", f"{tmp_path}/f", "box:/vol/f")
        assert shared_store("start", "-a", "box").stdout == "text\n"
        shared_store("cp", f"{tmp_path}/f", "box:/bind/g")
        assert os.path.exists(f"{tmp_path}/g")
    finally:
        shared_store("rm", "-f", "box")
    assert not [p for p in mounts_below(shared_store.root) if "/containers/" in p]


@pytest.mark.parametrize(
    "path", ["/proc/x", "/proc/sys/kernel/core_pattern", "/sys/x", "/dev/x", "/proc", "/dev/../proc/x"]
)
def test_copies_that_would_be_hidden_are_refused(box: Scow, tmp_path: os.PathLike[str], path: str) -> None:
    done = box("cp", put(f"{tmp_path}/f"), f"box:{path}", code=1)
    assert "hides what is in" in done.stderr or "Could not find the file" in done.stderr


def test_proc_is_no_source(box: Scow, tmp_path: os.PathLike[str]) -> None:
    assert box("cp", "box:/proc/1/environ", f"{tmp_path}/x", code=1).stderr == (
        "Error: Could not find the file /proc/1/environ in container box\n"
    )
    box("cp", "box:/proc", f"{tmp_path}/proc")
    assert os.listdir(f"{tmp_path}/proc") == []


def test_root_of_a_running_container_has_no_kernel_files(box: Scow) -> None:
    done = subprocess.run(
        [*box("version").args[:1], "cp", "box:/", "-"], capture_output=True, env={**os.environ, "SCOW_ROOT": box.root}
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        names = {n.strip("/") for n in tar.getnames()}
    assert {"bin/busybox", "proc", "sys", "dev", "etc/hosts"} <= names
    assert not [n for n in names if n.startswith(("proc/", "sys/", "dev/"))]


def test_quiet_and_summary(still: Scow, tmp_path: os.PathLike[str]) -> None:
    file = put(f"{tmp_path}/f")
    assert still("cp", file, "box:/x").stderr == ""  # no terminal
    assert still("cp", "-q=false", file, "box:/x").stderr == "Successfully copied 2.05kB to box:/x\n"
    assert still("cp", "--quiet", file, "box:/x").stderr == ""
    out = f"{tmp_path}/out"
    assert still("cp", "-q=false", "box:/x", out).stderr == f"Successfully copied 2.05kB to {out}\n"


def test_progress_on_a_terminal(still: Scow, tmp_path: os.PathLike[str]) -> None:
    import pty

    put(f"{tmp_path}/f", "x" * 3_000_000)
    master, slave = pty.openpty()
    process = still.spawn("cp", f"{tmp_path}/f", "box:/x", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        said += piece
    os.close(master)
    assert process.wait() == 0
    assert b"Copying to container - " in said
    assert b"Successfully copied 3MB to box:/x" in said


def test_attributes_survive_both_ways(still: Scow, tmp_path: os.PathLike[str]) -> None:
    folder = f"{tmp_path}/in"
    os.mkdir(folder)
    put(f"{folder}/cap")
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    os.setxattr(f"{folder}/cap", "security.capability", capability)
    put(f"{folder}/setuid")
    os.chown(f"{folder}/setuid", 12, 34)
    os.chmod(f"{folder}/setuid", 0o6755)
    os.link(f"{folder}/setuid", f"{folder}/again")
    os.utime(f"{folder}/setuid", ns=(10**18, 10**18 + 5))
    still("cp", folder, "box:/in")
    still("cp", "box:/in", f"{tmp_path}/out")
    out = os.stat(f"{tmp_path}/out/setuid")
    assert (out.st_mode & 0o7777, out.st_uid, out.st_mtime_ns, out.st_nlink) == (0o6755, os.getuid(), 10**18, 2)
    assert os.getxattr(f"{tmp_path}/out/cap", "security.capability") == capability
    tar = f"{tmp_path}/t.tar"
    with open(tar, "wb") as f:
        process = still.spawn("cp", "box:/in", "-", stdout=f)
        process.communicate()
    with tarfile.open(tar) as found:
        assert (found.getmember("in/setuid").uid, found.getmember("in/setuid").gid) == (12, 34)


def test_sparse_tar_keeps_its_holes(still: Scow, tmp_path: os.PathLike[str]) -> None:
    with open(f"{tmp_path}/s", "wb") as f:
        f.seek(50 << 20)
        f.write(b"end")
    tar = subprocess.run(["tar", "-C", str(tmp_path), "-S", "-cf", "-", "s"], capture_output=True, check=True).stdout
    assert len(tar) < 1 << 20
    process = still.spawn("cp", "-", "box:/tmp")
    _, errors = process.communicate(tar)
    assert process.returncode == 0, errors
    still("cp", "box:/tmp/s", f"{tmp_path}/out")
    assert os.path.getsize(f"{tmp_path}/out") == (50 << 20) + 3


def test_sockets_are_left_out_and_said(still: Scow, tmp_path: os.PathLike[str]) -> None:
    os.mkdir(f"{tmp_path}/d")
    put(f"{tmp_path}/d/f")
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as s:
        os.chdir(f"{tmp_path}/d")
        try:
            s.bind("sock")
        finally:
            os.chdir(here)
    done = still("cp", f"{tmp_path}/d", "box:/d")
    assert done.stderr == f"Can't add file {tmp_path}/d/sock to tar: archive/tar: sockets not supported\n"


def swapper(box: Scow, target: str) -> subprocess.Popen[bytes]:
    """A process in the container that keeps swapping /w/d between a directory and a link to ``target``."""
    script = f"mkdir -p /w/real; echo mine > /w/real/f; while :; do rm -rf /w/d; ln -s {target} /w/d; rm -f /w/d; cp -r /w/real /w/d; done"
    box("exec", "-d", "box", "sh", "-c", script)
    time.sleep(0.2)
    return box.spawn("exec", "box", "true")


def test_link_swapped_while_copying_in(box: Scow, tmp_path: os.PathLike[str]) -> None:
    """CVE-2018-15664: what is written never lands on the host."""
    victim = f"{tmp_path}/victim"
    os.mkdir(victim)
    put(f"{tmp_path}/payload", "payload")
    swapper(box, victim).communicate()
    for _ in range(40):
        box("cp", f"{tmp_path}/payload", "box:/w/d", code=None)
        box("cp", f"{tmp_path}/payload", "box:/w/d/payload", code=None)
    assert os.listdir(victim) == []


def test_link_swapped_while_copying_out(box: Scow, tmp_path: os.PathLike[str]) -> None:
    """The same, read: the host's secret never comes out."""
    victim = f"{tmp_path}/victim"
    os.mkdir(victim)
    put(f"{victim}/f", "secret of the host")
    swapper(box, victim).communicate()
    got = tries = 0
    while tries < 40 or (not got and tries < 300):  # the file is there only now and then
        tries += 1
        box("cp", "-L", "box:/w/d/f", f"{tmp_path}/out", code=None)
        if os.path.exists(f"{tmp_path}/out"):
            got += 1
            with open(f"{tmp_path}/out") as f:
                assert f.read() in ("mine\n", "")
            os.unlink(f"{tmp_path}/out")
    assert got


def test_nothing_of_the_container_is_loaded(shared_store: Scow, tmp_path: os.PathLike[str]) -> None:
    """CVE-2019-14271: modules and libraries in the container, at the very paths of ours, stay unread."""
    import encodings
    import sysconfig

    import scow

    evil = "import os\nos.close(os.open('/pwned', os.O_CREAT | os.O_WRONLY))\n"
    tree = f"{tmp_path}/tree"
    for folder in (os.path.dirname(scow.__file__), sysconfig.get_path("stdlib"), os.path.dirname(encodings.__file__)):
        for root, _, files in os.walk(folder):
            if "site-packages" in root or "__pycache__" in root or "/test" in root:
                continue
            os.makedirs(tree + root, exist_ok=True)
            for name in files:
                if name.endswith((".py", ".so")):
                    put(f"{tree}{root}/{name}", evil if name.endswith(".py") else "")
    os.makedirs(f"{tree}/etc", exist_ok=True)
    put(f"{tree}/etc/passwd", "evil:x:5:6::/:/bin/sh\n")
    shared_store("create", "--name", "box", "-u", "evil", "busybox", "sleep", "1000")
    try:
        shared_store("cp", f"{tree}/.", "box:/")
        put(f"{tmp_path}/f")
        for running in (False, True):
            if running:
                shared_store("start", "box")
            shared_store("cp", "-a", f"{tmp_path}/f", "box:/tmp/f")
            shared_store("cp", "box:/etc", f"{tmp_path}/etc{running}")
            shared_store("cp", "box:/no", f"{tmp_path}/x", code=1)
            shared_store("cp", f"{tmp_path}/f", "box:/tmp/f/x", code=1)
            process = shared_store.spawn("cp", "-", "box:/tmp")
            assert process.communicate(b"nonsense")[1]
            shared_store("cp", "box:/pwned", f"{tmp_path}/x", code=1)
    finally:
        shared_store("rm", "-f", "box")


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    out.seek(0)
    return out


@pytest.mark.parametrize("way", ["absolute", "relative", "hardlink", "dotdot", "rooted", "chain"])
def test_hostile_archive_stays_below_its_directory(tmp_path: os.PathLike[str], way: str) -> None:
    """What a container sends is unpacked on the host by the same code; here with archives no file system gives."""
    from scow.engine.container.copying.unpack import Unpacker
    from scow.errors import Error

    dest, victim = f"{tmp_path}/a/dest", f"{tmp_path}/victim"
    os.makedirs(dest)
    os.mkdir(victim)
    put(f"{victim}/own", "own")
    sets = {
        "absolute": [member("l", tarfile.SYMTYPE, victim), member("l/x", data=b"evil")],
        "relative": [member("l", tarfile.SYMTYPE, "../../victim"), member("l/x", data=b"evil"), member("l/own", data=b"evil")],
        "hardlink": [member("h", tarfile.LNKTYPE, "../../victim/own"), member("h", data=b"evil")],
        "dotdot": [member("../../victim/x", data=b"evil")],
        "rooted": [member(f"{victim}/x", data=b"evil"), member("/../../victim/x", data=b"evil")],
        "chain": [member("l", tarfile.SYMTYPE, "m"), member("m", tarfile.SYMTYPE, victim), member("h", tarfile.LNKTYPE, "l/own"), member("l/own", data=b"evil")],
    }  # fmt: skip
    fd = os.open(dest, os.O_RDONLY | os.O_DIRECTORY)
    try:
        Unpacker(fd, dest, own=False).run(archive(*sets[way]))
    except Error:
        pass
    finally:
        os.close(fd)
    assert os.listdir(victim) == ["own"]
    with open(f"{victim}/own") as f:
        assert f.read() == "own"
    assert os.stat(f"{victim}/own").st_nlink == 1


def test_a_link_swapped_in_the_destination(tmp_path: os.PathLike[str]) -> None:
    """Somebody turns a directory of the destination into a link while it is being filled."""
    from scow.engine.container.copying.unpack import Unpacker
    from scow.errors import Error

    dest, victim = f"{tmp_path}/dest", f"{tmp_path}/victim"
    os.mkdir(dest)
    os.mkdir(victim)
    end = threading.Event()

    def swap() -> None:
        while not end.is_set():
            try:
                os.rename(f"{dest}/d", f"{dest}/old")
                os.symlink(victim, f"{dest}/d")
                os.unlink(f"{dest}/d")
                os.rename(f"{dest}/old", f"{dest}/d")
            except OSError:
                pass

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(300):
            fd = os.open(dest, os.O_RDONLY | os.O_DIRECTORY)
            try:
                Unpacker(fd, dest, own=False).run(
                    archive(member("d", tarfile.DIRTYPE), member("d/x", data=b"evil"), member("d/e/y", data=b"evil"))
                )
            except Error:
                pass
            finally:
                os.close(fd)
    finally:
        end.set()
        thread.join()
    assert os.listdir(victim) == []


def test_killed_while_copying(still: Scow, tmp_path: os.PathLike[str]) -> None:
    """A copy that is killed leaves no helper, no mount and no lock."""
    process = still.spawn("cp", "-", "box:/tmp")
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    still("cp", put(f"{tmp_path}/f"), "box:/tmp/f", timeout=10)
    still("start", "box", timeout=10)
    assert still("exec", "box", "cat", "/tmp/f").stdout == "text\n"


def test_start_waits_for_a_copy(still: Scow, tmp_path: os.PathLike[str]) -> None:
    """Both would mount the container's files."""
    process = still.spawn("cp", "-", "box:/tmp")
    time.sleep(0.3)
    starting = still.spawn("start", "box")
    time.sleep(0.5)
    assert starting.poll() is None
    process.communicate(archive(member("late", data=b"x")).getvalue())
    assert process.returncode == 0
    starting.communicate(timeout=20)
    assert starting.returncode == 0
    assert still("exec", "box", "cat", "/tmp/late").stdout == "x"


def test_deep_directories_end_well(still: Scow, tmp_path: os.PathLike[str]) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    try:
        done = still("cp", f"{tmp_path}/d", "box:/deep")
        assert "nested deeper" in done.stderr
    finally:
        subprocess.run(["rm", "-rf", f"{tmp_path}/d"], check=False)


def test_full_disk_is_an_error(shared_store: Scow, tmp_path: os.PathLike[str]) -> None:
    shared_store("run", "-d", "--name", "box", "--tmpfs", "/t:size=1m", "busybox", "sleep", "1000")
    try:
        put(f"{tmp_path}/f", "x" * (2 << 20))
        done = shared_store("cp", f"{tmp_path}/f", "box:/t/f", code=1)
        assert "no space left on device" in done.stderr
    finally:
        shared_store("rm", "-f", "box")


def test_many_files_in_and_out(still: Scow, tmp_path: os.PathLike[str]) -> None:
    for i in range(20):
        os.makedirs(f"{tmp_path}/many/d{i}")
        for j in range(100):
            put(f"{tmp_path}/many/d{i}/f{j}", f"{i}-{j}" * 50)
    still("cp", f"{tmp_path}/many", "box:/many")
    still("cp", "box:/many", f"{tmp_path}/out")
    with open(f"{tmp_path}/out/d19/f99") as f:
        assert f.read() == "19-99" * 50
    assert sum(len(files) for _, _, files in os.walk(f"{tmp_path}/out")) == 2_000
