"""Paths of a stack without mounting it: as a process chrooted there would see them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.store.layers.support import FORMS, NEEDS_ROOT, ROOT, directory, file, ingest, link, node, store

from scow.errors import Invalid, NotFound

if TYPE_CHECKING:
    from scow.store.snapshots import Snapshotter
    from scow.store.tree import Tree

pytestmark = pytest.mark.skipif(not ROOT, reason=NEEDS_ROOT)


@pytest.fixture(params=FORMS)
def stack(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Tree]:
    with store(tmp_path, request.param) as s:
        below = ingest(
            s,
            file("usr/bin/sh", b"#!"),
            link("bin", "usr/bin"),
            link("abs", "/usr/../usr/bin/sh"),
            link("up", "../../../../etc/passwd"),
            link("loop", "loop"),
            link("a/rel", "../bin/./sh"),
            link("dangling", "nowhere"),
            file("etc/passwd", b"root:x:0:0\n", uid=3),
            node("dev/null", "char", 1, 3),
        )
        above = ingest(s, file("usr/.wh.lib"), file("etc/group", b"g"), link("late", "etc/passwd"))
        with s.tree((below, above)) as t:
            yield t


def test_links(stack: Tree) -> None:
    for path in ("/bin/sh", "bin//sh", "/abs", "a/rel", b"usr/bin/sh", "/../../bin/sh", "/bin/../bin/sh"):
        assert stack.read(path) == b"#!"
        assert stack.resolve(path) == b"/usr/bin/sh"
    assert stack.read("up") == stack.read("late") == b"root:x:0:0\n"
    assert stack.resolve("/") == b"/"
    assert stack.stat("abs", follow=False).kind == "symlink"
    assert stack.stat("abs", follow=False).target == b"/usr/../usr/bin/sh"
    assert stack.stat("bin/", follow=False).kind == "dir"
    assert stack.stat("etc/passwd").uid == 3


def test_what_is_not_there(stack: Tree) -> None:
    for path in ("nope", "usr/nope", "etc/passwd/x", "dangling", "bin/sh/", "usr/lib", ".wh.lib", "usr/.wh.lib"):
        if path != "bin/sh/":
            with pytest.raises(NotFound):
                stack.stat(path)
        assert path == "bin/sh/" or not stack.exists(path)
    assert stack.exists("dangling", follow=False)
    with pytest.raises(Invalid, match="too many levels"):
        stack.stat("loop/x")
    with pytest.raises(Invalid, match="NUL"):
        stack.stat("a\0b")
    with pytest.raises(Invalid, match="no regular file"):
        stack.open("dev/null")
    with pytest.raises(Invalid, match="no directory"):
        stack.list("etc/passwd")
    with pytest.raises(Invalid, match="larger than 3 bytes"):
        stack.read("etc/passwd", 3)


def test_listing(stack: Tree) -> None:
    assert list(stack.list("etc")) == [b"group", b"passwd"]
    assert list(stack.list("/bin")) == [b"sh"]
    assert [path for path, _ in stack.walk("usr")] == [b"/usr/bin", b"/usr/bin/sh"]
    assert stack.stat("dev/null").device == (1, 3)


def test_marks_of_a_container_do_not_count(tmp_path: Any) -> None:
    """What a container may set itself (``user.*``) hides nothing from a scanner that overlay shows."""
    with store(tmp_path, "erofs") as s:
        base = ingest(s, directory("d"), file("d/evil", b"1"))
        s.prepare("k", (base,))
        upper = f"{s._paths.snapshot('k')}/upper"
        os.mkdir(f"{upper}/d")
        os.setxattr(f"{upper}/d", "user.overlay.opaque", b"y")
        with s.tree((base, "k")) as t:
            assert t.exists("d/evil")
        os.setxattr(f"{upper}/d", "trusted.overlay.opaque", b"y")
        with s.tree((base, "k")) as t:
            assert not t.exists("d/evil")


def test_live_links_do_not_lead_out(tmp_path: Any) -> None:
    """A container that swaps a directory of its upper layer for a link to the machine gains nothing."""
    with store(tmp_path, "erofs") as s:
        s.prepare("k", ())
        upper = f"{s._paths.snapshot('k')}/upper"
        os.mkdir(f"{upper}/d")
        with s.tree(("k",)) as t:
            level, handle = t.root.places[0]
            place = level.child(handle, b"d")
            os.rmdir(f"{upper}/d")
            os.symlink("/etc", f"{upper}/d")
            with pytest.raises(OSError):
                list(level.names(place))
            with pytest.raises(NotFound):
                t.read("/d/passwd")


def test_open_files_outlive_the_tree(stack: Tree) -> None:
    f = stack.open("etc/passwd")
    stack._levels[0].info(stack.root.places[0][1])
    with f:
        assert f.seek(4) == 4
        assert f.read() == b":x:0:0\n"


def snapshot_of(s: Snapshotter) -> list[object]:
    return list(s.walk())
