"""kill -9 of a command at every moment that can be seen from outside: the store is valid, and what was there still works.

Each command is killed at the first change of the store it makes, then (again from the start) at the second, and so on.
"""

from __future__ import annotations

import os
import tarfile

import pytest
from tests.cli.faults.conftest import World, listing, sweep
from tests.conftest import SCOW, needs_root

pytestmark = needs_root

DOCKERFILE = """FROM busybox
COPY . /context/
RUN echo one >/one
RUN echo two >/two && rm /one
LABEL a=b
"""


@pytest.fixture
def archive(world: World, busybox_tar: str) -> str:
    """The archive of an image that the store has not: two layers, one of a few megabytes."""
    path = f"{world.root}.victim.tar"
    if not os.path.exists(path):
        other = type(world.scow)(f"{world.root}.other")
        other("load", "-q", "-i", busybox_tar)
        other(
            "run",
            "--name",
            "big",
            "--network",
            "none",
            "busybox",
            "dd",
            "if=/dev/urandom",
            "of=/big",
            "bs=1M",
            "count=4",
        )
        other("commit", "big", "victim")
        other("save", "-o", path, "victim")
        other("system", "reset", "-f")
    return path


@pytest.fixture
def context(world: World, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("context")
    for n in range(40):
        (folder / f"file{n}").write_bytes(os.urandom(3000))
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return str(folder)


def test_load(world: World, archive: str) -> None:
    assert sweep(world, ["load", "-q", "-i", archive], lambda: world.scow("rmi", "victim", code=None)) >= 3
    world.scow("load", "-q", "-i", archive)
    assert world.scow("run", "--rm", "victim", "sh", "-c", "wc -c </big").stdout.strip() == str(4 << 20)
    world.scow("rmi", "victim")


def test_import(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("import")
    (folder / "data").write_bytes(os.urandom(3 << 20))
    path = f"{folder}/root.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(folder / "data", "data")
    assert sweep(world, ["import", path, "imported"], lambda: world.scow("rmi", "imported", code=None)) >= 3
    world.scow("import", path, "imported")
    world.scow("rmi", "imported")


def test_save(world: World) -> None:
    path = f"{world.outside}/saved.tar"
    sweep(world, ["save", "-o", path, "busybox"], lambda: None)
    assert listing(world.outside) in ((), ("saved.tar",))
    world.scow("save", "-o", path, "busybox")
    with tarfile.open(path) as tar:
        assert "manifest.json" in tar.getnames()


def test_commit(world: World) -> None:
    world.scow(
        "run", "--name", "changed", "--network", "none", "busybox", "sh", "-c", "mkdir /d; echo x >/d/x; rm /bin/ls"
    )
    words = ["commit", "changed", "committed"]
    assert sweep(world, words, lambda: world.scow("rmi", "-f", "committed", code=None), keep="changed") >= 2
    world.scow("commit", "changed", "committed")
    world.scow("run", "--rm", "--network", "none", "committed", "sh", "-c", "test ! -e /bin/ls && grep x /d/x")
    world.scow("rmi", "-f", "committed")


def test_create(world: World) -> None:
    words = ["create", "--name", "made", "-v", "/volume", "busybox", "true"]
    assert sweep(world, words, lambda: None) >= 2


def test_a_half_made_container_can_be_started(world: World) -> None:
    """Killed between the row and the snapshot: ``start`` makes what is missing."""
    for nth in range(1, 10):
        if not world.killed(nth, "create", "--name", "half", "busybox", "echo", "made"):
            break
        world.quiet()
        if world.scow("ps", "-aqf", "name=half").stdout:
            assert world.scow("start", "-a", "half").stdout == "made\n"
            world.scow("rm", "half")
    world.scow("rm", "half", code=None)
    world.sound()


@pytest.mark.parametrize("words", [["--rm"], ["--name", "ran", "-v", "/volume"]], ids=["rm", "keep"])
def test_run(world: World, words: list[str]) -> None:
    assert sweep(world, ["run", *words, "busybox", "true"], lambda: None) >= 3


def test_rm(world: World) -> None:
    def ready() -> None:
        world.scow("rm", "-fv", "gone", code=None)
        world.scow("run", "-d", "--name", "gone", "-v", "/volume", "busybox", "sleep", "1000")

    assert sweep(world, ["rm", "-fv", "gone"], ready) >= 2


def test_rmi(world: World, archive: str) -> None:
    def ready() -> None:
        world.scow("load", "-q", "-i", archive)

    assert sweep(world, ["rmi", "victim"], ready) >= 2


def test_system_prune(world: World, archive: str, context: str) -> None:
    def ready() -> None:
        world.scow("load", "-q", "-i", archive)
        world.scow("create", "victim", "true")
        world.scow("build", "-q", "-t", "pruned", context)

    assert sweep(world, ["system", "prune", "-af"], ready) >= 2
    assert world.scow("images", "-q", "busybox").stdout


@pytest.mark.parametrize("everything", [False, True], ids=["cli", "all"])
def test_build(world: World, context: str, *, everything: bool) -> None:
    """``all`` kills the process that runs the steps, and the steps, at the same time."""

    def ready() -> None:
        world.scow("rmi", "-f", "built", code=None)
        world.scow("builder", "prune", "-af", code=None)

    assert sweep(world, ["build", "-t", "built", context], ready, everything=everything) >= 5
    world.scow("build", "-q", "-t", "built", context)
    assert (
        world.scow("run", "--rm", "--network", "none", "built", "sh", "-c", "cat /two; test ! -e /one").stdout
        == "two\n"
    )


def test_the_program_is_the_one_installed() -> None:
    assert os.path.exists(SCOW), SCOW
