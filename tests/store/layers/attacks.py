"""Hostile and odd archives, and what each has to become: a tree (path: content), or an error that says so.

The contents: bytes are a file's, a str is a link's target, None a directory, "=path" the same file as another path,
an int the device number of a node, WHITEOUT the mark of something deleted.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass, field
from typing import Any

from tests.store.layers.support import archive, directory, file, link, node

WHITEOUT = "whiteout"
FIFO = "fifo"


@dataclass
class Attack:
    name: str
    tar: Any
    """A list of members, or the archive's bytes."""
    tree: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    opaque: tuple[str, ...] = ()

    def bytes(self) -> bytes:
        return self.tar if isinstance(self.tar, bytes) else archive(*self.tar)


def pax(name: str, **headers: str) -> bytes:
    """An archive of one file with these PAX records."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo(name)
        info.pax_headers = headers
        tar.addfile(info)
    return out.getvalue()


def patched(data: bytes, offset: int, new: bytes) -> bytes:
    """One header changed, its checksum made right again."""
    header = bytearray(data[:512])
    header[offset : offset + len(new)] = new
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


HELLO = b"hello\n"
ESCAPES = [
    Attack("dotdot", [file("../evil", HELLO)], error="out of the layer"),
    Attack("dotdot deeper", [file("a/../../evil", HELLO)], error="out of the layer"),
    Attack("dotdot inside is text", [directory("a"), file("a/../b", HELLO)], {"a": None, "b": HELLO}),
    Attack("dotdot alone", [directory("..")], error="out of the layer"),
    Attack("absolute name", [file("/etc/evil", HELLO)], {"etc": None, "etc/evil": HELLO}),
    Attack("many slashes", [file("///a////b", HELLO), file("./a/./c", HELLO)], {"a": None, "a/b": HELLO, "a/c": HELLO}),
    Attack("absolute name with dotdot", [file("/../etc/evil", HELLO)], error="out of the layer"),
    Attack(
        "write through an absolute link",
        [directory("real"), link("a", "/real"), file("a/b", HELLO)],
        {"real": None, "a": "/real", "real/b": HELLO},
    ),
    Attack(
        "write through a link to the machine",
        [link("a", "/etc"), file("a/evil", HELLO)],
        {"a": "/etc", "etc": None, "etc/evil": HELLO},
    ),
    Attack(
        "write through a link that climbs",
        [link("a", "../../../../etc"), file("a/evil", HELLO)],
        {"a": "../../../../etc", "etc": None, "etc/evil": HELLO},
    ),
    Attack("link to itself", [link("a", "a"), file("a/b", HELLO)], error="too many links"),
    Attack("links in a circle", [link("a", "b"), link("b", "a"), file("a/c", HELLO)], error="too many links"),
    Attack("file over a link replaces it", [link("a", "/etc/passwd"), file("a", HELLO)], {"a": HELLO}),
    Attack(
        "parent becomes a link",
        [directory("d"), directory("t"), file("d/one", b"1"), link("d", "t"), file("d/two", b"2")],
        {"d": "t", "t": None, "t/two": b"2"},
    ),
    Attack(
        "link becomes a directory",
        [directory("t"), link("d", "t"), file("d/one", b"1"), directory("d"), file("d/two", b"2")],
        {"t": None, "t/one": b"1", "d": None, "d/two": b"2"},
    ),
    Attack("file as a directory", [file("a", HELLO), file("a/b", HELLO)], error="a file stands where"),
    Attack("device as a directory", [node("a", "char", 1, 3), file("a/b", HELLO)], error="a file stands where"),
    Attack("root as a file", [file(".", HELLO)], error="root of a layer must be a directory"),
    Attack("root as a link", [link("./", "/etc")], error="root of a layer must be a directory"),
    Attack("root listed", [directory("./", 0o711, uid=3), file("a", HELLO)], {"a": HELLO}),
]
HARD_LINKS = [
    Attack("hard link", [file("a", HELLO), link("b", "a", "hardlink")], {"a": HELLO, "b": "=a"}),
    Attack("hard link to an absolute name", [file("a", HELLO), link("b", "/a", "hardlink")], {"a": HELLO, "b": "=a"}),
    Attack("hard link outside", [link("b", "../../../etc/passwd", "hardlink")], error="out of the layer"),
    Attack("hard link to the machine", [link("b", "/etc/passwd", "hardlink")], error="does not have"),
    Attack("hard link to nothing", [link("b", "a", "hardlink")], error="does not have"),
    Attack("hard link to a directory", [directory("a"), link("b", "a", "hardlink")], error="hard link to a directory"),
    Attack("hard link to the root", [link("b", "/", "hardlink")], error="hard link to the root"),
    Attack(
        "hard link to a link is the link",
        [link("a", "/etc/passwd"), link("b", "a", "hardlink")],
        {"a": "/etc/passwd", "b": "=a"},
    ),
    Attack(
        "hard link through a link",
        [directory("t"), file("t/f", HELLO), link("a", "/t"), link("b", "a/f", "hardlink")],
        {"t": None, "t/f": "=b", "a": "/t", "b": HELLO},
    ),
    Attack(
        "hard link through a link outside",
        [link("a", "/etc"), link("b", "a/passwd", "hardlink")],
        error="does not have",
    ),
    Attack("hard link to itself", [file("a", HELLO), link("a", "a", "hardlink")], {"a": HELLO}),
    Attack("hard link twice", [file("a", HELLO), *[link("b", "a", "hardlink")] * 2], {"a": HELLO, "b": "=a"}),
    Attack(
        "first name replaced", [file("a", HELLO), link("b", "a", "hardlink"), file("a", b"2")], {"a": b"2", "b": HELLO}
    ),
    Attack("hard link to a whiteout", [file(".wh.a"), link("b", "a", "hardlink")], error="does not have"),
    Attack(
        "hard link over its own directory",
        [directory("d"), file("d/f", HELLO), link("d", "d/f", "hardlink")],
        {"d": HELLO},
    ),
    Attack(
        "hard link to a device",
        [node("n", "char", 1, 3), link("m", "n", "hardlink")],
        {"m": 0x103, "n": "=m"},
    ),
]
REPEATS = [
    Attack("file twice", [file("a", b"1"), file("a", b"22")], {"a": b"22"}),
    Attack("file over a directory", [directory("a"), file("a/b", HELLO), file("a", b"1")], {"a": b"1"}),
    Attack("directory over a file", [file("a", HELLO), directory("a"), file("a/b", b"1")], {"a": None, "a/b": b"1"}),
    Attack("directory twice", [directory("a"), file("a/b", HELLO), directory("a", 0o700)], {"a": None, "a/b": HELLO}),
    Attack("link over a directory", [directory("a"), file("a/b", HELLO), link("a", "x")], {"a": "x"}),
    Attack("device over a file", [file("a", HELLO), node("a", "char", 1, 3)], {"a": 0x103}),
    Attack("children first", [file("a/b/c", HELLO), directory("a/b", 0o700)], {"a": None, "a/b": None, "a/b/c": HELLO}),
]
WHITEOUTS = [
    Attack("whiteout", [file("d/.wh.gone")], {"d": None, "d/gone": WHITEOUT}),
    Attack("whiteout at the top", [file(".wh.gone")], {"gone": WHITEOUT}),
    Attack("whiteout of nothing", [file("d/.wh.")], error="nothing that can be deleted"),
    Attack("whiteout of dot", [file("d/.wh..")], error="nothing that can be deleted"),
    Attack("whiteout of dotdot", [file("d/.wh...")], error="nothing that can be deleted"),
    Attack("whiteout before the file", [file(".wh.a"), file("a", HELLO)], {"a": HELLO}),
    Attack("whiteout after the file", [file("a", HELLO), file(".wh.a")], {"a": HELLO}),
    Attack("whiteout before the directory", [file(".wh.a"), directory("a")], {"a": None}, opaque=("a",)),
    Attack("whiteout after the directory", [directory("a"), file(".wh.a")], {"a": None}, opaque=("a",)),
    Attack("whiteout, then below it", [file(".wh.a"), file("a/b", HELLO)], {"a": None, "a/b": HELLO}, opaque=("a",)),
    Attack("whiteout as a directory", [directory(".wh.a")], {"a": WHITEOUT}),
    Attack("below a whiteout", [file(".wh.a/b", HELLO)], error="below a whiteout"),
    Attack(
        "opaque", [directory("d"), file("d/.wh..wh..opq"), file("d/a", HELLO)], {"d": None, "d/a": HELLO}, opaque=("d",)
    ),
    Attack("opaque first", [file("d/.wh..wh..opq"), directory("d", 0o700)], {"d": None}, opaque=("d",)),
    Attack("opaque root", [file(".wh..wh..opq"), file("a", HELLO)], {"a": HELLO}, opaque=("",)),
    Attack("aufs leftovers", [directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", HELLO), file(".wh..wh.aufs")], {}),
    Attack(
        "aufs hard link",
        [directory(".wh..wh.plnk"), file(".wh..wh.plnk/1", HELLO), link("a", ".wh..wh.plnk/1", "hardlink")],
        {"a": HELLO},
    ),
    Attack("meta name deeper", [file("d/.wh..wh.foo")], {"d": None}),
    Attack("whiteout through a link", [link("a", "/t"), file("a/.wh.x")], {"a": "/t", "t": None, "t/x": WHITEOUT}),
    Attack("device 0, 0", [node("a", "char", 0, 0)], {"a": WHITEOUT}),
]
_ORDERS = {
    b"trusted.overlay.redirect": b"/etc",
    b"trusted.overlay.opaque": b"y",
    b"trusted.overlay.metacopy": b"",
    b"user.overlay.opaque": b"y",
    b"trusted.overlay.origin": b"x",
    b"user.kept": b"1",
}
_MANY = {b"user.%d" % i: b"v" * 1000 for i in range(200)}
NAMES = [
    Attack("newline", [file("a\nb", HELLO)], {"a\nb": HELLO}),
    Attack("not UTF-8", [file(b"\xff\xfe", HELLO)], {"\udcff\udcfe": HELLO}),
    Attack("escape sequence", [file("\x1b[2J", HELLO)], {"\x1b[2J": HELLO}),
    Attack("colon and comma", [file("a:b,c\\d", HELLO)], {"a:b,c\\d": HELLO}),
    Attack(
        "before the dots",
        [file(n, HELLO) for n in ("!", "-", " ", "...", "..a", ".a", "0")],
        dict.fromkeys(("!", "-", " ", "...", "..a", ".a", "0"), HELLO),
    ),
    Attack("255 bytes", [file("x" * 255, HELLO)], {"x" * 255: HELLO}),
    Attack("256 bytes", [file("x" * 256, HELLO)], error="no possible file name"),
    Attack("implied 256 bytes", [file("x" * 256 + "/a", HELLO)], error="no possible file name"),
    Attack("4,096 bytes", [file("a/" * 2047 + "bb", HELLO)], error="no possible file name"),
    Attack("NUL in a PAX name", pax("a", path="b\0c"), error="NUL"),
    Attack("link of 4,095 bytes", [link("a", "x" * 4095)], {"a": "x" * 4095}),
    Attack("link of 4,096 bytes", [link("a", "x" * 4096)], error="no possible link"),
    Attack("empty link", [link("a", "")], error="no possible link"),
    Attack(
        "set-user-id and sticky bits",
        [file("su", HELLO, mode=0o6755, uid=7, gid=8), directory("t", 0o1777)],
        {"su": HELLO, "t": None},
    ),
    Attack("fifo and devices", [node("p", "fifo"), node("b", "block", 8, 300)], {"p": FIFO, "b": 0x10082C}),
    Attack("impossible device", [node("b", "block", 1 << 13, 0)], error="impossible device"),
    Attack(
        "overlay's orders", [file("f", HELLO, xattrs=_ORDERS), directory("d", xattrs=_ORDERS)], {"f": HELLO, "d": None}
    ),
    Attack("attribute bomb", [file("f", HELLO, xattrs=_MANY)], error="larger than Linux can keep"),
    Attack("foreign attributes", [file("f", HELLO, xattrs={b"com.apple.x": b"1", b"lustre.y": b"2"})], {"f": HELLO}),
    Attack("user attribute of a link", [link("l", "x", xattrs={b"user.a": b"1"})], {"l": "x"}),
    Attack("times", [file("old", mtime=-(10**18)), file("new", mtime=10**20)], {"old": b"", "new": b""}),
]
_WHOLE = archive(file("a", b"x" * 2000))
DAMAGE = [
    Attack("no bytes", b"", {}),
    Attack("zeros only", bytes(1024), {}),
    Attack("no archive", b"not a tar" * 100, error=""),
    Attack("cut in the data", _WHOLE[:1500], error="truncated"),
    Attack("cut in the header", _WHOLE[:300], error="truncated"),
    Attack("size that lies", patched(_WHOLE, 124, b"77777777777\0"), error="truncated"),
    Attack("negative size", patched(_WHOLE, 124, b"\xff" * 12), error="size"),
    Attack("wrong checksum", b"\0\0\0\0b" + _WHOLE[5:], error="checksum"),
    Attack("no end", _WHOLE[:-1024], {"a": b"x" * 2000}),
    Attack(
        "no padding",
        archive(file("a", b"x" * 2000), file("b", b"y" * 700))[: 512 + 2048 + 512 + 700],
        {
            "a": b"x" * 2000,
            "b": b"y" * 700,
        },
    ),
    Attack("garbage behind the end", _WHOLE + b"garbage" * 999, {"a": b"x" * 2000}),
]
DEEP = "a/" * 2000
SIZES = [
    Attack("deep", [file(DEEP + "f", HELLO)], {**{DEEP[: 2 * n + 1]: None for n in range(2000)}, DEEP + "f": HELLO}),
]
ATTACKS: list[Attack] = [*ESCAPES, *HARD_LINKS, *REPEATS, *WHITEOUTS, *NAMES, *DAMAGE]
