"""Trees and their indexes, for the tests of the EROFS writer."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import strategies as st

from scow.store.erofs.reader import Index
from scow.store.erofs.writer import Source, write_index
from scow.store.layers.assemble import Assembler
from scow.store.layers.nodes import Limits, Node, inodes, walk
from scow.wire.tar import Entry, scan


def assembled(entries: Any, limits: Limits | None = None) -> Node:
    assembler = Assembler(limits)
    for entry in entries:
        assembler.add(entry)
    return assembler.finish()


def index(root: Node, path: Any, *, tar: int = -1, size: int = 1 << 40, tag: bytes = b"t" * 64) -> int:
    """Write the index of ``root`` to ``path``; its size."""
    directories = walk(root)
    out = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return write_index(directories, list(inodes(directories)), Source(tar, size, tag), out)
    finally:
        os.close(out)


def index_of_tar(data: bytes, folder: Any) -> tuple[str, str]:
    """The tar and its index as files."""
    tar, image = f"{folder}/layer.tar", f"{folder}/layer.erofs"
    with open(tar, "wb") as f:
        f.write(data)
    with open(tar, "rb") as f:
        index(assembled(scan(f.fileno())), image, tar=f.fileno(), size=len(data))
    return tar, image


def read_back(path: Any) -> dict[bytes, tuple[Any, ...]]:
    """Everything in an index by path: attributes, link text, extents, extended attributes."""
    fd = os.open(path, os.O_RDONLY)
    try:
        with Index(fd) as image:
            found: dict[bytes, tuple[Any, ...]] = {}
            pending = [(b"", image.inode(image.root))]
            while pending:
                above, directory = pending.pop()
                for name, nid in image.names(directory):
                    assert image.find(directory, name) == nid
                    i = image.inode(nid)
                    kind = i.mode >> 12
                    content: Any = None
                    if kind == 0o12:
                        content = image.target(i)
                    elif kind == 0o10:
                        content = [(e.offset, e.length, e.device, e.start) for e in image.extents(i)]
                    elif kind == 0o4:
                        pending.append((above + name + b"/", i))
                    else:
                        content = i.rdev
                    size = i.size if kind == 0o10 else 0
                    found[above + name] = (i.mode, i.uid, i.gid, size, i.mtime, content, image.xattrs(i), nid, i.links)
            return found
    finally:
        os.close(fd)


NAMES = st.binary(min_size=1, max_size=255).filter(lambda n: not set(n) & {0, 0x2F} and n not in (b".", b".."))
SHORT = st.sampled_from([bytes([c]) for c in b"!-.az~\xff" if c != 0x2E] + [b"a" * 200, b"b" * 254, b"..x", b"..."])
XATTRS = st.dictionaries(
    st.sampled_from(
        [b"user.a", b"user.bb", b"trusted.x", b"security.capability", b"system.posix_acl_access", b"user."]
    ),
    st.binary(max_size=700),
    max_size=3,
)
TIMES = st.one_of(st.just(0), st.integers(-(2**31) * 10**9, 2**33 * 10**9))


@st.composite
def entries(draw: Any) -> Entry:
    name = b"/".join(draw(st.lists(st.one_of(SHORT, NAMES), min_size=1, max_size=3)))
    kind = draw(st.sampled_from(["file", "file", "file", "dir", "symlink", "char", "fifo"]))
    ids = st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 2))
    fields: dict[str, Any] = {
        "uid": draw(ids),
        "gid": draw(ids),
        "mtime": draw(TIMES),
        "mode": draw(st.integers(0, 0o7777)),
    }
    if kind == "file":
        fields |= {"size": draw(st.one_of(st.integers(0, 5000), st.integers(0, 2**39))), "xattrs": draw(XATTRS)}
        fields["data"] = 512 * draw(st.integers(0, 2**20))
    elif kind == "dir":
        fields["xattrs"] = draw(XATTRS)
    elif kind == "symlink":
        fields["linkname"] = draw(st.one_of(NAMES, st.integers(1, 4095).map(lambda n: b"t" * n)))
    elif kind == "char":
        fields |= {"major": draw(st.integers(1, 4095)), "minor": draw(st.integers(0, 2**20 - 1))}
    return Entry(name, kind, **fields)
