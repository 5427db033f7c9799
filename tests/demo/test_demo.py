"""The main job as ./demo does it: a base from packages, the example built on it, run on two pictures, looked at, committed.

The pixels of the result are compared with what interlacing the two pictures gives.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator

import pytest
from tests.conftest import Scow, is_root, throw_away

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = f"{ROOT}/examples/lenticular"
ALPINE = "/work/shared/images/alpine-3.20.3-x86_64.tar.gz"
BASE = "debian:bookworm"
pytestmark = [
    pytest.mark.skipif(not is_root, reason="needs root"),
    pytest.mark.timeout(900),
]


def pixels(path: str) -> tuple[int, int, list[bytes]]:
    """Width, height and rows of RGB bytes of an 8-bit RGB PNG (https://www.w3.org/TR/png-3/, 9.2: filter types)."""
    with open(path, "rb") as f:
        raw = f.read()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(raw):
        size, kind = struct.unpack_from(">I4s", raw, at)
        body = raw[at + 8 : at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack_from(">I", raw, at + 8 + size)[0]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, colour, interlaced) == (8, 2, 0)
        elif kind == b"IDAT":
            packed += body
        at += 12 + size
    data, stride = zlib.decompress(packed), width * 3 + 1
    rows: list[bytes] = []
    above = bytes(width * 3)
    for y in range(height):
        above = unfiltered(data[y * stride], data[y * stride + 1 : (y + 1) * stride], above)
        rows.append(above)
    return width, height, rows


def unfiltered(kind: int, line: bytes, above: bytes) -> bytes:
    """One row of a PNG without its filter."""
    out = bytearray(line)
    for i in range(len(out)):
        left, up, corner = (out[i - 3] if i > 2 else 0), above[i], (above[i - 3] if i > 2 else 0)
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda v: (abs(guess - v), (left, up, corner).index(v)))
        out[i] = out[i] + (0, left, up, (left + up) // 2, paeth)[kind] & 255
    return bytes(out)


def test_the_decoder(tmp_path: os.PathLike[str]) -> None:
    """It reads what the example draws, with every kind of filter."""
    rows = [bytes((x * 7 + y * 13 + c * 5) % 256 for x in range(9) for c in range(3)) for y in range(5)]
    body, above = b"", bytes(27)
    for kind, row in enumerate(rows):
        guesses = []
        for i in range(27):
            left, up, corner = (row[i - 3] if i > 2 else 0), above[i], (above[i - 3] if i > 2 else 0)
            p = left + up - corner
            best = min(((abs(p - v), n, v) for n, v in enumerate((left, up, corner))))[2]
            guesses.append((0, left, up, (left + up) // 2, best)[kind])
        body += bytes([kind]) + bytes((v - g) % 256 for v, g in zip(row, guesses, strict=True))
        above = row

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path = os.path.join(tmp_path, "x.png")
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 5, 8, 2, 0, 0, 0)))
        f.write(chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""))
    assert pixels(path) == (9, 5, rows)


def has_mirror() -> bool:
    """Whether apt on this host knows where packages come from, and can reach it."""
    if not shutil.which("mmdebstrap") or not shutil.which("apt-get"):
        return False
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True, check=False
    )
    if not done.stdout.strip():
        return False
    probe = ["apt-get", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=5", "update", "--print-uris"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Scow]:
    """A store with the Debian base. Bootstrapping takes half a minute, so its archive is kept in pytest's cache."""
    program = Scow(str(tmp_path_factory.mktemp("demo") / "store"))
    cached = str(pytestconfig.cache.mkdir("scow") / "debian-bookworm.tar") if pytestconfig.cache else ""
    if cached and os.path.exists(cached):
        program("load", "-q", "-i", cached)
    else:
        if not has_mirror():
            pytest.skip("apt on this host has no mirror to bootstrap Debian from")
        program("bootstrap", "-q", BASE, timeout=600)
        if cached:
            program("save", "-o", cached, BASE)
    yield program
    throw_away(program.root)


@pytest.fixture(scope="module")
def built(demo: Scow) -> Scow:
    if not has_mirror():
        pytest.skip("apt on this host has no mirror to install Perl from")
    demo("build", "--progress", "plain", "-t", "lenticular", "-t", "lenticular:1.0", EXAMPLE, timeout=600)
    return demo


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("pictures"))
    spec = importlib.util.spec_from_file_location("make_pictures", f"{EXAMPLE}/make_pictures.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(folder)
    return folder


@pytest.mark.parametrize("lens", [8, 2])
def test_the_picture(built: Scow, pictures: str, lens: int) -> None:
    words = [] if lens == 8 else ["--lens", str(lens), "first.png", "second.png", "lenticular.png"]
    told = built("run", "--rm", "-v", f"{pictures}:/pictures", "lenticular", *words)
    assert told.stdout == f"lenticular.png: 320 x 200 pixels, {320 // lens} lenses\n"
    (width, height, first), (_, _, second), found = (
        pixels(f"{pictures}/{name}.png") for name in ("first", "second", "lenticular")
    )
    half = lens // 2
    wanted = [
        b"".join((second if x // half % 2 else first)[y][x * 3 : x * 3 + 3] for x in range(width))
        for y in range(height)
    ]
    assert found == (width, height, wanted)


def test_what_it_looks_like(built: Scow) -> None:
    assert re.search(r"^lenticular +1\.0 ", built("images").stdout, re.M)
    assert len(set(built("images", "-q", "lenticular").stdout.split())) == 1
    steps = [
        line.split("  ")[-1]
        for line in built("history", "--no-trunc", "--format", "{{.CreatedBy}}", "lenticular").stdout.splitlines()
    ]
    kinds = [s.partition(" ")[0] for s in steps]
    assert kinds[:8] == ["CMD", "ENTRYPOINT", "RUN", "COPY", "WORKDIR", "RUN", "RUN", "LABEL"], steps
    config = json.loads(built("inspect", "-f", "{{json .Config}}", "lenticular").stdout)
    assert config["Labels"]["org.opencontainers.image.title"] == "lenticular"
    assert config["WorkingDir"] == "/pictures" and config["Entrypoint"] == ["lenticular"]


def test_built_again_all_is_cached(built: Scow) -> None:
    before = built("images", "-q", "--no-trunc", "lenticular:1.0").stdout
    told = built("build", "--progress", "plain", "-t", "lenticular", EXAMPLE).stderr
    assert len(re.findall(r"^#\d+ CACHED$", told, re.M)) >= 5, told
    assert built("images", "-q", "--no-trunc", "lenticular:latest").stdout == before


def test_a_wrong_call_fails_as_the_program_says(built: Scow, pictures: str) -> None:
    told = built(
        "run",
        "--rm",
        "-v",
        f"{pictures}:/pictures",
        "lenticular",
        "--lens",
        "3",
        "first.png",
        "second.png",
        "x.png",
        code=None,
    )
    assert told.returncode == 255 or 0 < told.returncode < 125
    assert "the lens width must be an even number" in told.stderr


def test_a_changed_container_becomes_an_image(built: Scow) -> None:
    built(
        "run",
        "--name",
        "changed",
        "--entrypoint",
        "sh",
        "lenticular",
        "-c",
        'echo "this container was changed" >/etc/motd',
    )
    assert re.search(r"Exited \(0\) .*changed$", built("ps", "-a").stdout, re.M)
    built(
        "commit",
        "-m",
        "leave a note",
        "-c",
        'ENTRYPOINT ["cat"]',
        "-c",
        'CMD ["/etc/motd"]',
        "changed",
        "lenticular:noted",
    )
    assert built("run", "--rm", "lenticular:noted").stdout == "this container was changed\n"
    assert "leave a note" in built("history", "lenticular:noted").stdout
    built("rm", "changed")
    assert built("system", "check").stdout == ""


@pytest.mark.skipif(not os.path.exists(ALPINE), reason="Alpine's root file system is not here")
def test_the_alpine_form_as_far_as_it_goes(demo: Scow, tmp_path: os.PathLike[str]) -> None:
    """Its packages have no mirror here: the failure names the step, its file and line. All else is the same."""
    demo("import", "-c", 'CMD ["/bin/sh"]', ALPINE, "alpine")
    failed = demo(
        "build",
        "--network",
        "none",
        "-f",
        f"{EXAMPLE}/Dockerfile.alpine",
        "-t",
        "nothing",
        EXAMPLE,
        code=1,
        timeout=120,
    ).stderr
    assert '> [2/5] RUN ["apk", "add", "--no-cache", "perl", "perl-gd"]:' in failed
    assert re.search(r'^ +5 \| >>> RUN \["apk", "add"', failed, re.M), failed
    assert 'process "apk add --no-cache perl perl-gd" did not complete successfully' in failed
    assert demo("images", "-q", "nothing").stdout == ""
    context = os.path.join(tmp_path, "context")
    shutil.copytree(EXAMPLE, context)
    with open(f"{EXAMPLE}/Dockerfile.alpine") as f:
        text = re.sub(r"^RUN .*apk.*\n", "", f.read(), flags=re.M)
    with open(f"{context}/Dockerfile", "w") as f:
        f.write(text)
    demo("build", "-q", "-t", "half", context)
    assert demo("run", "--rm", "--entrypoint", "cat", "half", "/etc/alpine-release").stdout == "3.20.3\n"
    gone = demo("run", "--rm", "half", code=255)  # runc's words and code for a script without its interpreter
    assert gone.stderr == "exec /usr/local/bin/lenticular: no such file or directory\n"
