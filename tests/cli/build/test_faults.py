"""Builds that cannot be: docker's words, its exit code, and nothing left behind."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest
from tests.cli.build.conftest import rest
from tests.conftest import SCOW, mounts_below, throw_away

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM busybox\nRUNN x\n", "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)"),
        ("FROM busybox\nCOPY --frm=x a b\n", "dockerfile parse error on line 2: unknown flag: --frm (did you mean from?)"),
        ("", "the Dockerfile cannot be empty"),
        ("# only a comment\n", "file with no instructions"),
        ("RUN true\n", "no build stage in current context"),
        ("ARG V\nFROM busybox:$V\n", 'failed to parse stage name "busybox:": invalid reference format'),
        ("FROM $NOTHING\nRUN true\n", "base name ($NOTHING) should not be blank"),
        ("FROM busybox\nCOPY --from=stage2 a b\n", "stage2: "),
        ("FROM busybox\nCOPY nope /x\n", 'failed to calculate checksum: "/nope": not found'),
        ("FROM busybox\nCOPY ../secret /x\n", '"/secret": not found'),
        ("FROM busybox\nCOPY a\n", "COPY requires at least two arguments"),
        ("FROM busybox\nENV\n", "ENV requires at least one argument"),
        ("FROM busybox\nRUN <<EOF\nnever ended\n", "unterminated heredoc"),
        ("FROM busybox\nRUN --mount=type=nope,target=/x true\n", "nope"),
        ("FROM busybox\nUSER nobody-of-the-name\nRUN true\n", "nobody-of-the-name"),
        ("FROM busybox\nRUN exit 7\n", "did not complete successfully: exit code: 7"),
        ('FROM busybox\nRUN ["/no/such/program"]\n', "exit code: 127"),
        ("FROM busybox\nRUN sh -c 'kill -9 $$'; exit $?\n", "exit code: 137"),
    ],
)  # fmt: skip
def test_build_files_with_faults(build, text, said):
    files = {"f1": "1", "f2": "2"}
    before = rest(build.scow.root)
    done = build(text, files=files, code=1)
    assert done.stdout == "" and said in done.stderr
    assert "ERROR: failed to build: failed to solve: " in done.stderr.splitlines()[-1 - ("\nhint: " in done.stderr)]
    assert rest(build.scow.root) == before


def test_missing_base_image_names_both_remedies(build):
    done = build("FROM no-such-image:9\nRUN true\n", code=1)
    assert "#3 ERROR: docker.io/library/no-such-image:9 is not in the local store" in done.stderr
    hint = done.stderr.splitlines()[-1]
    assert "scow pull docker.io/library/no-such-image:9" in hint and "scow import" in hint and "scow load" in hint


def test_where_a_fault_is(build):
    done = build("FROM busybox\n\nRUN echo before && \\\n  false\nRUN true\n", code=1)
    head, _, tail = done.stderr.partition("------\n > [2/3] RUN echo before &&   false:\n")
    assert head.count("ERROR") == 1
    log, _, tail = tail.partition("------\n")
    assert log.endswith(" before\n") and log.count("\n") == 1
    rows = ["Dockerfile:3", "-" * 20, "   1 |     FROM busybox", "   2 |     ", "   3 | >>> RUN echo before && \\",
            "   4 | >>>   false", "   5 |     RUN true", "-" * 20]  # fmt: skip
    why = 'process "/bin/sh -c echo before &&   false" did not complete successfully: exit code: 1'
    assert tail.splitlines() == [*rows, f"ERROR: failed to build: failed to solve: {why}"]


def test_contexts_that_are_not_there(build, tmp_path):
    done = build.at("/nonexistent/place", code=1)
    assert done.stderr.endswith(
        'ERROR: failed to build: unable to prepare context: path "/nonexistent/place" not found\n'
    )
    (tmp_path / "file").write_text("FROM busybox\n")
    assert "unable to prepare context" in build.at(str(tmp_path / "file"), code=1).stderr
    missing = build.at(build.context({"a": ""}), code=1).stderr
    assert missing.endswith("failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory\n")
    folder = build.at(build.context({"Dockerfile": None}), code=1).stderr
    assert "failed to read dockerfile" in folder and "is a directory" in folder


def test_words_of_the_command_line(build):
    assert "'scow build' requires 1 argument" in build.scow("build", code=1).stderr
    assert "'scow build' requires 1 argument" in build.scow("build", "a", "b", code=1).stderr
    bad = build.scow("build", "--progress", "nope", ".", code=None)
    assert bad.returncode and "nope" in bad.stderr
    tty = build.scow("build", "--progress", "tty", ".", code=1)
    assert "failed to get console: provided file is not a console" in tty.stderr


def test_a_hidden_build_file_is_read_all_the_same(build):
    files = {".dockerignore": "Dockerfile\n.dockerignore\n*.sh\n", "f": "x"}
    image = build.image("FROM scratch\nCOPY . /\n", files=files)
    assert list(image.files) == ["f"]


def test_odd_files_in_a_context(build):
    place = build.context({"Dockerfile": "FROM scratch\nCOPY . /all/\n", "f": "x"})
    os.mkfifo(f"{place}/fifo")
    os.symlink("/nowhere/at/all", f"{place}/dangling")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(f"{place}/socket")
        done = build.at(place, "-t", "odd")
    image = build.read("odd")
    assert image.info("all/dangling").linkname == "/nowhere/at/all"
    assert image.info("all/fifo").isfifo() and "all/socket" not in image, done.stderr


def test_dangling_link_as_source(build):
    place = build.context({"Dockerfile": "FROM scratch\nCOPY link /\n"})
    os.symlink("nothing", f"{place}/link")
    assert "not found" in build.at(place, code=1).stderr


def test_link_out_of_the_context(build, tmp_path):
    (tmp_path / "secret").write_text("mine")
    place = build.context({"Dockerfile": "FROM scratch\nCOPY link/secret /\n"})
    os.symlink(str(tmp_path), f"{place}/link")
    assert "not found" in build.at(place, code=1).stderr


def test_context_that_may_not_be_read(build, tmp_path):
    """As a user who may not read a folder of the context: the error names it."""
    place = build.context({"Dockerfile": "FROM scratch\nCOPY . /\n", "closed/f": "x"})
    os.chmod(f"{place}/closed", 0)
    os.chmod(tmp_path, 0o755)
    store = tmp_path / "user-store"
    store.mkdir()
    os.chown(store, 65534, 65534)
    reachable = all(os.stat(p).st_mode & 0o5 == 0o5 for p in _above(str(tmp_path))) and os.access(SCOW, os.X_OK)
    if not reachable or any(os.stat(p).st_mode & 0o5 != 0o5 for p in _above(os.path.realpath(SCOW))):
        pytest.skip("the program or the folder cannot be reached by another user")
    done = subprocess.run([SCOW, "build", "--progress", "plain", place], capture_output=True, text=True, check=False,
                          user=65534, group=65534, extra_groups=[], cwd="/", timeout=60,
                          env={"PATH": os.environ["PATH"], "SCOW_ROOT": str(store)})  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "closed" in done.stderr or "root" in done.stderr


def _above(path: str) -> list[str]:
    found = []
    while path != "/":
        path = os.path.dirname(path)
        found.append(path)
    return found


def test_full_disk(build, busybox_tar, tmp_path):
    """The store on a small tmpfs: an error in words, a store that is whole, and room again for a small build."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)], check=True)
    program = type(build.scow)(str(small / "store"))
    try:
        program("load", "-q", "-i", busybox_tar)
        big = build.context({"Dockerfile": "FROM busybox\nCOPY big /big\n", "big": os.urandom(9 << 20)})
        copied = program("build", "--progress", "plain", big, code=1)
        assert "no space left on device" in copied.stderr.lower() and "ERROR: failed to build: " in copied.stderr
        text = "FROM busybox\nRUN dd if=/dev/urandom of=/big bs=1M count=9\n"
        ran = program("build", "--progress", "plain", build.context({"Dockerfile": text}), code=1)
        assert "No space left on device" in ran.stderr
        left = rest(program.root)
        assert not left["snapshots"] and not left["tmp"] and not left["leases"], left
        assert program("system", "check").stdout.strip() in ("", "no faults found")
        program("build", "-q", build.context({"Dockerfile": "FROM busybox\nRUN echo small > /f\n"}))
    finally:
        throw_away(program.root)
        for point in mounts_below(str(small)):
            subprocess.run(["umount", "-l", point], check=False)
