"""What tests through the real door share: a store of their own, the program, and small images.

def test_it(scow):                      # an empty store below tmp_path, unmounted and removed afterwards
    assert scow("images", "-q").stdout == ""

def test_that(busybox):                 # the same with the image busybox in it
    busybox("run", "--rm", "busybox", "true", code=0)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.leaks import Host, left

SCOW = os.path.join(os.path.dirname(sys.executable), "scow")
SHARED_BUSYBOX = "/work/shared/images/busybox-musl-amd64.tar.gz"
is_root = os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="needs root")


@dataclass
class Scow:
    """The program over one store: call it with words. ``code`` is the exit code that is expected; None for any."""

    root: str
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(
        self,
        *words: str,
        code: int | None = 0,
        stdin: str | bytes | None = None,
        timeout: float = 60,
        cwd: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        environment = {**os.environ, "SCOW_ROOT": self.root, **self.environment}
        done = subprocess.run(
            [SCOW, *words],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            env=environment,
            timeout=timeout,
            check=False,
            cwd=cwd,
        )
        told = subprocess.CompletedProcess(
            done.args,
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "replace"),
        )
        if code is not None and told.returncode != code:
            raise AssertionError(f"{' '.join(words)}: exit code {told.returncode}\n{told.stdout}\n{told.stderr}")
        assert "Traceback" not in told.stderr, told.stderr
        return told

    def spawn(self, *words: str, **options: object) -> subprocess.Popen[bytes]:
        """Start a command and go on; its streams are pipes unless said otherwise."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        environment = {**os.environ, "SCOW_ROOT": self.root, **self.environment}
        return subprocess.Popen([SCOW, *words], env=environment, **pipes)  # type: ignore[call-overload, no-any-return]


def mounts_below(root: str) -> list[str]:
    """Mount points under ``root``, innermost first."""
    with open("/proc/self/mountinfo") as f:
        points = [line.split()[4] for line in f]
    return [p for p in reversed(points) if p == root or p.startswith(root + "/")]


def throw_away(root: str) -> None:
    """Remove a store with its containers, network and mounts."""
    if any(os.path.isdir(f"{root}/{d}") and os.listdir(f"{root}/{d}") for d in ("containers", "run/net")):
        Scow(root)("system", "reset", "-f")
    for point in mounts_below(root):
        subprocess.run(["umount", "-l", point], check=False)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def nothing_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the session if its stores left mounts, bridges or control groups on the host."""
    base = str(tmp_path_factory.getbasetemp())
    before = Host.now(base)
    yield
    found = left(before, base)
    assert not found, "left on the host by this session's tests:\n" + "\n".join(found)


def remove_containers(program: Scow) -> None:
    """Remove all containers of a store, running or not."""
    folder = os.path.join(program.root, "containers")
    if os.path.isdir(folder) and os.listdir(folder):
        ids = program("ps", "-aq", code=None).stdout.split()
        program("rm", "-f", *ids, code=None)


@pytest.fixture
def scow(tmp_path: os.PathLike[str]) -> Iterator[Scow]:
    """The program over an empty store."""
    program = Scow(os.path.join(tmp_path, "store"))
    yield program
    remove_containers(program)
    throw_away(program.root)


@pytest.fixture(scope="session")
def busybox_tar(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An archive of the image ``busybox:latest``, made once."""
    folder = tmp_path_factory.mktemp("busybox")
    program = Scow(str(folder / "store"))
    if os.path.exists(SHARED_BUSYBOX):
        program("import", "-c", 'CMD ["sh"]', SHARED_BUSYBOX, "busybox")
    else:
        program("bootstrap", "-q", "busybox")
    path = str(folder / "busybox.tar")
    program("save", "-o", path, "busybox")
    throw_away(program.root)
    return path


@pytest.fixture
def busybox(scow: Scow, busybox_tar: str) -> Scow:
    """The program over a store that has the image ``busybox``."""
    scow("load", "-q", "-i", busybox_tar)
    return scow


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory, busybox_tar: str) -> Iterator[Scow]:
    """One store with ``busybox`` for a whole session: for tests that leave nothing behind."""
    program = Scow(str(tmp_path_factory.mktemp("shared") / "store"))
    program("load", "-q", "-i", busybox_tar)
    yield program
    remove_containers(program)
    throw_away(program.root)
