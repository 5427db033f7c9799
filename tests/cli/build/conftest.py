"""Builds through the program, and their images read back through ``scow save``."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.conftest import Scow, remove_containers, throw_away

EPOCH = "1700000000"


@dataclass
class Image:
    """A saved image: its files as the layers leave them, with whiteouts applied."""

    config: dict[str, Any]
    layers: list[tarfile.TarFile]
    files: dict[str, tuple[tarfile.TarFile, tarfile.TarInfo]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for layer in self.layers:
            for member in layer.getmembers():
                name = member.name.removeprefix("./").strip("/")
                folder, base = os.path.split(name)
                if base == ".wh..wh..opq":
                    self.drop(folder, below=True)
                elif base.startswith(".wh."):
                    self.drop(os.path.join(folder, base[4:]))
                else:
                    if not member.isdir():
                        self.drop(name)
                    self.files[name] = (layer, member)

    def drop(self, name: str, *, below: bool = False) -> None:
        """Forget a file and what is below."""
        for known in [n for n in self.files if n.startswith(name + "/") or (n == name and not below)]:
            del self.files[known]

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def info(self, name: str) -> tarfile.TarInfo:
        """The header of a file."""
        return self.files[name][1]

    def text(self, name: str) -> str:
        """What is in a file."""
        layer, member = self.files[name]
        found = layer.extractfile(member)
        assert found is not None, f"{name} is {member.type!r}"
        return found.read().decode()

    def below(self, folder: str) -> list[str]:
        """Names below a folder, sorted."""
        return sorted(n for n in self.files if n.startswith(folder + "/"))


class Builder:
    """``scow build`` over one store; contexts are made of dicts."""

    def __init__(self, scow: Scow, folder: str) -> None:
        self.scow = scow
        self.folder = folder
        self.count = 0

    def context(self, files: dict[str, str | bytes | None]) -> str:
        """A new folder with some files; None makes a folder."""
        self.count += 1
        top = os.path.join(self.folder, f"context{self.count}")
        for name, content in files.items():
            path = os.path.join(top, name)
            os.makedirs(path if content is None else os.path.dirname(path), exist_ok=True)
            if content is not None:
                with open(path, "wb") as f:
                    f.write(content.encode() if isinstance(content, str) else content)
        os.makedirs(top, exist_ok=True)
        return top

    def __call__(
        self, dockerfile: str, *flags: str, files: dict[str, Any] | None = None, code: int | None = 0, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Build a Dockerfile over a context with some files."""
        return self.at(self.context({"Dockerfile": dockerfile, **(files or {})}), *flags, code=code, **options)

    def at(self, place: str, *flags: str, code: int | None = 0, **options: Any) -> subprocess.CompletedProcess[str]:
        """Build what is at a place."""
        done = self.scow("build", "--progress", "plain", *flags, place, code=code, **options)
        if code == 0 and "-o" not in flags and "-q" not in flags and "--check" not in flags:
            assert " DONE " in done.stderr
        return done

    def image(self, dockerfile: str, *flags: str, files: dict[str, Any] | None = None, **options: Any) -> Image:
        """Build, and read the image."""
        name = f"test{self.count}"
        self(dockerfile, "-t", name, *flags, files=files, **options)
        return self.read(name)

    def read(self, name: str) -> Image:
        """An image of the store."""
        path = os.path.join(self.folder, "saved.tar")
        self.scow("save", "-o", path, name)
        with open(path, "rb") as f:
            archive = tarfile.open(fileobj=io.BytesIO(f.read()))
        os.unlink(path)

        def member(at: str) -> bytes:
            found = archive.extractfile(at)
            assert found is not None
            return found.read()

        [manifest] = json.loads(member("manifest.json"))
        layers = [tarfile.open(fileobj=io.BytesIO(member(at))) for at in manifest["Layers"]]
        return Image(json.loads(member(manifest["Config"])), layers)


def rest(root: str) -> dict[str, list[str]]:
    """What a build may leave behind in a store, by folder; locks are compared by name only."""
    found = {}
    for name in ("tmp", "snapshots", "leases", "locks"):
        path = os.path.join(root, name)
        found[name] = sorted(os.listdir(path)) if os.path.isdir(path) else []
    return found


def processes(root: str) -> list[str]:
    """Command lines of processes that have something open below ``root`` or name it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
            with open(f"/proc/{pid}/environ", "rb") as f:
                ours = f"SCOW_ROOT={root}".encode() in f.read().split(b"\0")
        except OSError:
            continue
        if (ours or root in line) and int(pid) != os.getpid():
            found.append(f"{pid} {line}")
    return found


@pytest.fixture(scope="package")
def package_store(tmp_path_factory: pytest.TempPathFactory, busybox_tar: str) -> Iterator[Scow]:
    """One store with ``busybox`` for the tests of this folder."""
    program = Scow(str(tmp_path_factory.mktemp("build") / "store"))
    program("load", "-q", "-i", busybox_tar)
    yield program
    remove_containers(program)
    throw_away(program.root)


@pytest.fixture
def build(package_store: Scow, tmp_path: Any) -> Builder:
    """Builds in the store of this folder; images of other tests may be there."""
    return Builder(package_store, str(tmp_path))


@pytest.fixture
def fresh(busybox: Scow, tmp_path: Any) -> Builder:
    """Builds in a store of the test's own."""
    return Builder(busybox, str(tmp_path))


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Waits up to ten seconds for something to be true."""

    def wait(condition: Callable[[], object]) -> None:
        import time

        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end, "it did not come true"
            time.sleep(0.02)

    return wait
