"""--user and --group-add, by moby's rules, in files an image brings along."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from scow.errors import Invalid
from scow.runtime import users
from scow.runtime.users import Identity

PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\n\nbob:x:1000:100:Bob:/home/bob:/bin/sh\nbob:x:2000:200::/second:\n"
    "odd:x:bad:7::/odd:\nnohome:x:5:5::\nshort:x:77\n1234:x:4321:9::/digits:\n"
)
GROUP = "root:x:0:root\nusers:x:100:\naudio:x:29:bob,root\nvideo:x:44:alice,bob\nbroken\n555:x:556:\n"


@pytest.fixture
def tree(tmp_path: Any) -> Iterator[Any]:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield tmp_path, fd
    os.close(fd)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", Identity(0, 0, (0, 29), "/root")),
        ("root", Identity(0, 0, (0, 29), "/root")),
        ("bob", Identity(1000, 100, (100, 29, 44), "/home/bob")),  # the first of two
        ("1000", Identity(1000, 100, (100, 29, 44), "/home/bob")),
        ("2000", Identity(2000, 200, (200, 29, 44), "/second")),
        ("bob:audio", Identity(1000, 29, (29,), "/home/bob")),
        ("bob:4242", Identity(1000, 4242, (4242,), "/home/bob")),
        ("99:98", Identity(99, 98, (98,), "/")),
        ("99", Identity(99, 0, (0,), "/")),
        (":29", Identity(0, 29, (29,), "/root")),
        ("bob:", Identity(1000, 100, (100, 29, 44), "/home/bob")),
        ("odd", Identity(0, 7, (7,), "/odd")),  # strconv.Atoi("bad") is 0, there and here
        ("nohome", Identity(5, 5, (5,), "/")),
        ("short", Identity(77, 0, (0,), "/")),
        ("1234", Identity(1234, 0, (0,), "/")),  # a number is never a name
        ("+99", Identity(99, 0, (0,), "/")),
        ("99:555", Identity(99, 555, (555,), "/")),
    ],
)
def test_lookup(tree: Any, name: str, expected: Identity) -> None:
    assert users.lookup(tree[1], name) == expected


def test_group_add(tree: Any) -> None:
    assert users.lookup(tree[1], "99", ["video", "29", "7", "video"]).groups == (0, 44, 29, 7)


@pytest.mark.parametrize(
    ("name", "groups", "words"),
    [
        ("nobody", [], "unable to find user nobody: no matching entries in passwd file"),
        ("bob:nogroup", [], "unable to find group nogroup: no matching entries in group file"),
        ("bob:x:y", [], "unable to find group x:y"),
        ("2147483648", [], "uids and gids must be in range 0-2147483647"),
        ("-1", [], "uids and gids must be in range"),
        ("5:-1", [], "uids and gids must be in range"),
        ("5", ["nope"], "unable to find group nope"),
        ("99999999999999999999999", [], "unable to find user"),
        ("\u0665", [], "unable to find user"),  # a digit, but not an ASCII one
    ],
)
def test_refusals_have_mobys_words(tree: Any, name: str, groups: list[str], words: str) -> None:
    with pytest.raises(Invalid) as e:
        users.lookup(tree[1], name, groups)
    assert words in str(e.value)


def test_no_files(tmp_path: Any) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    assert users.lookup(fd, "") == Identity(0, 0, (0,), "/")
    assert users.lookup(fd, "7:8") == Identity(7, 8, (8,), "/")
    assert users.home_of(fd, 0) == "/"
    with pytest.raises(Invalid, match="unable to find user bob"):
        users.lookup(fd, "bob")
    os.close(fd)


def test_links_stay_inside(tree: Any) -> None:
    path, fd = tree
    (path / "etc/passwd").unlink()
    os.symlink("/../../../../etc/passwd", path / "etc/passwd")  # the host's, if anything looked there
    with pytest.raises(Invalid):
        users.lookup(fd, "root")  # it leads to itself: ELOOP
    (path / "etc/passwd").unlink()
    (path / "real").write_text("eve:x:66:66::/eve:\n")
    os.symlink("/real", path / "etc/passwd")
    assert users.lookup(fd, "eve").uid == 66


def test_fifo_device_directory_and_magic_links_are_refused(tree: Any) -> None:
    path, fd = tree
    target = path / "etc/passwd"
    target.unlink()
    os.mkfifo(target)
    with pytest.raises(Invalid, match="not a regular file"):
        users.lookup(fd, "root")
    target.unlink()
    target.mkdir()
    with pytest.raises(Invalid, match="not a regular file"):
        users.lookup(fd, "root")


def test_huge_file_is_refused(tree: Any) -> None:
    path, fd = tree
    with open(path / "etc/passwd", "w") as f:
        f.truncate(users.MOST_BYTES + 1)
    with pytest.raises(Invalid, match="too large"):
        users.lookup(fd, "root")


def test_not_text(tree: Any) -> None:
    path, fd = tree
    (path / "etc/passwd").write_bytes(b"\xff\xfe\x00:\n:::::::\nbob:x:7:7::/h:\n" + b"a" * 100_000)
    assert users.lookup(fd, "bob").uid == 7
