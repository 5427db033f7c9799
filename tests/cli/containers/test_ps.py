"""``ps`` and ``inspect``: docker's columns, fields, filters and document."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.containers.conftest import Scow

NONE = ("--network", "none")


def names(scow: Scow, *argv: str) -> list[str]:
    return scow("ps", "--format", "{{.Names}}", *argv).stdout.split()


def test_the_table(scow: Scow) -> None:
    full = scow("run", "-d", "--name", "aa", *NONE, "busybox", "sleep", "100").stdout.strip()
    lines = scow("ps").stdout.splitlines()
    assert re.split(r"\s{2,}", lines[0]) == ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    cells = re.split(r"\s{2,}", lines[1])
    assert cells[:3] == [full[:12], "busybox", '"sleep 100"']
    assert cells[4].startswith("Up ")
    assert cells[-1] == "aa"
    assert full in scow("ps", "--no-trunc").stdout


def test_commands_are_quoted_and_cut(scow: Scow) -> None:
    scow("create", *NONE, "busybox", "sh", "-c", 'echo "a\n\tb"; true and more')
    found = scow("ps", "-a", "--format", "{{.Command}}").stdout
    assert found == '"sh -c \'echo \\"a\\n\\tb\\…"\n'.replace("b\\…", "b…") or found.endswith('…"\n')
    whole = scow("ps", "-a", "--no-trunc", "--format", "{{.Command}}").stdout
    assert whole == '"sh -c \'echo \\"a\\n\\tb\\"; true and more\'"\n'


def test_states_in_words(scow: Scow) -> None:
    scow("run", "--name", "done", *NONE, "busybox", "sh", "-c", "exit 3")
    scow("create", "--name", "new", *NONE, "busybox", "true")
    scow("run", "--name", "bad", *NONE, "busybox", "nonesuch")
    found = dict(
        line.split(": ") for line in scow("ps", "-a", "--format", "{{.Names}}: {{.Status}}").stdout.splitlines()
    )
    assert re.fullmatch(r"Exited \(3\) (Less than a second|\d+ seconds?) ago", found["done"])
    assert (found["new"], found["bad"]) == ("Created", "Created")
    state = json.loads(scow("inspect", "bad").stdout)[0]["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 127)
    assert "executable file not found" in state["Error"]


def test_which_and_how_many(scow: Scow) -> None:
    for name in ("aa", "bb", "cc"):
        scow("create", "--name", name, *NONE, "busybox", "true")
    scow("run", "-d", "--name", "on", *NONE, "busybox", "sleep", "100")
    assert names(scow) == ["on"]
    assert names(scow, "-a") == ["on", "cc", "bb", "aa"]
    assert names(scow, "-n", "2") == ["on", "cc"]
    assert names(scow, "-l") == ["on"]
    assert len(scow("ps", "-aq").stdout.split()) == 4


def test_filters(scow: Scow) -> None:
    scow("run", "--name", "old", "-l", "k=v", *NONE, "busybox", "sh", "-c", "exit 3")
    scow(
        "create",
        "--name",
        "new",
        "-l",
        "k=w",
        "--network",
        "none",
        "-v",
        "vol7:/x",
        "--expose",
        "99",
        "busybox",
        "true",
    )
    scow("run", "-d", "--name", "on", *NONE, "busybox", "sleep", "100")
    short = scow("ps", "-aqf", "name=old").stdout.strip()

    def found(*filters: str) -> list[str]:
        return names(scow, "-a", *(w for f in filters for w in ("--filter", f)))

    assert found("name=o") == ["on", "old"]
    assert found("name=^on$") == ["on"]
    assert found("label=k") == ["new", "old"]
    assert found("label=k=v") == ["old"]
    assert found("status=created", "status=running") == ["on", "new"]
    assert found("exited=3") == ["old"]
    assert found("volume=vol7") == ["new"]
    assert found("volume=/x") == ["new"]
    assert found("expose=90-100/tcp") == ["new"]
    assert found("ancestor=busybox") == ["on", "new", "old"]
    assert found("ancestor=nope") == []
    assert found("before=on", "since=old") == ["new"]
    assert found(f"id={short}") == ["old"]
    assert found("network=bridge") == []
    assert names(scow, "--filter", "status=exited") == ["old"], "a state asked for needs no -a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("foo=bar", "invalid filter 'foo'"),
        ("status=foo", "invalid value for state (foo): must be one of created, running, paused, restarting, removing"),
        ("exited=x", 'strconv.Atoi: parsing "x": invalid syntax'),
        ("health=x", "invalid value for health (x): must be one of none, starting, healthy, unhealthy"),
        ("before=nonesuch", "No such container: nonesuch"),
        ("publish=abc", 'error while looking up for publish abc: strconv.ParseUint: parsing "abc": invalid syntax'),
    ],
)
def test_wrong_filters(scow: Scow, text: str, words: str) -> None:
    done = scow("ps", "--filter", text)
    assert done.returncode == 1
    assert words in done.stderr


def test_fields_and_json(scow: Scow) -> None:
    scow("create", "--name", "aa", "-l", "k=v", "-v", "vol7:/x", *NONE, "busybox", "true")
    found = json.loads(scow("ps", "-a", "--format", "json").stdout)
    assert list(found) == sorted(found)
    assert (found["Names"], found["State"], found["Labels"], found["Mounts"]) == ("aa", "created", "k=v", "vol7")
    assert (found["LocalVolumes"], found["Networks"], found["Size"]) == ("1", "none", "0B")
    assert scow("ps", "-a", "--format", '{{.Label "k"}}').stdout == "v\n"
    assert scow("ps", "-a", "--format", "table {{.Names}}\t{{.State}}").stdout.split() == [
        "NAMES",
        "STATE",
        "aa",
        "created",
    ]


def test_sizes(scow: Scow) -> None:
    scow("run", "--name", "aa", *NONE, "busybox", "dd", "if=/dev/zero", "of=/f", "bs=1000", "count=2000")
    size = scow("ps", "-as", "--format", "{{.Size}}").stdout
    assert re.fullmatch(r"2(\.\d+)?MB \(virtual 3\.\d+MB\)\n", size), size
    assert json.loads(scow("inspect", "-s", "aa").stdout)[0]["SizeRw"] >= 2_000_000


ARGS = ("--name", "shape", "-p", "18099:80", "-v", "/etc/hostname:/hn:ro", "--tmpfs", "/t:size=1m", "-e", "A=b", "-l",
        "x=y", "--restart", "on-failure:3", "-m", "64m", "--cap-add", "net_admin", "--device", "/dev/null:/dev/xx",
        "--ulimit", "nofile=100", "--sysctl", "net.ipv4.ip_forward=1", "--add-host", "a:1.2.3.4", "--dns", "8.8.8.8",
        "--pids-limit", "99", "--cpus", "0.5", "--init", "-w", "/x", "--mount", "type=tmpfs,target=/t2,tmpfs-size=1000000",
        "-i", "--stop-signal", "INT", "--annotation", "q=r", "--expose", "10-12")  # fmt: skip
# What differs between the two engines by their nature.
OWN = {"Id", "Created", "Image", "Name", "Driver", "GraphDriver", "Platform"}


@pytest.mark.oracle
@pytest.mark.skipif(not os.path.exists("/opt/peers/env.sh"), reason="needs docker beside us")
def test_inspect_has_dockers_shape(scow: Scow) -> None:
    script = '. /opt/peers/env.sh; docker create "$@" busybox:local sleep 9 && docker inspect shape; docker rm shape'
    done = subprocess.run(["bash", "-c", script, "-", *ARGS], capture_output=True, text=True, timeout=60, check=False)
    if "[" not in done.stdout:
        pytest.skip(f"docker is not up: {done.stderr}")
    theirs = json.loads(done.stdout[done.stdout.index("[") : done.stdout.rindex("]") + 1])[0]
    scow("create", *ARGS, "busybox", "sleep", "9")
    ours = json.loads(scow("inspect", "shape").stdout)[0]
    assert list(ours) == list(theirs)
    assert list(ours["State"]) == list(theirs["State"])
    assert list(ours["NetworkSettings"]) == list(theirs["NetworkSettings"])
    for text in ("Hostname", "Image"):
        theirs["Config"][text] = ours["Config"][text]
    theirs["Config"]["Env"] = [e for e in theirs["Config"]["Env"] if not e.startswith("PATH=")]  # of the image
    assert ours["Config"] == theirs["Config"]
    assert list(ours["Config"]) == list(theirs["Config"])
    for text in ("CgroupnsMode", "Runtime"):
        theirs["HostConfig"][text] = ours["HostConfig"][text]
    assert ours["HostConfig"] == theirs["HostConfig"]
    assert sorted(map(str, ours["Mounts"])) == sorted(map(str, theirs["Mounts"]))
    assert ours["State"] == theirs["State"]
