"""What scripts lean on: that something is accepted, printed and left behind as docker does it."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.cli.everyday.conftest import Say


def test_a_private_root_directory_lets_users_in(say: Say, tmp_path: Path) -> None:
    """``tar -C dir .`` of a directory of mktemp's makes an image whose root is 0700."""
    say("create", "--name", "source", "busybox", "true")
    say("export", "-o", str(tmp_path / "x.tar"), "source")
    private = tmp_path / "private.tar"
    with tarfile.open(tmp_path / "x.tar") as source, tarfile.open(private, "w") as target:
        root = tarfile.TarInfo("./")
        root.type, root.mode = tarfile.DIRTYPE, 0o700
        target.addfile(root)
        for member in source:
            if member.name not in ("", ".", "./"):
                target.addfile(member, source.extractfile(member) if member.isreg() else None)
    say("import", str(private), "private:1")
    code, out, err = say("run", "--rm", "--network", "none", "-u", "1000", "private:1", "stat", "-c", "%a", "/")
    say("rmi", "-f", "private:1")
    assert (code, out, err) == (0, "755\n", "")


def test_files_of_labels_say_nothing_without_a_value(say: Say, tmp_path: Path) -> None:
    (tmp_path / "l").write_text("z=1\nplain\n")
    say(
        "create",
        "--name",
        "labelled",
        "--label-file",
        str(tmp_path / "l"),
        "--label",
        "b",
        "-l",
        "a=2",
        "busybox",
        "true",
    )
    assert say("inspect", "-f", "{{json .Config.Labels}}", "labelled")[1] == '{"a":"2","b":"","z":"1"}\n'
    assert list(json.loads(say("inspect", "labelled")[1])[0]["Config"]["Labels"]) == ["a", "b", "z"]


def test_the_same_volume_twice_is_one(say: Say, tmp_path: Path) -> None:
    one = ("-v", f"{tmp_path}:/m")
    assert say("run", "--rm", "--network", "none", *one, *one, "busybox", "ls", "/m")[0] == 0
    code, _, err = say("run", "--rm", *one, "-v", "/tmp:/m", "busybox", "true")
    assert code == 125
    assert "Duplicate mount point: /m" in err


def test_the_only_user_namespace_there_is_may_be_asked_for(say: Say) -> None:
    assert say("run", "--rm", "--network", "none", "--userns", "host", "busybox", "true")[0] == 0


def test_a_start_that_fails_has_made_a_container(say: Say) -> None:
    code, out, err = say("run", "-d", "--name", "half", "--network", "none", "busybox", "nosuchprogram")
    assert code == 127
    assert out.strip() == say("inspect", "-f", "{{.Id}}", "half")[1].strip()
    assert "executable file not found in $PATH" in err


def test_what_is_paused(say: Say) -> None:
    say("run", "-d", "--name", "cold", "--network", "none", "busybox", "sleep", "100")
    say("pause", "cold")
    assert say("exec", "cold", "true")[2] == "Error: Container cold is paused, unpause the container before exec\n"
    refused = say("rm", "cold")
    assert refused[2] == 'Error: cannot remove container "cold": container is paused and must be unpaused first\n'
    assert say("rm", "-f", "cold") == (0, "cold\n", "")


def test_sizes_count_the_bytes_of_files(say: Say) -> None:
    say("create", "--name", "fresh", "busybox", "true")
    assert say("ps", "-a", "--format", "{{.Size}}")[1].startswith("0B (virtual ")
    say("run", "--name", "wrote", "--network", "none", "busybox", "sh", "-c", "head -c 5000 /dev/zero > /f; mkdir /d")
    assert say("inspect", "-s", "-f", "{{.SizeRw}}", "wrote")[1] == "5000\n"


class TestPort:
    @pytest.fixture(autouse=True)
    def server(self, say: Say) -> None:
        code, _, err = say(
            "run",
            "-d",
            "--name",
            "web",
            "-p",
            "127.0.0.1:0:80",
            "-p",
            "53/udp",
            "--expose",
            "7",
            "busybox",
            "sleep",
            "100",
        )
        assert code == 0, err

    def test_all(self, say: Say) -> None:
        code, out, _ = say("port", "web")
        assert code == 0
        lines = out.splitlines()
        assert [x.rpartition(":")[0] for x in lines] == ["53/udp -> 0.0.0.0", "80/tcp -> 127.0.0.1"]
        assert say("container", "port", "web")[1] == out

    def test_one(self, say: Say) -> None:
        code, out, _ = say("port", "web", "80")
        shown = say("inspect", "-f", '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "web")[1]
        assert (code, out) == (0, f"127.0.0.1:{shown}")
        assert say("port", "web", "80/tcp")[1] == out

    @pytest.mark.parametrize("port", ["7", "53", "81/tcp"])
    def test_none(self, say: Say, port: str) -> None:
        assert say("port", "web", port) == (1, "", f"Error: No public port '{port}' published for web\n")

    @pytest.mark.parametrize("port", ["x", "0", "70000", "-1"])
    def test_no_port(self, say: Say, port: str) -> None:
        code, out, _ = say("port", "--", "web", port)
        assert (code, out) == (1, "")

    def test_lengths_of_what_is_not_there(self, say: Say) -> None:
        form = "{{range $p, $c := .NetworkSettings.Ports}}{{$p}}={{len $c}} {{end}}"
        assert say("inspect", "-f", form, "web")[1].split() == ["53/udp=1", "7/tcp=0", "80/tcp=1"]


class TestImages:
    @pytest.fixture(autouse=True)
    def image(self, say: Say) -> None:
        say("create", "--name", "base", "busybox", "true")
        assert say("commit", "-m", "first", "base", "child:1")[0] == 0
        say("tag", "child:1", "child:2")

    @pytest.fixture(autouse=True)
    def leave(self, say: Say, image: None) -> Iterator[None]:
        yield
        for name in ("child:1", "child:2"):
            say("rmi", "-f", name)

    def test_what_is_not_there_is_no_failure_with_force(self, say: Say) -> None:
        assert say("rmi", "-f", "nosuch:1") == (0, "", "Error: No such image: nosuch:1\n")
        assert say("rmi", "nosuch:1")[0] == 1

    def test_force_takes_the_name_of_an_image_that_runs(self, say: Say) -> None:
        say("rmi", "child:2")
        say("run", "-d", "--name", "user", "--network", "none", "child:1", "sleep", "100")
        code, _, err = say("rmi", "child:1")
        assert code == 1
        assert err.startswith(
            'Error: conflict: unable to remove repository reference "child:1" (must force) - container'
        )
        assert say("rmi", "-f", "child:1") == (0, "Untagged: child:1\n", "")
        assert say("exec", "user", "true")[0] == 0

    def test_a_repository_stands_for_its_tags(self, say: Say, tmp_path: Path) -> None:
        path = str(tmp_path / "x.tar")
        assert say("save", "-o", path, "child") == (0, "", "")
        with tarfile.open(path) as archive:
            manifest = archive.extractfile("manifest.json")
            assert manifest
            assert json.load(manifest)[0]["RepoTags"] == ["child:1", "child:2"]
        assert say("load", "-q", "-i", path)[1] == "Loaded image: child:1\nLoaded image: child:2\n"
        assert say("save", "-o", os.path.join(tmp_path, "y"), "child", "nosuch")[0] == 1
        assert not os.path.exists(tmp_path / "y")

    def test_history_names_parents(self, say: Say) -> None:
        base = say("inspect", "-f", "{{.Id}}", "busybox")[1].strip()
        ids = say("history", "-q", "--no-trunc", "child:1")[1].split()
        assert ids[1] == base
        assert say("inspect", "-f", "{{.Comment}}", "child:1")[1] == "first\n"

    def test_rows_as_json_are_sorted(self, say: Say) -> None:
        _, out, _ = say("images", "--format", "{{json .}}", "child:1")
        assert list(json.loads(out)) == sorted(json.loads(out))
        assert "\\u003cnone\\u003e" in out
        assert say("images", "--format", "json", "child:1")[1] == out
