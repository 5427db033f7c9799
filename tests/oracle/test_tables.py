"""Every case of ``cases/``: docker and scow must say and do the same."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tests.conftest import SCOW, Scow, throw_away
from tests.oracle import compare

AREA = "/opt/peers/area"
DOCKER = shutil.which("docker", path="/opt/peers/bin:" + os.environ.get("PATH", os.defpath)) or "docker"
PEERS = {"DOCKER_HOST": "unix:///run/peers/docker.sock", "DOCKER_CONFIG": "/opt/peers/dockercfg"}
IMAGES = ("busybox:local", "debian:local")
AT_ONCE = 4
"""Cases at one time: most of a case is waiting for docker."""
TABLES = sorted(glob.glob(os.path.join(os.path.dirname(__file__), "cases", "*.sh")))
CASES = [
    pytest.param(title, script, id=f"{os.path.basename(table)[:-3]}: {title}")
    for table in TABLES
    for title, script in compare.cases(table)
]

pytestmark = [pytest.mark.oracle, pytest.mark.skipif(os.geteuid() != 0, reason="containers are made as root here")]
Answer = tuple[str, str]


def docker(*words: str) -> subprocess.CompletedProcess[bytes]:
    """Run docker, whatever its exit code."""
    return subprocess.run(
        [DOCKER, *words], env={**os.environ, **_peers()}, capture_output=True, check=False, timeout=60
    )


def _peers() -> dict[str, str]:
    return PEERS if os.path.exists("/run/peers/docker.sock") else {}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scow]:
    """A store with docker's own two images; skips by name where docker or they are missing."""
    try:
        known = docker("image", "inspect", *IMAGES).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        known = False
    if not known:
        pytest.skip(f"docker with {' and '.join(IMAGES)} is not up")
    program = Scow(str(tmp_path_factory.mktemp("oracle") / "store"))
    archive = docker("save", *IMAGES).stdout
    program("load", "-q", stdin=archive)
    yield program
    left = program("ps", "-aq", code=None).stdout.split()
    if left:
        program("rm", "-f", *left, code=None)
    throw_away(program.root)


@pytest.fixture(scope="module")
def answers(store: Scow, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Answer]]:
    """What both said, by the case's title; all cases that were selected are under way from the first one on."""
    place = os.path.join(
        AREA if os.path.isdir(AREA) else "/tmp", f"oracle-{os.getpid()}"
    )  # docker's daemon sees it too
    calls = [
        i.callspec.params for i in request.session.items if isinstance(i, pytest.Function) and hasattr(i, "callspec")
    ]
    pool = ThreadPoolExecutor(AT_ONCE)
    under_way: dict[str, Future[Answer]] = {}
    for k, params in enumerate(p for p in calls if "script" in p and "title" in p):
        under_way[params["title"]] = pool.submit(both, store, params["script"], f"oracle{os.getpid()}x{k}y", place)
    yield lambda title: under_way[title].result()
    pool.shutdown(cancel_futures=True)
    shutil.rmtree(place, ignore_errors=True)


def both(store: Scow, script: str, prefix: str, place: str) -> Answer:
    """The script with docker and with scow at the same time; what either leaves is removed."""

    def answer(name: str, program: str, env: dict[str, str]) -> str:
        directory = os.path.join(place, prefix, name)
        try:
            return compare.run(program, script, prefix, directory, env)
        finally:
            clean(program, prefix, env)

    with ThreadPoolExecutor(2) as pair:
        theirs = pair.submit(answer, "docker", DOCKER, _peers())
        ours = pair.submit(answer, "scow", SCOW, {"SCOW_ROOT": store.root})
        return theirs.result(), ours.result()


def clean(program: str, prefix: str, env: dict[str, str]) -> None:
    """Remove the containers and images whose names begin with the prefix."""

    def call(*words: str) -> list[str]:
        done = subprocess.run([program, *words], env={**os.environ, **env}, capture_output=True, text=True, check=False)
        return done.stdout.split()

    containers = call("ps", "-aq", "--filter", f"name={prefix}")
    if containers:
        call("rm", "-fv", *containers)
    images = [i for i in call("images", "--format", "{{.Repository}}:{{.Tag}}") if i.startswith(prefix)]
    if images:
        call("rmi", "-f", *images)


@pytest.mark.parametrize(("title", "script"), CASES)
def test_says_what_docker_says(title: str, script: str, answers: Callable[[str], Answer]) -> None:
    theirs, ours = answers(title)
    assert ours.split("\n") == theirs.split("\n")


def test_titles_are_different() -> None:
    titles = [p.values[0] for p in CASES]
    assert len(titles) == len(set(titles)) > 50


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Error response from daemon: No such image: x", "No such image: x"),
        ("docker: Error response from daemon: bad\n\nRun 'docker run --help'", "scow: bad\n\nRun 'scow run --help'"),
        ("a" * 64 + " " + "0a" * 6 + " deadbeef", "<id> <sid> deadbeef"),
        ("Up 3 seconds  Exited (137) About a minute ago", "Up <age>  Exited (137) <age>"),
        ("2026-11-23T12:40:17.010674803Z 172.17.0.3 02:42:ac:11:00:02", "<time> <ip> <mac>"),
        ("exit code 3, 1.5kB", "exit code 3, 1.5kB"),
    ],
)
def test_only_what_may_differ_is_left_out(text: str, normal: str) -> None:
    assert compare.normal(text, "/dir", "prefix") == normal
