"""Outputs that take a part of what they are given."""

from __future__ import annotations

import io
import os
import resource
import signal

import pytest

from scow.wire.compress import compressor, decompress
from scow.wire.hashing import HashingWriter, Tee
from scow.wire.tar import Entry, Writer, scan


class Stingy:
    """Takes 1000 bytes at a time."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes | memoryview) -> int:
        self.data += bytes(data[:1000])
        return min(len(data), 1000)


@pytest.mark.parametrize("size", [10, 5000, 100_000, 3_000_000])
def test_everybody_writes_all(size: int) -> None:
    data = os.urandom(size)
    out = Stingy()
    writer = Writer(out)
    writer.add(Entry(b"n", "file", size=size), io.BytesIO(data))
    writer.close()
    [entry] = scan(out.data)
    assert out.data[entry.data : entry.data + size] == data
    for kind in ("gzip", "zstd", "none"):
        out = Stingy()
        packer = compressor(out, kind)
        packer.write(data)
        packer.close()
        assert decompress(io.BytesIO(out.data)).read() == data
    outs = [Stingy(), Stingy()]
    hashing = HashingWriter(Tee(*outs))
    hashing.write(data)
    assert [o.data for o in outs] == [data, data]


def test_a_full_disk_is_an_error_and_not_a_short_file(tmp_path: os.PathLike[str]) -> None:
    """The kernel writes what fits and says so; the next write fails."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
            with open(os.path.join(tmp_path, "f"), "wb", buffering=0) as f:
                HashingWriter(f).write(bytes(1_500_000))
        except OSError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert os.path.getsize(os.path.join(tmp_path, "f")) == 1_000_000
