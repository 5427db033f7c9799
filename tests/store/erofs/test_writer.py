"""What the writer writes, our reader reads: every attribute of every tree."""

from __future__ import annotations

import os
import stat
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.erofs.trees import assembled, entries, index, read_back

from scow.errors import Corrupt, Unsupported
from scow.store.erofs.layout import Layout
from scow.store.erofs.reader import Index
from scow.store.layers.nodes import Limits, Node, inodes, walk
from scow.wire.tar import Entry


def flat(root: Node) -> dict[bytes, tuple[Any, ...]]:
    """The tree as ``read_back`` says it, extents as they should be."""
    found: dict[bytes, tuple[Any, ...]] = {}

    def visit(above: bytes, node: Node) -> None:
        assert node.children is not None
        for name, child in node.children.items():
            kind = stat.S_IFMT(child.mode)
            content: Any = None
            attributes = dict(child.xattrs or {})
            if kind == stat.S_IFLNK:
                content = child.target
            elif kind == stat.S_IFREG:
                content = [(0, child.size, 1, child.data)] if child.size else []
            elif kind == stat.S_IFDIR:
                if child.opaque:
                    attributes[b"trusted.overlay.opaque"] = b"y"
                if any(c.whiteout for c in (child.children or {}).values()):
                    attributes[b"trusted.overlay.origin"] = b""
                visit(above + name + b"/", child)
            else:
                content = child.rdev
            size = child.size if kind == stat.S_IFREG else 0
            found[above + name] = (child.mode, child.uid, child.gid, size, child.mtime, content, attributes)

    visit(b"", root)
    return found


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(st.lists(entries(), max_size=60))
def test_round_trip(tmp_path: Any, members: list[Entry]) -> None:
    kept = []
    for entry in members:
        try:
            assembled([*kept, entry])
        except Corrupt:
            continue
        kept.append(entry)
    root = assembled(kept)
    index(root, tmp_path / "image", size=1 << 40)
    assert {k: v[:7] for k, v in read_back(tmp_path / "image").items()} == flat(root)


def test_files_of_terabytes(tmp_path: Any) -> None:
    """Chunks have at most 1 TiB; those of a longer file lie one behind the other."""
    size, data = (1 << 41) - (1 << 20) + 1, 1024
    index(assembled([Entry(b"f", "file", size=size, data=data)]), tmp_path / "image", size=(1 << 41) - 1024)
    assert read_back(tmp_path / "image")[b"f"][5] == [(0, size, 1, data)]


@pytest.mark.parametrize("length", [*range(1, 40), 252, 253, 254, 255])
def test_every_tail(length: int, tmp_path: Any) -> None:
    """Directories whose last part has any length, between inodes of any place: it never crosses a block."""
    members = [Entry(b"d%d/%s" % (n, b"x" * length), "symlink", linkname=b"t" * (n * 7 + 1)) for n in range(80)]
    root = assembled(members)
    directories = walk(root)
    nodes = list(inodes(directories))
    layout = Layout(directories, nodes, 1 << 30)
    end = 0
    for node in layout.order:
        plan = layout.plans.get(node)
        head = node.place + (32 if layout.compact(node) else 64)
        assert node.place % 32 == 0
        assert node.place >= end
        if plan and plan.tail:
            assert (head + len(plan.xattrs)) // 512 == (head + len(plan.xattrs) + plan.tail - 1) // 512
        end = head + (len(plan.xattrs) + plan.tail if plan else 0)
    index(assembled(members), tmp_path / "image")
    assert {p: v[5] for p, v in read_back(tmp_path / "image").items() if v[5] is not None} == {
        m.name: m.linkname for m in members
    }


def test_small_inodes_where_they_do(tmp_path: Any) -> None:
    """Files of one modification time take half the space; the same tree gives the same bytes, another tag others."""
    same = [Entry(b"f%d" % n, "file", size=5, mtime=10**18 + 7) for n in range(2000)]
    odd = [e._replace(mtime=10**18 + n) for n, e in enumerate(same)]
    small, large = index(assembled(same), tmp_path / "a"), index(assembled(odd), tmp_path / "b")
    assert large - small > 1990 * 32
    assert {v[4] for v in read_back(tmp_path / "a").values()} == {10**18 + 7}
    index(assembled(same), tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "c").read_bytes()
    index(assembled(same), tmp_path / "c", tag=b"u" * 64)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    with open(tmp_path / "c", "rb") as file, Index(file.fileno()) as image:
        assert (image.tag, image.inodes) == (b"u" * 64, 2001)


def test_order_of_entries_does_not_matter(tmp_path: Any) -> None:
    members = [Entry(b"%d/f" % n, "file", size=n) for n in range(50)]
    index(assembled(members), tmp_path / "a")
    index(assembled(members[::-1]), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_hard_links_are_one_inode(tmp_path: Any) -> None:
    members = [Entry(b"a", "file", size=3)] + [Entry(b"d/l%d" % n, "hardlink", linkname=b"a") for n in range(70_000)]
    index(assembled(members), tmp_path / "image")
    with open(tmp_path / "image", "rb") as file, Index(file.fileno()) as image:
        a, d = (image.find(image.inode(image.root), name) or 0 for name in (b"a", b"d"))
        assert {nid for _, nid in image.names(image.inode(d))} == {a}
        assert image.inode(a).links == 70_001


def test_directory_links(tmp_path: Any) -> None:
    index(assembled([Entry(b"d/%d" % n, "dir") for n in range(300)]), tmp_path / "image")
    assert read_back(tmp_path / "image")[b"d"][8] == 302


def test_linear_in_entries(tmp_path: Any) -> None:
    """Ten times the entries, in one directory, take about ten times as long (a quadratic step would take a hundred)."""
    took = []
    for count in (10_000, 100_000):
        members = [Entry(b"d/file-%d" % n, "file", size=100, data=512 * n, mtime=n) for n in range(count)]
        start = time.process_time()
        index(assembled(members), tmp_path / "image")
        took.append(time.process_time() - start)
    assert took[1] < 30 * took[0]
    with open(tmp_path / "image", "rb") as file, Index(file.fileno()) as image:
        d = image.inode(image.find(image.inode(image.root), b"d") or 0)
        assert image.find(d, b"file-77777") and not image.find(d, b"file-100000")


@pytest.mark.skipif("SCOW_MILLION" not in os.environ, reason="a million entries: set SCOW_MILLION")
def test_a_million(tmp_path: Any) -> None:
    members = (Entry(b"d%d/e/file-%d" % (n // 1000, n), "file", size=100, data=512 * n, mtime=n) for n in range(10**6))
    start = time.perf_counter()
    size = index(assembled(members), tmp_path / "image")
    print(f"{time.perf_counter() - start:.1f} s, {size >> 20} MiB")


def test_too_large_a_tar(tmp_path: Any) -> None:
    with pytest.raises(Unsupported, match="too large for an erofs index"):
        index(assembled([]), tmp_path / "image", size=(1 << 41) + 1024)


def test_limit_of_names() -> None:
    with pytest.raises(Corrupt, match="more than 10 names"):
        assembled([Entry(b"f%d" % n, "file") for n in range(11)], Limits(nodes=10))
    with pytest.raises(Corrupt, match="more than 10 names"):
        assembled([Entry(b"a/" * 20 + b"f%d" % n, "file") for n in range(11)], Limits(nodes=10))
