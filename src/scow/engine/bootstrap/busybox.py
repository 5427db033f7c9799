"""A base of one static program: Debian's busybox-static, with a link for each of its applets."""

from __future__ import annotations

import contextlib
import glob
import io
import os
import subprocess
import tempfile

from scow.engine.bootstrap.process import find
from scow.errors import Unavailable
from scow.wire.tar import Entry, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from scow.engine.bootstrap import Request

PASSWD = b"""root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
GROUP = b"root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n"
FOLDERS = {b"bin": 0o755, b"etc": 0o755, b"home": 0o755, b"root": 0o700, b"sbin": 0o755, b"tmp": 0o1777,
           b"usr": 0o755, b"usr/bin": 0o755, b"usr/sbin": 0o755, b"var": 0o755, b"var/spool": 0o755}  # fmt: skip


def download(folder: str, say: Callable[[str], None]) -> str:
    """Fetch and unpack the package below ``folder``; returns the program's path. Unavailable when apt cannot."""
    apt, dpkg = find("apt-get", "apt"), find("dpkg-deb", "dpkg")
    say("downloading the package busybox-static")
    got = subprocess.run(
        [apt, "download", "-q", "busybox-static"], cwd=folder, capture_output=True, text=True, check=False
    )
    packages = glob.glob(os.path.join(folder, "busybox-static_*.deb"))
    if got.returncode != 0 or not packages:
        raise Unavailable(
            f"apt-get download busybox-static failed: {got.stderr.strip().splitlines()[-1:]}",
            hint="run apt-get update, or install the package busybox-static first",
        )
    subprocess.run([dpkg, "-x", packages[0], folder], check=True)
    return next(p for p in (f"{folder}/bin/busybox", f"{folder}/usr/bin/busybox") if os.path.exists(p))


def installed() -> str | None:
    """The busybox of an installed busybox-static, None where there is none."""
    listed = "/var/lib/dpkg/info/busybox-static.list"
    path = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), None)
    return path if path and os.path.exists(listed) else None


def archive(program: str, mtime: int) -> bytes:
    """The root file system around ``program`` as a tar; every entry carries ``mtime`` (ns)."""
    listed = subprocess.run([program, "--list"], capture_output=True, check=True).stdout.split()
    with open(program, "rb") as f:
        body = f.read()
    out = io.BytesIO()
    tar = Writer(out)

    def entry(name: bytes, kind: str, mode: int, *, size: int = 0, link: bytes = b"") -> Entry:
        return Entry(name=name, kind=kind, mode=mode, size=size, mtime=mtime, linkname=link)

    for name, mode in sorted(FOLDERS.items()):
        tar.add(entry(name, "dir", mode))
    tar.add(entry(b"bin/busybox", "file", 0o755, size=len(body)), body)
    for applet in sorted(set(listed) - {b"busybox"}):
        tar.add(entry(b"bin/" + applet, "symlink", 0o777, link=b"busybox"))
    tar.add(entry(b"etc/group", "file", 0o644, size=len(GROUP)), GROUP)
    tar.add(entry(b"etc/passwd", "file", 0o644, size=len(PASSWD)), PASSWD)
    # Programs that look for env and the shells' friends in /usr/bin find them.
    tar.add(entry(b"usr/bin/env", "symlink", 0o777, link=b"../../bin/busybox"))
    tar.close()
    return out.getvalue()


@contextlib.contextmanager
def busybox(request: Request, say: Callable[[str], None]) -> Iterator[BinaryIO]:
    """The root file system as a tar stream."""
    from scow.engine.bootstrap import source_date_epoch

    del request
    with tempfile.TemporaryDirectory(prefix="scow-busybox-") as folder:
        program = installed() or download(folder, say)
        epoch = source_date_epoch()
        # The package's own time is as good as any and the same on every machine that has this version.
        mtime = int(os.stat(program).st_mtime) if epoch is None else epoch
        yield io.BytesIO(archive(program, mtime * 10**9))
