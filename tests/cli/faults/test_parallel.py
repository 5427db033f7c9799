"""Several commands at once over one store: all succeed, or one honestly says that another was first."""

from __future__ import annotations

import os
import subprocess

from tests.cli.faults.conftest import World  # noqa: TC002
from tests.conftest import Scow, needs_root

pytestmark = needs_root


def at_once(scow: Scow, *commands: list[str]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of commands started together."""
    children = [scow.spawn(*words, stdin=subprocess.DEVNULL) for words in commands]
    found = []
    for child in children:
        out, err = child.communicate(timeout=60)
        assert b"Traceback" not in err, err.decode()
        found.append((child.returncode, out.decode(), err.decode()))
    return found


def test_eight_runs(world: World) -> None:
    done = at_once(
        world.scow,
        *[["run", "--rm", "busybox", "sh", "-c", f"ip -4 -o addr show eth0; sleep 1; exit {n}"] for n in range(8)],
    )
    assert [code for code, _, _ in done] == list(range(8)), done
    assert len({out.split()[3] for _, out, _ in done}) == 8, "every container has an address of its own"
    assert world.sound() == []


def test_builds_of_one_file(world: World, tmp_path: os.PathLike[str]) -> None:
    with open(f"{tmp_path}/Dockerfile", "w") as f:
        f.write("FROM busybox\nRUN echo one >/one\nCOPY Dockerfile /\nRUN cat /one /Dockerfile >/two\n")
    done = at_once(world.scow, *[["build", "-q", "-t", "same", str(tmp_path)]] * 4)
    assert [code for code, _, _ in done] == [0] * 4, done
    assert world.scow("run", "--rm", "--network", "none", "same", "head", "-n1", "/two").stdout == "one\n"
    world.scow("rmi", "-f", *{out.strip() for _, out, _ in done})
    assert world.sound() == []


def test_loads_of_one_archive(scow: Scow, busybox_tar: str) -> None:
    done = at_once(scow, *[["load", "-i", busybox_tar]] * 4)
    assert [(code, out) for code, out, _ in done] == [(0, "Loaded image: busybox:latest\n")] * 4
    assert len(scow("images", "-q").stdout.split()) == 1
    assert scow("system", "check").stdout == ""


def test_rmi_against_run(world: World, busybox_tar: str) -> None:
    for _ in range(4):
        world.scow("tag", "busybox", "contested")
        done = at_once(world.scow, ["run", "--rm", "--network", "none", "contested", "true"], ["rmi", "contested"])
        (ran, _, complaint), (removed, _, why) = done
        assert ran == 0 or (ran == 125 and "Unable to find image" in complaint), done
        assert removed == 0 or (removed == 1 and "conflict" in why.lower()), done
        world.scow("rmi", "contested", code=None)
    assert world.sound() == []


def test_rm_twice(world: World) -> None:
    for _ in range(3):
        world.scow("run", "-d", "--name", "contested", "busybox", "sleep", "1000")
        done = at_once(world.scow, *[["rm", "-f", "contested"]] * 3)
        for code, _, err in done:
            assert code == 0 or "No such container" in err or "already in progress" in err, done
        assert any(code == 0 for code, _, _ in done)
        assert world.scow("ps", "-aq", "--filter", "name=contested").stdout == ""
    assert world.sound() == []


def test_one_name_for_many(world: World) -> None:
    done = at_once(world.scow, *[["create", "--name", "unique", "busybox", "true"]] * 4)
    assert sorted(code for code, _, _ in done) == [0, 1, 1, 1]
    assert all("is already in use by container" in err for code, _, err in done if code)
    world.scow("rm", "unique")
    assert world.sound() == []


def test_start_and_stop_of_one_container(world: World) -> None:
    world.scow("create", "--name", "busy", "busybox", "sleep", "1000")
    done = at_once(world.scow, *[["start", "busy"]] * 3, ["kill", "busy"], ["rm", "-f", "busy"])
    for code, _, err in done:
        assert code == 0 or "is not running" in err or "is already running" in err or "No such container" in err, done
    world.scow("rm", "-f", "busy", code=None)
    assert world.sound() == []


def test_prune_while_others_build(world: World, tmp_path: os.PathLike[str]) -> None:
    with open(f"{tmp_path}/Dockerfile", "w") as f:
        f.write("FROM busybox\nRUN echo one >/one\nRUN echo two >/two\nCOPY Dockerfile /\n")
    for n in range(3):
        done = at_once(
            world.scow,
            ["build", "--no-cache", "-t", f"pruned{n}", str(tmp_path)],
            ["system", "prune", "-f"],
            ["builder", "prune", "-af"],
        )
        assert [code for code, _, _ in done] == [0, 0, 0], done
        assert world.scow("run", "--rm", "--network", "none", f"pruned{n}", "cat", "/two").stdout == "two\n"
    world.scow("rmi", "-f", "pruned0", "pruned1", "pruned2")
    assert world.sound() == []
