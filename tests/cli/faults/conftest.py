"""A store with something to lose, and the means to kill what works on it and to see what is left.

``World`` is one store with the image busybox and a running container, ``keeper``. ``killed`` starts a command and kills it
at the nth change that can be seen from outside; ``sound`` says that all is well afterwards.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import Scow, is_root, mounts_below, throw_away

from scow.kernel import cgroup
from scow.runtime import statefile
from scow.runtime.net import firewall
from scow.runtime.net.network import interface_name
from scow.store import containers as rows
from scow.store import open_store

CONFTEST_ONLY = "tests/cli/faults need root, for they run containers"
PATIENCE = 10.0


def wait_for(what: Callable[[], bool], why: str, seconds: float = PATIENCE) -> None:
    """Ask until it is so."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"{why} did not happen within {seconds} s"
        time.sleep(0.005)


def listing(path: str) -> tuple[str, ...]:
    try:
        return tuple(sorted(os.listdir(path)))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def text(path: str) -> str:
    with open(path) as f:
        return f.read()


class World:
    """One store and what can be seen of it from outside."""

    def __init__(self, scow: Scow, outside: str) -> None:
        self.scow = scow
        self.root = scow.root
        self.outside = outside
        self.run = f"{self.root}/run"
        self.keepers: set[int] = set()
        """The processes of the keeper."""
        self.seen: set[str] = set()
        """Names that have had a snapshot or a state: the names of control groups."""

    def keep(self) -> None:
        """Start the container that is to survive everything."""
        self.scow("run", "-d", "--name", "keeper", "busybox", "sleep", "1000000")
        self.keepers = {self.supervisor("keeper"), int(self.scow("inspect", "-f", "{{.State.Pid}}", "keeper").stdout)}

    # -- looking ----------------------------------------------------------------------------------------------------

    def fingerprint(self) -> tuple[object, ...]:
        """What a bystander sees of a command's progress."""
        snapshots, states = listing(f"{self.root}/snapshots"), listing(f"{self.run}/containers")
        self.seen.update(snapshots, states)
        inside = tuple([listing(f"{self.run}/containers/{name}") for name in states])
        work = tuple([listing(f"{self.root}/tmp/{name}") for name in listing(f"{self.root}/tmp")])
        folders = ("tmp", "blobs/sha256", "layers", "containers", "leases", "volumes", "run/net/bridge")
        try:
            log = os.stat(f"{self.root}/scow.db-wal").st_mtime_ns
        except FileNotFoundError:
            log = 0
        return (
            snapshots,
            states,
            inside,
            work,
            log,
            listing(self.outside),
            *[listing(f"{self.root}/{f}") for f in folders],
        )

    def processes(self) -> dict[int, str]:
        """Processes that work on this store, or run inside it."""
        own = os.readlink("/proc/self/ns/mnt")
        found = {}
        mark = os.fsencode(self.root)
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open(f"/proc/{name}/cmdline", "rb") as f:
                    words = f.read()
                with open(f"/proc/{name}/environ", "rb") as f:
                    mine = b"SCOW_ROOT=" + mark + b"\0" in f.read() or mark in words
                if not mine and os.readlink(f"/proc/{name}/ns/mnt") != own:
                    with open(f"/proc/{name}/mountinfo", "rb") as f:
                        mine = mark in f.read()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if mine:
                found[int(name)] = words.replace(b"\0", b" ").decode(errors="replace")
        return found

    def live(self) -> set[str]:
        """Containers that have a supervisor."""
        return {name for name in listing(f"{self.run}/containers") if statefile.owner(f"{self.run}/containers/{name}")}

    def supervisor(self, name: str) -> int:
        """The process that owns a container, by its name."""
        return statefile.owner(f"{self.run}/containers/{self.id(name)}")

    def id(self, name: str) -> str:
        return self.scow("inspect", "-f", "{{.Id}}", name).stdout.strip()

    def groups(self) -> set[str]:
        """Control groups of containers and steps that were ever seen in this store."""
        hierarchy = cgroup.detect()
        tops = [m for _, m in hierarchy.v1] or [hierarchy.v2]
        return {name for top in tops for name in listing(f"{top}/scow")} & self.seen

    def links(self) -> tuple[str, ...]:
        """The hosts' ends of veth pairs on this store's bridge."""
        return listing(f"/sys/class/net/{interface_name('bridge', self.run)}/brif")

    # -- killing ----------------------------------------------------------------------------------------------------

    def killed(self, nth: int, *words: str, everything: bool = False) -> bool:
        """Start a command and kill it at the nth change seen; False if it ended before."""
        child = self.scow.spawn(*words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        last, changes = self.fingerprint(), 0
        while child.poll() is None:
            now = self.fingerprint()
            if now != last:
                last, changes = now, changes + 1
                if changes == nth:
                    if everything:
                        self.kill_work()
                    child.kill()
                    child.wait()
                    return True
        return False

    def kill_work(self) -> None:
        """Kill every process of a command at once: stopped first, so that none sees another die."""
        mine = set(self.processes()) - self.keepers
        for what in (signal.SIGSTOP, signal.SIGKILL):
            for pid in mine:
                try:
                    os.kill(pid, what)
                except ProcessLookupError:
                    continue

    # -- judging ----------------------------------------------------------------------------------------------------

    def quiet(self) -> None:
        """Wait until nothing works on the store but containers that have a supervisor."""
        try:
            wait_for(lambda: set(self.processes()) <= self.contained(), "the end of all work")
        except AssertionError:
            raise AssertionError(f"still there: {self.processes()}, besides {self.contained()}") from None

    def contained(self) -> set[int]:
        """The supervisors and processes of running containers."""
        found = set(self.keepers)
        for name in self.live():
            found.add(statefile.owner(f"{self.run}/containers/{name}"))
            found.update(cgroup.open_group(f"/scow/{name}").pids())
        return found

    def sound(self) -> list[str]:
        """Check, repair, check again, and look at the host; what was found and mended."""
        self.quiet()
        first = self.scow("system", "check", code=None)
        if first.returncode:
            assert first.returncode == 1, first.stderr
            self.scow("system", "check", "--repair")
        again = self.scow("system", "check", code=None)
        assert (again.stdout, again.returncode) == ("", 0), (first.stdout, again.stdout)
        self.nothing_left()
        self.scow("exec", "keeper", "true")
        self.scow("run", "--rm", "--network", "none", "busybox", "true")
        return first.stdout.splitlines()

    def nothing_left(self) -> None:
        """No mounts, groups, links, rules, addresses or files of anything that is no more."""
        live = self.live()
        with open_store(self.root, self.run) as store:
            known = {r.id for r in rows.list_all(store.state)}
        layers = set(listing(f"{self.root}/layers"))
        stray = [p for p in mounts_below(self.root) if p.removeprefix(f"{self.run}/layers/") not in layers]
        assert not stray, stray
        assert self.groups() <= live, (self.groups(), live)
        wait_for(lambda: len(self.links()) <= len(live), f"the end of links {self.links()}")
        assert not set(firewall.published()) & self.seen - live
        folder = f"{self.run}/net/bridge"
        owners = {text(f"{folder}/{a}") for a in listing(folder)}
        assert owners <= live, (owners, live)
        assert set(listing(f"{self.root}/containers")) <= known
        assert set(listing(f"{self.run}/containers")) <= known
        assert set(listing(f"{self.root}/snapshots")) - known == self.frozen()
        assert not [n for n in listing(f"{self.root}/tmp") if not n.startswith("ingest-")], listing(f"{self.root}/tmp")
        assert not [n for n in listing(self.outside) if n.endswith(".tmp")], listing(self.outside)

    def frozen(self) -> set[str]:
        """Snapshots that build cache records keep."""
        with open_store(self.root, self.run) as store:
            held = {r for (text,) in store.state.rows("SELECT holds FROM build_cache") for r in text.split('"')}
        return {r.removeprefix("snapshot ") for r in held if r.startswith("snapshot ")}

    def tidy(self, keep: str = "") -> None:
        """Remove all containers but the keeper and one more."""
        names = self.scow("ps", "-a", "--format", "{{.Names}}").stdout.split()
        others = [name for name in names if name not in ("keeper", keep)]
        if others:
            self.scow("rm", "-f", *others)


MOMENTS = (1, 2, 3, 5, 7, 10, 14)


def sweep(
    world: World, words: list[str], ready: Callable[[], object], *, everything: bool = False, keep: str = ""
) -> int:
    """Kill a command at its first visible change, its second, and so on until it ends first; how often it was killed.

    ``ready`` makes things ready again; the container ``keep`` is left alone besides the keeper.
    """
    for count, nth in enumerate(MOMENTS):
        ready()
        if not world.killed(nth, *words, everything=everything):
            return count
        world.sound()
        world.tidy(keep)
    return len(MOMENTS)


@pytest.fixture(scope="session")
def _world(tmp_path_factory: pytest.TempPathFactory, busybox_tar: str) -> Iterator[World]:
    if not is_root:
        pytest.skip(CONFTEST_ONLY)
    folder = tmp_path_factory.mktemp("faults")
    outside = folder / "outside"
    outside.mkdir()
    scow = Scow(str(folder / "store"))
    scow("load", "-q", "-i", busybox_tar)
    world = World(scow, str(outside))
    world.keep()
    yield world
    throw_away(scow.root)


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """The store of this session, swept before and after."""
    yield _world
    for name in listing(_world.outside):
        os.unlink(f"{_world.outside}/{name}")
    _world.tidy()
