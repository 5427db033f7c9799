"""The speed of scow.wire: tar, compression and digests, in a table. usage: .venv/bin/python bench/wire_tar.py [FILES]

Interleaved rounds, the best of each, since the machine may have other work. Everything lies in the page cache.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable

from scow.wire.ahead import ReadAhead
from scow.wire.compress import compressor, decompress
from scow.wire.hashing import HashingWriter
from scow.wire.tar import Entry, Parser, Reader, Writer, scan

ROUNDS = 5


class Null:
    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]


def best(work: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: min(seen) for name, seen in times.items()}


def tree(root: str, count: int) -> None:
    """``count`` files of 0 to 9 KB, 100 in a directory; half of it compresses."""
    noise = os.urandom(5000)
    for i in range(count):
        folder = f"{root}/t/d{i // 100}"
        if i % 100 == 0:
            os.makedirs(folder)
        size = i * 97 % 9300
        with open(f"{folder}/file{i}", "wb") as f:
            f.write((noise[: size // 2] + b"text %d " % i * 700)[:size])


def pack(root: str, entries: list[Entry], out: object) -> None:
    writer = Writer(out)  # type: ignore[arg-type]
    for entry in entries:
        if entry.kind == "file":
            fd = os.open(os.path.join(os.fsencode(root), entry.name), os.O_RDONLY)
            writer.add(entry, fd)
            os.close(fd)
        else:
            writer.add(entry)
    writer.close()


def only_read(root: str, entries: list[Entry]) -> None:
    for entry in entries:
        if entry.kind == "file":
            fd = os.open(os.path.join(os.fsencode(root), entry.name), os.O_RDONLY)
            os.read(fd, entry.size + 1)
            os.close(fd)


def push(path: str) -> None:
    parser = Parser()
    with open(path, "rb", buffering=0) as f:
        while chunk := f.read(1 << 17):
            parser.feed(chunk)
    parser.close()


def pull(path: str) -> None:
    with open(path, "rb", buffering=0) as f:
        reader = Reader(f)
        for entry in reader:
            if entry.kind == "file":
                reader.open(entry).read()


def listed(path: str) -> None:
    with open(path, "rb") as f:
        for _ in scan(f.fileno()):
            pass


def tars(root: str, count: int) -> str:
    tree(root, count)
    path = f"{root}/ustar.tar"
    subprocess.run(["tar", "-C", root, "--format=ustar", "-cf", path, "t"], check=True)
    with open(path, "rb") as f:
        entries = list(scan(f.fileno()))
    with open(f"{root}/pax.tar", "wb") as f:
        pack(root, [e._replace(mtime=e.mtime + 5, xattrs={b"user.a": b"1"}) for e in entries], f)
    found = best(
        {
            "scan(fd)": lambda: listed(path),
            "scan(fd), each with PAX": lambda: listed(f"{root}/pax.tar"),
            "Parser.feed": lambda: push(path),
            "Reader, all data read": lambda: pull(path),
            "Writer.add(entry, fd)": lambda: pack(root, entries, Null()),
            "  of that: open, read, close": lambda: only_read(root, entries),
            "tarfile.getmembers": lambda: tarfile.open(path).getmembers(),
        }
    )
    print(f"\n{len(entries)} entries, {os.path.getsize(path) >> 20} MiB of tar")
    for name, seconds in found.items():
        print(f"  {name:30} {seconds / len(entries) * 1e6:7.2f} us an entry {seconds:8.3f} s")
    return path


def packed(data: bytes, kind: str, level: int | None, threads: int) -> bytes:
    out = io.BytesIO()
    writer = compressor(out, kind, level, threads=threads)
    for i in range(0, len(data), 1 << 20):
        writer.write(memoryview(data)[i : i + (1 << 20)])
    writer.close()
    return out.getvalue()


def unpacked(data: bytes) -> None:
    stream = decompress(io.BytesIO(data))
    while stream.read(1 << 18):
        pass


def compression(data: bytes) -> None:
    kinds = [("gzip", None, 1), ("gzip", None, 2), ("gzip", 5, 2), ("gzip", 9, 2), ("zstd", 3, 1), ("zstd", 3, 2)]
    done = {k: packed(data, *k) for k in kinds}
    work: dict[str, Callable[[], object]] = {
        f"{k[0]} {k[1]}, {k[2]} threads": lambda k=k: packed(data, *k) for k in kinds
    }  # type: ignore[misc]
    work |= {
        f"read {kind}": lambda b=done[kind, level, 1]: unpacked(b) for kind, level in (("gzip", None), ("zstd", 3))
    }  # type: ignore[misc]
    work["zlib 6 (stdlib)"] = lambda: zlib.compress(data[: 16 << 20], 6)
    work["zlib reading (stdlib)"] = lambda: zlib.decompress(done["gzip", None, 1], 31)
    found = best(work, 3)
    print(f"\n{len(data) >> 20} MiB of a Debian root as tar")
    for (name, seconds), key in zip(found.items(), [*kinds, *[None] * 9], strict=False):
        size = min(len(data), 16 << 20) if name.startswith("zlib 6") else len(data)
        share = f"{len(done[key]) / len(data):.3f}" if key else ""
        print(f"  {name:30} {size / seconds / 1e6:7.0f} MB/s {share}")


def digests(root: str) -> None:
    block = memoryview(os.urandom(1 << 20))

    def write(out: HashingWriter | io.RawIOBase) -> None:
        for _ in range(1024):
            out.write(block)

    def to_file(hashing: bool) -> None:
        with open(f"{root}/big", "wb", buffering=0) as f:
            write(HashingWriter(f) if hashing else f)

    found = best(
        {
            "hash and write": lambda: to_file(True),
            "write": lambda: to_file(False),
            "hash": lambda: write(HashingWriter()),
        },
        3,
    )
    print("\n1 GiB in pieces of 1 MiB")
    for name, seconds in found.items():
        print(f"  {name:30} {seconds:7.2f} s")
    os.unlink(f"{root}/big")


def pulling(root: str, data: bytes) -> None:
    body = packed(data, "gzip", None, 2)

    def ingest(ahead: bool) -> None:
        with open(f"{root}/layer", "wb", buffering=0) as f:
            writer = HashingWriter(f)
            stream = decompress(io.BytesIO(body))
            with ReadAhead(stream) if ahead else stream as source:
                while piece := source.read(1 << 18):
                    writer.write(piece)

    found = best({"gunzip, digest, write": lambda: ingest(False), "  read ahead": lambda: ingest(True)}, 3)
    print("\npull of the same, as a layer is taken in")
    for name, seconds in found.items():
        print(f"  {name:30} {len(data) / seconds / 1e6:7.0f} MB/s")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    root = tempfile.mkdtemp(prefix="scow-bench-wire-")
    try:
        tars(root, count)
        made = subprocess.run(
            ["tar", "-C", "/", "--format=ustar", "-cf", "-", "usr/bin", "usr/lib/x86_64-linux-gnu", "usr/share"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        data = made.stdout[:150_000_000]
        compression(data)
        pulling(root, data)
        digests(root)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
