"""kill -9 of what runs: a container's supervisor, its init, a network that others use; and the end of a whole store."""

from __future__ import annotations

import json
import os
import signal

from tests.cli.faults.conftest import World, listing, wait_for
from tests.conftest import Scow, mounts_below, needs_root

from scow.engine.leftovers import dead_mounts
from scow.kernel import cgroup
from scow.runtime import statefile
from scow.runtime.net import bridge
from scow.runtime.net.network import interface_name
from scow.store.paths import Paths

pytestmark = needs_root


def state(world: World, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(world.scow("inspect", "-f", "{{json .State}}", name).stdout)
    return found


def test_a_killed_supervisor_takes_its_container_along(world: World) -> None:
    world.scow("run", "-d", "--name", "victim", "-p", "127.0.0.1::80", "busybox", "sleep", "1000")
    name, inner = world.id("victim"), int(str(state(world, "victim")["Pid"]))
    world.seen.add(name)
    os.kill(world.supervisor("victim"), signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{inner}"), "the end of the container")
    assert "Exited (137)" in world.scow("ps", "-a", "--filter", "name=victim").stdout
    assert state(world, "victim")["ExitCode"] == 137
    assert world.scow("ps", "-q", "--filter", "name=victim").stdout == ""
    assert world.sound() == []  # asking for it has set it right
    world.scow("start", "victim")
    assert state(world, "victim")["Running"] is True
    world.scow("rm", "-f", "victim")
    world.sound()


def test_check_buries_the_dead_by_itself(world: World) -> None:
    world.scow("run", "-d", "--name", "victim", "-p", "127.0.0.1::80", "-v", "/volume", "busybox", "sleep", "1000")
    world.seen.add(world.id("victim"))
    os.kill(world.supervisor("victim"), signal.SIGKILL)
    found = world.sound()
    assert [line for line in found if "supervisor was killed" in line], found


def test_check_removes_what_rm_should_have(world: World) -> None:
    world.scow("run", "-d", "--rm", "--name", "victim", "busybox", "sleep", "1000")
    world.seen.add(world.id("victim"))
    os.kill(world.supervisor("victim"), signal.SIGKILL)
    assert world.sound()
    assert world.scow("ps", "-aq", "--filter", "name=victim").stdout == ""


def test_a_killed_init_is_an_exit(world: World) -> None:
    world.scow("run", "-d", "--name", "victim", "busybox", "sleep", "1000")
    os.kill(int(str(state(world, "victim")["Pid"])), signal.SIGKILL)
    assert world.scow("wait", "victim").stdout == "137\n"
    world.scow("rm", "victim")
    assert world.sound() == []


def test_a_killed_supervisor_during_exec(world: World) -> None:
    world.scow("run", "-d", "--name", "victim", "busybox", "sleep", "1000")
    world.seen.add(world.id("victim"))
    child = world.scow.spawn("exec", "victim", "sleep", "1000")
    group = cgroup.open_group(f"/scow/{world.id('victim')}")
    wait_for(lambda: len(group.pids()) == 2, "the start of the exec")
    os.kill(world.supervisor("victim"), signal.SIGKILL)
    child.communicate(timeout=10)
    assert child.returncode != 0
    world.scow("rm", "-f", "victim")
    world.sound()


def test_leftovers_of_containers_that_are_not_there(world: World) -> None:
    """What no crash of ours should leave, made by hand: a state, an address and a volume of nobody."""
    name = "c0ffee" * 10 + "abcd"
    os.makedirs(f"{world.run}/containers/{name}")
    with open(f"{world.run}/net/bridge/10.255.255.1", "w") as f:
        f.write(name)
    os.makedirs(f"{world.root}/volumes/forgotten/_data")
    with open(f"{world.root}/volumes/forgotten/_data/precious", "w") as f:
        f.write("data")
    found = "\n".join(world.sound())
    for words in ("state belongs to no container", "address is held for nobody", "volume is not in the database"):
        assert words in found
    # A volume may be all that is left of somebody's data: it is entered again, never removed.
    assert world.scow("run", "--rm", "-v", "forgotten:/v", "busybox", "cat", "/v/precious").stdout == "data"


def test_dead_mounts(world: World) -> None:
    """A layer's mount point whose layer is gone."""
    kept = next(n for n in listing(f"{world.run}/layers") if len(n) == 64)
    ghost = f"{world.run}/layers/{'0' * 64}"
    os.mkdir(ghost)
    assert os.system(f"mount --bind {world.run}/layers/{kept} {ghost}") == 0
    assert dead_mounts(Paths(world.root, world.run)) == [ghost]
    assert any("mounted that nobody uses" in line for line in world.sound())


def test_reset_leaves_nothing(scow: Scow, busybox_tar: str) -> None:
    scow("load", "-q", "-i", busybox_tar)
    run = f"{scow.root}/run"
    scow("run", "-d", "-p", "127.0.0.1::80", "-v", "/v", "busybox", "sleep", "1000")
    scow("run", "-d", "--network", "none", "busybox", "sleep", "1000")
    scow("create", "busybox", "true")
    names = listing(f"{run}/containers")
    pids = [int(p) for p in scow("inspect", "-f", "{{.State.Pid}}", *names).stdout.split()]
    os.kill(statefile.owner(f"{run}/containers/{names[0]}"), signal.SIGKILL)
    interface = interface_name("bridge", run)
    assert os.path.exists(f"/sys/class/net/{interface}")
    scow("system", "reset", "-f")
    assert not os.path.exists(scow.root)
    assert mounts_below(scow.root) == []
    assert not os.path.exists(f"/sys/class/net/{interface}")
    for pid in filter(None, pids):  # the host's init may be slow to reap the orphan of a killed supervisor
        wait_for(lambda pid=pid: not os.path.exists(f"/proc/{pid}/root/bin"), f"the end of {pid}")
    tops = [m for _, m in cgroup.detect().v1] or [cgroup.detect().v2]
    assert not {n for top in tops for n in listing(f"{top}/scow")} & set(names)
    assert scow("ps", "-aq").stdout == ""  # the place can be used again


def test_the_bridge_of_a_store_deleted_by_hand(scow: Scow, busybox_tar: str) -> None:
    scow("load", "-q", "-i", busybox_tar)
    scow("run", "--rm", "busybox", "true")
    run = f"{scow.root}/run"
    interface = interface_name("bridge", run)
    assert interface not in [name for name, _ in bridge.orphans()]
    os.rename(run, f"{run}.gone")
    assert (interface, os.path.realpath(run)) in bridge.orphans()
    os.rename(f"{run}.gone", run)
