"""commit, diff and export of containers, and the way back by import; words and results as docker 28.5 gives them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator

import pytest
from tests.conftest import SCOW, Scow, needs_root

pytestmark = needs_root
CHANGES = (
    "mkdir /a /a/b; echo x >/a/b/c; echo y >>/etc/passwd; rm /bin/cat; chmod 700 /root; ln -s x /l; mkfifo /ff; "
    "mv /bin/ls /bin/ls2; rm -rf /tmp; touch /tmp2; mkdir /tmp2d; rm -rf /home; mkdir /home; touch /home/n; "
    "touch /gone; rm /gone; ln /a/b/c /a/hard"
)
# What docker diff prints for these, sorted; /home was there before.
LISTED = """A /a
A /a/b
A /a/b/c
A /a/hard
C /bin
D /bin/cat
D /bin/ls
A /bin/ls2
C /etc
C /etc/passwd
A /ff
C /home
A /home/n
A /l
C /root
D /tmp
A /tmp2
A /tmp2d
""".splitlines()


@pytest.fixture
def ran(busybox: Scow) -> Iterator[Scow]:
    """The program, with a container ``box`` that has changed its files and ended."""
    busybox("run", "--name", "box", "-e", "FROM_RUN=1", "-w", "/etc", "--label", "l=1", "busybox", "sh", "-c", CHANGES)
    yield busybox


def binary(scow: Scow, *words: str, stdin: bytes | None = None) -> bytes:
    done = subprocess.run(
        [SCOW, *words], input=stdin, capture_output=True, check=False, env={**os.environ, "SCOW_ROOT": scow.root}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def config(scow: Scow, image: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(scow("image", "inspect", image).stdout)[0]
    return found


def test_diff(ran: Scow) -> None:
    by_path = lambda line: line[2:]  # noqa: E731
    # busybox's root may have 0700 already, and then nothing has changed there
    got = [one for one in ran("diff", "box").stdout.splitlines() if one != "C /root"]
    assert got == sorted([one for one in LISTED if one != "C /root"], key=by_path)


def test_diff_of_what_only_ran_is_empty(busybox: Scow) -> None:
    """The places for /etc/hosts and /proc are nobody's changes."""
    busybox("run", "--name", "box", "busybox", "true")
    assert busybox("diff", "box").stdout == ""
    busybox("commit", "box", "same")
    with tarfile.open(fileobj=io.BytesIO(binary(busybox, "save", "same"))) as tar:
        manifest = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
        last = tar.extractfile(manifest[0]["Layers"][-1]).read()  # type: ignore[union-attr]
    with tarfile.open(fileobj=io.BytesIO(last)) as layer:
        assert layer.getnames() == []


def test_diff_of_a_running_container(busybox: Scow) -> None:
    busybox(
        "run",
        "-d",
        "--name",
        "box",
        "--tmpfs",
        "/t",
        "-v",
        "vv:/vol",
        "busybox",
        "sh",
        "-c",
        "touch /t/x /vol/x /y; sleep 1000",
    )
    end = time.monotonic() + 10
    while "A /y" not in busybox("diff", "box").stdout and time.monotonic() < end:
        time.sleep(0.1)
    assert set(busybox("diff", "box").stdout.splitlines()) == {"A /t", "A /vol", "A /y"}


def test_unknown_container(scow: Scow) -> None:
    for words in (("diff", "nosuch"), ("export", "nosuch"), ("commit", "nosuch"), ("commit", "nosuch", "x")):
        assert scow(*words, code=1).stderr == "Error: No such container: nosuch\n"


def test_commit_carries_the_configuration_over(ran: Scow) -> None:
    name = ran("commit", "box", "made:1").stdout.strip()
    found = config(ran, "made:1")
    assert found["Id"] == name
    settings = found["Config"]
    assert isinstance(settings, dict)
    assert "FROM_RUN=1" in settings["Env"]
    assert settings["Cmd"] == ["sh", "-c", CHANGES]
    assert settings["WorkingDir"] == "/etc"
    assert settings["Labels"] == {"l": "1"}
    assert not settings.get("Hostname")


def test_commit_changes_author_and_message(ran: Scow) -> None:
    changes = [
        "ENV A=b",
        'CMD ["x","y"]',
        "EXPOSE 80",
        "LABEL k=v",
        "WORKDIR /a",
        "USER daemon",
        "VOLUME /v",
        'ENTRYPOINT ["e"]',
        "ONBUILD RUN x",
        "STOPSIGNAL SIGINT",
        "HEALTHCHECK CMD true",
    ]
    ran("commit", "-m", "a message", "-a", "Me <m@x>", *[w for c in changes for w in ("-c", c)], "box", "made")
    found = config(ran, "made")
    settings = found["Config"]
    assert isinstance(settings, dict)
    assert (found["Comment"], found["Author"]) == ("a message", "Me <m@x>")
    assert {"FROM_RUN=1", "A=b"} <= set(settings["Env"])
    expected = {
        "Cmd": ["x", "y"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"l": "1", "k": "v"},
        "WorkingDir": "/a",
        "User": "daemon",
        "Volumes": {"/v": {}},
        "Entrypoint": ["e"],
        "OnBuild": ["RUN x"],
        "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD-SHELL", "true"]},
    }
    assert {key: settings[key] for key in expected} == expected
    newest, oldest = ran("history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Comment}}", "made").stdout.splitlines()
    assert newest == f"sh -c {CHANGES}|a message"
    assert oldest.startswith("|")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-c", "RUN x", "box"), "RUN is not a valid change command"),
        (("-c", "FOO x", "box"), "FOO is not a valid change command"),
        (("box", "BAD"), "invalid reference format: repository name (library/BAD) must be lowercase"),
    ],
)
def test_commit_refuses(ran: Scow, words: tuple[str, ...], said: str) -> None:
    before = ran("images", "-aq").stdout
    assert ran("commit", *words, code=1).stderr.startswith(f"Error: {said}\n")
    assert ran("images", "-aq").stdout == before


def test_commit_without_a_name(ran: Scow) -> None:
    name = ran("commit", "box").stdout.strip()
    assert config(ran, name)["RepoTags"] == []
    assert ran("run", "--rm", name, "cat", "/a/b/c", code=127).returncode  # /bin/cat was deleted
    assert ran("run", "--rm", name, "sh", "-c", "read x </a/b/c; echo $x").stdout == "x\n"


def test_commit_applies_deletions_and_links(ran: Scow) -> None:
    ran("commit", "box", "made")
    script = "[ ! -e /bin/cat ] && [ ! -e /tmp ] && [ -p /ff ] && [ -L /l ] && [ -x /bin/ls2 ] && stat -c %h /a/hard"
    assert ran("run", "--rm", "made", "sh", "-c", script).stdout == "2\n"


def test_parents_are_not_removed_before_their_children(ran: Scow) -> None:
    base = str(config(ran, "busybox")["Id"])
    ran("commit", "box", "made")
    ran("rm", "box")
    done = ran("rmi", base, code=1)
    assert "image has dependent child images" in done.stderr
    ran("rmi", "made")
    assert "Deleted: " in ran("rmi", "busybox").stdout


def test_commit_of_a_commit(ran: Scow) -> None:
    ran("commit", "box", "one")
    ran("run", "--name", "two", "one", "sh", "-c", "echo more >/more")
    ran("commit", "two", "two")
    root = config(ran, "two")["RootFS"]
    assert isinstance(root, dict) and len(root["Layers"]) == 3
    assert len(ran("history", "-q", "two").stdout.splitlines()) == 3
    assert ran("run", "--rm", "two", "sh", "-c", "read a </more; echo $a").stdout == "more\n"


def test_commit_pauses_a_running_container(busybox: Scow) -> None:
    """What runs is frozen while it is read, and goes on afterwards: two files written in turn are of one moment."""
    script = "mkdir /w; i=1000000; while :; do i=$((i+1)); echo $i >/w/a; echo $i >/w/b; done"
    busybox("run", "-d", "--name", "box", "busybox", "sh", "-c", script)
    for _ in range(3):
        busybox("commit", "box", "made")
        assert busybox("ps", "--format", "{{.State}}").stdout == "running\n"
        a, b = (busybox("run", "--rm", "made", "cat", f"/w/{n}").stdout.strip() for n in "ab")
        assert "" in (a, b) or int(b) <= int(a) <= int(b) + 1
    busybox("pause", "box")
    busybox("commit", "box", "made")
    assert busybox("ps", "--format", "{{.State}}").stdout == "paused\n"
    busybox("unpause", "box")


def test_commit_without_pause(busybox: Scow) -> None:
    busybox("run", "-d", "--name", "box", "busybox", "sh", "-c", "echo x >/x; sleep 1000")
    time.sleep(0.3)
    busybox("commit", "--pause=false", "box", "made")
    assert busybox("run", "--rm", "made", "cat", "/x").stdout == "x\n"


def test_export(ran: Scow, tmp_path: os.PathLike[str]) -> None:
    out = f"{tmp_path}/out.tar"
    ran("export", "-o", out, "box")
    with tarfile.open(out) as tar:
        found = {m.name: m for m in tar}
    assert "bin/cat" not in found and "tmp" not in found
    assert not [n for n in found if ".wh." in n]
    assert found["ff"].isfifo() and found["l"].issym() and found["l"].linkname == "x"
    hard = sorted((found["a/hard"].type, found["a/b/c"].type))
    assert hard == [tarfile.REGTYPE, tarfile.LNKTYPE]
    assert list(found).index("a") < list(found).index("a/b")
    done = ran("export", "-o", "/nodir/x", "box", code=1)
    assert (
        done.stderr
        == "Error: failed to export container: invalid output path: stat /nodir: no such file or directory\n"
    )


def test_export_import_roundtrip(busybox: Scow, tmp_path: os.PathLike[str]) -> None:
    """Everything that a tar can say comes back the same."""
    busybox("create", "--name", "box", "busybox", "sh")
    os.mkdir(f"{tmp_path}/t")
    with open(f"{tmp_path}/t/cap", "w") as f:
        f.write("x")
    os.setxattr(f"{tmp_path}/t/cap", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    os.link(f"{tmp_path}/t/cap", f"{tmp_path}/t/hard")
    os.mknod(f"{tmp_path}/t/null", 0o20666, os.makedev(1, 3))
    os.mkfifo(f"{tmp_path}/t/fifo")
    os.symlink("cap", f"{tmp_path}/t/link")
    with open(f"{tmp_path}/t/setuid", "w") as f:
        f.write("s")
    os.chown(f"{tmp_path}/t/setuid", 7, 8)
    os.chmod(f"{tmp_path}/t/setuid", 0o4711)
    busybox("cp", f"{tmp_path}/t", "box:/t")
    first = binary(busybox, "export", "box")
    busybox("import", "-", "again", stdin=first)
    busybox("create", "--name", "box2", "again", "sh")
    second = binary(busybox, "export", "box2")

    def described(data: bytes) -> dict[str, object]:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            return {
                m.name: (m.type, m.mode, m.uid, m.gid, m.mtime, m.linkname, m.devmajor, m.devminor, m.pax_headers.get("SCHILY.xattr.security.capability"))
                for m in tar
            }  # fmt: skip

    one, two = described(first), described(second)
    assert one["t/cap"][-1] is not None or one["t/hard"][-1] is not None  # type: ignore[index]
    assert one["t/null"][6:8] == (1, 3)  # type: ignore[index]
    assert one["t/setuid"][1:4] == (0o4711, 7, 8)  # type: ignore[index]
    assert one == two


def test_export_of_a_running_container_leaves_mounts_out(busybox: Scow) -> None:
    busybox("run", "-d", "--name", "box", "-v", "vv:/vol", "busybox", "sh", "-c", "echo x >/vol/x; sleep 1000")
    with tarfile.open(fileobj=io.BytesIO(binary(busybox, "export", "box"))) as tar:
        names = tar.getnames()
    assert "vol" in names and "vol/x" not in names
    assert not [n for n in names if n.startswith(("proc/", "sys/", "dev/"))]


def test_many_changed_files(busybox: Scow, tmp_path: os.PathLike[str]) -> None:
    for i in range(20):
        os.makedirs(f"{tmp_path}/many/d{i}")
        for j in range(100):
            with open(f"{tmp_path}/many/d{i}/f{j}", "w") as f:
                f.write(f"{i}-{j}" * 50)
    busybox("create", "--name", "box", "busybox", "sh")
    busybox("cp", f"{tmp_path}/many", "box:/many")
    busybox("commit", "box", "made")
    assert len(busybox("diff", "box").stdout.splitlines()) == 2_021
    busybox("export", "-o", f"{tmp_path}/e.tar", "box")
    with tarfile.open(f"{tmp_path}/e.tar") as tar:
        assert len([n for n in tar.getnames() if n.startswith("many/")]) == 2_020
    assert busybox("run", "--rm", "made", "cat", "/many/d19/f99").stdout == "19-99" * 50
