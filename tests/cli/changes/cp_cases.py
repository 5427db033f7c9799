"""The forms of ``cp`` as a table, and a machine that plays it with any program that has docker's verbs.

A case is a list of calls in a fresh directory with a fresh container ``box``; its outcome is what each call said and
left: exit code, words, the files in ``/w`` and ``/vol`` of the container and in the directory ``o`` of the host.
``cp_outcomes.json`` holds docker 28.5's outcomes: ``SHARED=DIR python cp_cases.py`` writes it anew, DIR being a directory
that the daemon sees too.
"""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import tarfile
from collections.abc import Callable

MOMENT = 1_700_000_000_123_456_789
OPTIONS: dict[str, list[str]] = {
    "": [],
    "user": ["-u", "1234:5678"],
    "named": ["-u", "nosuchuser"],
    "readonly": ["--read-only"],
    "volumes": ["-v", "cptable:/vol", "-v", "$DIR/base:/bind:ro"],
    "readonly-volume": ["--read-only", "-v", "cptable:/vol"],
}

# name -> (options of create, calls)
CASES: dict[str, tuple[str, list[str]]] = {
    "file to directory": ("", ["f box:/w/d", "f box:/w/d/"]),
    "file to new name": ("", ["f box:/w/new"]),
    "file over file": ("", ["f box:/w/x", "f box:/w/d/y"]),
    "file to missing directory": ("", ["f box:/w/no/", "f box:/w/no/.", "f box:/w/no/x", "f box:/w/no/no/x"]),
    "file below file": ("", ["f box:/w/x/y", "f box:/w/x/y/z", "f box:/w/x/", "f box:/w/x/."]),
    "relative path in container": ("", ["f box:w/new", "box:w/x o/x"]),
    "dots in container": ("", ["f box:/w/../w/./d/../new", "f box:../../w/new2", "box:/w/d/../x o/x"]),
    "directory to directory": ("", ["dir box:/w/d", "dir box:/w/d/", "dir/ box:/w/d2"]),
    "directory to new name": ("", ["dir box:/w/new", "dir box:/w/new2/"]),
    "content to directory": ("", ["dir/. box:/w/d", "dir/. box:/w/d/."]),
    "content to new name": ("", ["dir/. box:/w/new"]),
    "directory twice": ("", ["dir box:/w/new", "dir box:/w/new", "dir/. box:/w/new"]),
    "directory over file": ("", ["dir box:/w/x", "dir/. box:/w/x", "dir box:/w/x/"]),
    "directory to missing parent": ("", ["dir box:/w/no/new", "dir box:/w/no/new/"]),
    "directory onto content dot of missing": ("", ["dir box:/w/no/."]),
    "conflict in a tree": ("", ["swap box:/w", "swap/. box:/w"]),
    "source missing": ("", ["nosuch box:/w/x", "nosuch/x box:/w", "f/x box:/w", "nosuch/ box:/w", "nosuch/. box:/w"]),
    "file asserted to be directory": ("", ["f/ box:/w/n", "f/. box:/w/n"]),
    "links of the host": ("", ["lf box:/w/lf", "ld box:/w/ld", "ld/ box:/w/ld2", "ld/. box:/w/ld3", "broken box:/w/b"]),
    "links of the host into directory": ("", ["lf box:/w/d", "ld box:/w/d", "ld/ box:/w/d", "ld/. box:/w/d"]),
    "links of the host followed": ("", ["-L lf box:/w/lf", "-L ld box:/w/ld", "-L broken box:/w/b", "-L lf box:/w/d", "-L ld box:/w/d"]),
    "chain of links followed": ("", ["-L lff box:/w/d", "lff box:/w/d", "-L f box:/w/d"]),
    "destination is a link": ("", ["f box:/w/tox", "f box:/w/tod", "f box:/w/tod/", "dir box:/w/tod", "dir/. box:/w/tod/."]),
    "destination is a broken link": ("", ["f box:/w/broken", "dir box:/w/broken2", "f box:/w/broken3/x"]),
    "destination is a link in a chain": ("", ["f box:/w/chain", "f box:/w/chaind"]),
    "destination is a loop": ("", ["f box:/w/loop"]),
    "entry over a link": ("", ["lf box:/w/d/lf", "f box:/w/d/lf"]),
    "hard links": ("", ["hard box:/w/hard", "box:/w/hard o/hard"]),
    "modes": ("", ["modes box:/w/modes", "box:/w/modes o/modes"]),
    "fifo and device": ("", ["special box:/w/special", "box:/w/special o/special"]),
    "a link that leads out": ("", ["escape box:/w/escape", "escape box:/w"]),
    "an absolute link": ("", ["absolute box:/w/absolute", "box:/w/absolute o/absolute"]),
    "odd names": ("", ["odd box:/w/odd", "box:/w/odd o/odd", "box:/w/odd/.hidden o/h"]),
    "empty directory": ("", ["empty box:/w/empty", "empty box:/w/d", "box:/w/empty o/empty"]),
    "colon in a name": ("", ["./co:lon box:/w/d", "box:/w/d/co:lon o/", "co:lon box:/w"]),
    "out: file": ("", ["box:/w/x o/x", "box:/w/x o", "box:/w/x o/", "box:/w/x o/."]),
    "out: file to missing directory": ("", ["box:/w/x o/no/", "box:/w/x o/no/.", "box:/w/x o/no/x", "box:/w/x o/no/no/x"]),
    "out: file over file": ("", ["box:/w/x f", "box:/w/x f/", "box:/w/x f/x"]),
    "out: directory": ("", ["box:/w/d o/new", "box:/w/d o/new", "box:/w/d/ o/new2", "box:/w/d o"]),
    "out: content": ("", ["box:/w/d/. o/new", "box:/w/d/. o", "box:/w/d/. o/."]),
    "out: directory over file": ("", ["box:/w/d f", "box:/w/d/. f", "box:/w/d f/"]),
    "out: missing": ("", ["box:/w/no o/x", "box:/w/no/ o/x", "box:/w/no/. o/x", "box:/w/x/y o/x", "box:/w/x/ o/x", "box:/w/x/. o/x"]),
    "out: links": ("", ["box:/w/tox o/tox", "box:/w/tod o/tod", "box:/w/tod/ o/tod2", "box:/w/tod/. o/tod3", "box:/w/broken o/broken"]),
    "out: links into directory": ("", ["box:/w/tox o", "box:/w/tod o", "box:/w/broken o"]),
    "out: link with a slash into directory": ("", ["box:/w/tod/ o"]),
    "out: links followed": ("", ["-L box:/w/tox o/tox", "-L box:/w/tod o/tod", "-L box:/w/broken o/b", "-L box:/w/chain o/c"]),
    "out: links followed into directory": ("", ["-L box:/w/tox o", "-L box:/w/tod o", "-L box:/w/chain o", "-L box:/w/tod/ o/n"]),
    "out: followed content": ("", ["-L box:/w/tod/. o/n"]),
    "out: loop": ("", ["box:/w/loop o/loop", "-L box:/w/loop o/loop2"]),
    "out: destination is a link": ("", ["box:/w/x lf", "box:/w/x broken", "box:/w/d ld", "box:/w/d broken2", "box:/w/x ld"]),
    "out: conflict in a tree": ("", ["box:/w/d swap2", "box:/w/d/. swap2"]),
    "out: device as destination": ("", ["box:/w/x /dev/null", "box:/w/x /dev/null/x"]),
    "out: volume": ("volumes", ["f box:/vol/v", "box:/vol o/vol", "box:/bind/x o/x"]),
    "in: read-only bind": ("volumes", ["f box:/bind/n", "dir box:/bind", "f box:/bind/d/n"]),
    "read-only root": ("readonly", ["f box:/w2", "f box:/tmp", "f box:/nosuch/x", "box:/w2 o/p", "f box:/nosuch/"]),
    "read-only root with volume": ("readonly-volume", ["f box:/vol/v", "f box:/w2", "box:/vol/v o/v"]),
    "archive": ("user", ["-a f box:/w/fa", "f box:/w/fb", "-a dir box:/w/da"]),
    "archive with unknown user": ("named", ["-a f box:/w/fa", "f box:/w/fb"]),
    "archive out": ("", ["-a f box:/w/fa", "-a box:/w/fa o/fa"]),
    "words": ("", ["box:/w/x box:/w/y", "f g", "box: o/x", "f box:", "nosuch:/x o/x", "f nosuch:/x", "nosuch nosuch:/x"]),
    "tar in": ("", ["- box:/w <plain.tar", "- box:/w/no <plain.tar", "- box:/w/x <plain.tar", "- box:/w/d <empty.tar"]),
    "tar in, compressed": ("", ["- box:/w/d <plain.tar.gz"]),
    "tar in: nonsense": ("", ["- box:/w <f"]),
    "tar in: names that lead out": ("", ["- box:/w/d <dotdot.tar", "- box:/w/d <rooted.tar"]),
    "tar in: parents implied": ("", ["- box:/w/d <implied.tar", "- box:/w/d <impliedfile.tar"]),
    "tar in: through links": ("", ["- box:/w <through.tar"]),
    "tar in: hard link out": ("", ["- box:/w/d <hardout.tar"]),
    "tar in: hard link": ("", ["- box:/w/d <hard.tar"]),
    "tar in: link out": ("", ["- box:/w/d <linkout.tar"]),
    "tar in: over what is there": ("", ["- box:/w <over.tar", "- box:/w <overdir.tar"]),
    "tar in: truncated": ("", ["- box:/w/d <cut.tar"]),
    "tar in: through a link": ("", ["- box:/w/tod <plain.tar", "- box:/w/broken <plain.tar"]),
    "tar out": ("", ["box:/w/x -", "box:/w/d -", "box:/w/d/ -", "box:/w/d/. -", "box:/w/tod -", "box:/w/tod/ -", "box:/w/no -", "-L box:/w/tod -"]),
    "host path missing for out": ("", ["box:/w/x nosuch/", "box:/w/no nosuch/x"]),
    "proc": ("", ["box:/proc/cpuinfo o/c", "box:/proc/self o/s", "box:/sys/kernel o/k"]),
}  # fmt: skip


def members(*rows: tuple[str, str, str]) -> bytes:
    """A tar of (kind, name, data or target)."""
    out = io.BytesIO()
    kinds = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for kind, name, text in rows:
            info = tarfile.TarInfo(name)
            info.type, info.mtime, info.uid, info.gid = kinds[kind], MOMENT // 10**9, 7, 8
            info.mode = 0o755 if kind == "d" else 0o640
            data = text.encode() if kind == "f" else b""
            if kind in "lh":
                info.linkname = text
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


ARCHIVES = {
    "plain.tar": members(("d", "p", ""), ("f", "p/q", "q"), ("l", "p/l", "q")),
    "empty.tar": members(),
    "dotdot.tar": members(("f", "a/../../../evil", "e")),
    "rooted.tar": members(("f", "/rooted", "r"), ("f", "/../rooted2", "r")),
    "implied.tar": members(("d", "i1/i2", "")),
    "impliedfile.tar": members(("f", "j1/j2/j3", "j")),
    "through.tar": members(("f", "tod/through", "t"), ("f", "sw", "s"), ("l", "out", "/vol"), ("f", "out/x", "x")),
    "hardout.tar": members(("h", "h", "../x")),
    "hard.tar": members(("f", "h1", "h"), ("h", "h2", "h1"), ("h", "h3", "/h1")),
    "linkout.tar": members(("l", "ok", "/etc/passwd"), ("l", "bad", "../../x")),
    "over.tar": members(("f", "x", "over"), ("f", "tod", "over"), ("d", "d", "")),
    "overdir.tar": members(("f", "d", "over")),
    "cut.tar": members(("f", "c1", "c" * 600), ("f", "c2", "c" * 5000))[: 512 + 1024 + 512 + 900],
}


def write(path: str, text: str, mode: int = 0o644) -> None:
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def content(path: str) -> bytes:
    with open(path, "rb") as f:
        return f.read()


def prepare(folder: str) -> None:
    """The host's files of a case."""
    old = os.umask(0o022)
    try:
        _prepare(folder)
    finally:
        os.umask(old)


def _prepare(folder: str) -> None:
    import gzip

    at = lambda name: os.path.join(folder, name)  # noqa: E731
    for name in (
        "base/d/sub",
        "base/conf",
        "dir/sub",
        "swap/x",
        "swap2/y",
        "swap2/d/y",
        "hard",
        "modes/m",
        "special",
        "escape",
        "absolute",
        "odd",
        "empty",
        "o",
    ):
        os.makedirs(at(name))
    write(at("base/x"), "x of base\n")
    write(at("base/d/y"), "y\n", 0o600)
    write(at("base/d/sub/z"), "z\n", 0o755)
    for link, target in (
        ("base/tox", "x"), ("base/tod", "d"), ("base/broken", "nowhere"), ("base/broken2", "/w/nowhere2"), ("base/broken3", "nowhere3"),
        ("base/chain", "tox"), ("base/chaind", "d/up"), ("base/d/up", "/w/tod"), ("base/loop", "loop"),
        ("dir/la", "a"), ("ld", "dir"), ("lf", "f"), ("lff", "lf"), ("broken", "nowhere"), ("broken2", "o/nowhere2"),
        ("escape/e", "../../../../../../../../../etc/passwd"), ("absolute/e", "/etc/passwd"),
    ):  # fmt: skip
        os.symlink(target, at(link))
    write(at("f"), "hi\n")
    os.chown(at("f"), 1000, 1001)
    write(at("dir/a"), "a\n", 0o4755)
    write(at("dir/sub/b"), "b\n")
    write(at("swap/d"), "a file\n")
    write(at("hard/h1"), "hard\n")
    os.link(at("hard/h1"), at("hard/h2"))
    for mode in (0o4711, 0o2750, 0o1777, 0o000, 0o666):
        write(at(f"modes/f{mode:o}"), "m", mode)
    os.chmod(at("modes/m"), 0o3770)
    os.mkfifo(at("special/fifo"), 0o640)
    os.mknod(at("special/null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chmod(at("special/null"), 0o666)
    for name in ("with space", "new\nline", ".hidden", "ünïcode", "-dash", "x" * 150):
        write(at(f"odd/{name}"), name)
    write(at("co:lon"), "colon")
    for name, data in ARCHIVES.items():
        with open(at(name), "wb") as f:
            f.write(data)
    with open(at("plain.tar.gz"), "wb") as f:
        f.write(gzip.compress(ARCHIVES["plain.tar"]))
    for here, folders, files in os.walk(folder, topdown=False):
        for name in (*folders, *files):
            os.utime(os.path.join(here, name), ns=(MOMENT, MOMENT), follow_symlinks=False)


def listing_of_tar(data: bytes) -> list[str]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for m in tar:
            kind = {"0": "file", "1": "hard", "2": "link", "3": "char", "4": "block", "5": "dir", "6": "fifo"}[
                m.type.decode()
            ]
            time = "then" if m.mtime == MOMENT // 10**9 else "now" if m.isdir() else "new"
            text = repr(tar.extractfile(m).read().decode()) if m.isfile() else m.linkname  # type: ignore[union-attr]
            found.append(f"{m.name} {kind} {m.mode:o} {m.uid}:{m.gid} {'' if m.isdir() else time} {text}".rstrip())
    return sorted(found)


def listing_of(folder: str, only: tuple[str, ...] = ()) -> list[str]:
    found = []
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(here, name)
            if only and os.path.relpath(path, folder).split("/")[0] not in only:
                continue
            s = os.lstat(path)
            kind = {
                stat.S_IFREG: "file",
                stat.S_IFDIR: "dir",
                stat.S_IFLNK: "link",
                stat.S_IFIFO: "fifo",
                stat.S_IFCHR: "char",
            }[stat.S_IFMT(s.st_mode)]
            text = repr(content(path).decode()) if kind == "file" else os.readlink(path) if kind == "link" else ""
            time = {MOMENT: "exactly", MOMENT // 10**9 * 10**9: "then"}.get(s.st_mtime_ns, "new")
            linked = f" links={s.st_nlink}" if s.st_nlink > 1 and kind == "file" else ""
            shown = os.path.relpath(path, folder)
            found.append(
                f"{shown} {kind} {s.st_mode & 0o7777:o} {s.st_uid}:{s.st_gid} {'' if kind == 'dir' else time}{linked} {text}".rstrip()
            )
    return sorted(found)


def words(text: str, folder: str) -> str:
    """An error without what differs from run to run, or from program to program for good reason."""
    text = text.replace(folder, "$DIR")
    lines = [re.sub(r'^time="[^"]*" level=error msg="(.*)"$', r"\1", one) for one in text.splitlines()]
    # The client of a daemon tells that its pipe broke, besides why.
    lines = [one for one in lines if "read/write on closed pipe" not in one]
    # Where Go says only this, scow also says where in the archive.
    lines = ["unexpected EOF" if one.endswith("truncated") or "unexpected EOF" in one else one for one in lines]
    found = "\n".join(lines).replace("Error response from daemon: ", "").removeprefix("Error: ")
    return found.replace("pathcannot", "path cannot").strip()


Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def play(run: Run, folder: str, name: str, image: str) -> dict[str, object]:
    """One case's outcome. ``run(words, stdin=bytes)`` calls the program in ``folder``."""
    options, calls = CASES[name]
    prepare(folder)
    made = run(
        "create", "--name", "box", *[w.replace("$DIR", folder) for w in OPTIONS[options]], image, "sleep", "1000"
    )
    assert made.returncode == 0, made.stderr
    try:
        said = []
        if not options.startswith("readonly"):
            first = run("cp", "base/.", "box:/w")
            assert first.returncode == 0, first.stderr
        for call in calls:
            text, _, source = call.partition(" <")
            data = content(os.path.join(folder, source)) if source else None
            done = run("cp", *text.split(" "), stdin=data)
            out = listing_of_tar(done.stdout) if done.stdout else []
            said.append([call, done.returncode, words(done.stderr.decode(), folder), *([out] if out else [])])
        box: list[str] = []
        for path in ("/w", "/vol"):
            tar = run("cp", f"box:{path}", "-")
            if tar.returncode == 0:
                box += listing_of_tar(tar.stdout)
        return {"calls": said, "box": box, "o": listing_of(os.path.join(folder, "o")), "f": listing_of_file(folder)}
    finally:
        run("rm", "-f", "box")
        run("volume", "rm", "cptable")


def listing_of_file(folder: str) -> list[str]:
    """What has become of the host's files outside ``o``."""
    names = ("f", "lf", "ld", "broken", "broken2", "nowhere", "dir", "swap2")
    return listing_of(folder, names)


def main() -> None:
    """Write docker's outcomes."""
    import json
    import sys
    import tempfile

    found = {}
    for name in CASES:
        with tempfile.TemporaryDirectory(dir=os.environ.get("SHARED")) as folder:

            def run(*argv: str, stdin: bytes | None = None, here: str = folder) -> subprocess.CompletedProcess[bytes]:
                given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
                return subprocess.run(["docker", *argv], cwd=here, capture_output=True, check=False, **given)  # type: ignore[call-overload, no-any-return]

            found[name] = play(run, folder, name, "busybox:local")
            sys.stderr.write(f"{name}\n")
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cp_outcomes.json"), "w") as f:
        json.dump(found, f, indent=1, ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    main()
