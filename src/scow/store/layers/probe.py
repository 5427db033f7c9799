"""Which form of layers works here: found out by mounting one, once per boot."""

from __future__ import annotations

import errno
import json
import os

from scow.errors import Error
from scow.kernel.mount import MNT_DETACH, umount
from scow.store.erofs.writer import Source, write_index
from scow.store.layers.erofs_form import mount_pair
from scow.store.layers.nodes import Node, inodes, new_directory, walk
from scow.store.layers.staging import Staging
from scow.values import asdict, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.store.paths import Paths

_CONTENT = b"scow probe\n"


@value
class Ability:
    """``form`` is "erofs" or "directory"; ``how`` (erofs only) "file" or "loop"; ``direct`` whether the tar can be
    read without being cached twice; ``reason`` says in a sentence why the form is not a better one, or "".
    """

    form: str
    how: str = ""
    direct: bool = False
    reason: str = ""


def describe(ability: Ability) -> str:
    """One line for ``scow info``."""
    if ability.form == "erofs":
        means = "file-backed" if ability.how == "file" else "loop devices"
        text = f"erofs ({means}{', direct I/O for large files' if ability.direct else ''})"
    else:
        text = "directory"
    return f"{text}: {ability.reason}" if ability.reason else text


def ability(paths: Paths) -> Ability:
    """What works under these paths, remembered until the next boot, kernel or change of user namespace."""
    cache = f"{paths.run}/layers/.ability.json"
    stamp = _stamp()
    try:
        with open(cache, encoding="utf-8") as f:
            known = json.load(f)
        if known.pop("stamp") == stamp:
            return Ability(**known)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    found = probe(paths)
    fresh = f"{cache}.{os.getpid()}-{os.urandom(4).hex()}"
    with open(fresh, "w", encoding="utf-8") as f:
        json.dump({"stamp": stamp, **asdict(found)}, f)
    os.rename(fresh, cache)
    return found


def _stamp() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        boot = f.read().strip()
    return f"{boot} {os.uname().release} {os.readlink('/proc/self/ns/user')} {os.geteuid()}"


def probe(paths: Paths) -> Ability:
    """Try the ways in their order, on the file system that layers will be on."""
    reasons: list[str] = []
    with Staging(paths) as staging:
        tar, index = f"{staging.path}/tar", f"{staging.path}/index"
        _write_sample(tar, index)
        point = f"{staging.path}/mount"
        os.mkdir(point)
        for how in ("file", "loop"):
            why = _try(tar, index, point, how, direct=False)
            if not why:
                direct = not _try(tar, index, point, how, direct=True)
                return Ability("erofs", how, direct, reasons[0] if reasons else "")
            reasons.append(f"{'file-backed erofs' if how == 'file' else 'erofs on loop devices'}: {why}")
    return Ability("directory", reason="; ".join(reasons))


def _write_sample(tar: str, index: str) -> None:
    root = new_directory()
    node = Node(0o100644)
    node.size, node.data = len(_CONTENT), 512
    assert root.children is not None
    root.children[b"file"] = node
    directories = walk(root)
    with open(tar, "w+b") as source, open(index, "w+b") as out:
        source.write(_CONTENT.rjust(512 + len(_CONTENT), b"\0").ljust(1024, b"\0"))
        source.flush()
        write_index(directories, list(inodes(directories)), Source(source.fileno(), 1024, b""), out.fileno())


def _try(tar: str, index: str, point: str, how: str, *, direct: bool) -> str:
    """Mount the sample and read it; why that failed, or ""."""
    try:
        mount_pair(index, tar, point, how, direct=direct)
    except (OSError, Error) as e:
        code = getattr(e, "errno", 0) or 0
        return f"{errno.errorcode.get(code, '')} {getattr(e, 'strerror', None) or e}".strip()
    try:
        with open(f"{point}/file", "rb") as f:
            return "" if f.read() == _CONTENT else "the kernel read other bytes than were written"
    except OSError as e:
        return f"read: {e.strerror}"
    finally:
        umount(point, MNT_DETACH)
