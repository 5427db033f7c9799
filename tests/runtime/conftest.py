"""A busybox root, and containers made of it that are gone when a test ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scow.kernel.mount import Mount
from scow.runtime import flags, recovery, spec
from scow.runtime.attach import write_all
from scow.runtime.bundle import Bundle
from scow.runtime.client import Exit
from scow.runtime.handle import Handle, LogFile, Order, prestart
from scow.values import value

BUSYBOX = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/tests/runtime/test_" in str(item.path) and {"box", "tree"} & set(getattr(item, "fixturenames", ())):
            if os.geteuid() != 0:
                item.add_marker(pytest.mark.skip(reason="needs root"))
            elif not BUSYBOX:
                item.add_marker(pytest.mark.skip(reason="needs a static busybox on the host"))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A root file system with busybox's programs, a few accounts and a world-writable /tmp; never written to."""
    root = str(tmp_path_factory.mktemp("image"))
    for name in ("bin", "etc", "root", "tmp", "var", "home/web"):
        os.makedirs(f"{root}/{name}")
    os.chmod(f"{root}/tmp", 0o1777)
    shutil.copy(BUSYBOX, f"{root}/bin/busybox")
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in applets:
        if name != "busybox":
            os.symlink("busybox", f"{root}/bin/{name}")
    files = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/home/web:/bin/sh\nmail:x:8:8::/var/mail:\n",
        "etc/group": "root:x:0:\nweb:x:1000:\naudio:x:29:web,mail\nvideo:x:44:web\n",
        "etc/hosts": "",
    }
    for name, text in files.items():
        with open(f"{root}/{name}", "w") as f:
            f.write(text)
    return root


@value
class Ran:
    """What a container that was run to its end gave."""

    code: int
    out: str
    err: str
    oom_killed: bool = False


class Box:
    """Makes containers below one directory."""

    def __init__(self, base: str, image: str) -> None:
        self.base = base
        self.image = image
        self.handles: list[Handle] = []
        self.states: list[str] = []
        self.count = 0

    def root(self) -> str:
        """A private, writable copy of the image, to be made hostile."""
        self.count += 1
        path = f"{self.base}/root{self.count}"
        shutil.copytree(self.image, path, symlinks=True)
        return path

    def bundle(self, *args: str, change: Any = None, root: str = "", **options: Any) -> Bundle:
        """A bundle that runs ``args`` on an overlay of the image, or in the directory ``root`` itself."""
        self.count += 1
        base = f"{self.base}/c{self.count}"
        for name in ("upper", "work", "dir", "state"):
            os.makedirs(f"{base}/{name}")
        s = flags.process(spec.default_spec(), args, options.pop("env", None), **options)
        s = change(s) if change else s
        words = (f"lowerdir={self.image}", f"upperdir={base}/upper", f"workdir={base}/work")
        mount = Mount("bind", root, "", ("rbind",)) if root else Mount("overlay", "overlay", "", words)
        self.states.append(f"{base}/state")
        return Bundle(f"t{os.getpid()}x{self.count}", s, (mount,), f"{base}/dir", f"{base}/state")

    def create(self, bundle: Bundle, **order: Any) -> Handle:
        """A container that is ready to start."""
        handle = prestart(networks=bool(order.get("networks")))
        self.handles.append(handle)
        handle.create(Order(bundle, log=LogFile(f"{bundle.directory}/log"), **order))
        return handle

    def start(self, bundle: Bundle, **order: Any) -> Handle:
        """A running container with all streams attached."""
        handle = self.create(bundle, **order)
        handle.attach("oei")
        handle.start()
        return handle

    def finish(self, handle: Handle) -> Ran:
        """Wait for the end of a container, and for that of its supervisor."""
        end = handle.wait()
        out = b"".join([m[1:] for m in handle.pending if m[:1] == b"o"]).decode()
        err = b"".join([m[1:] for m in handle.pending if m[:1] == b"e"]).decode()
        reap(handle)
        return Ran(end.code, out, err, end.oom_killed)

    def run(self, *args: str, stdin: bytes | None = None, **options: Any) -> Ran:
        """Run a command to its end. ``change`` is what to do to the spec."""
        order = {k: options.pop(k) for k in ("networks", "size") if k in options}
        if stdin is not None:
            order["stdin"] = "once"
        handle = self.start(self.bundle(*args, **options), **order)
        if stdin is not None:
            handle.feed(stdin)
            handle.end_input()
        return self.finish(handle)

    def close(self) -> None:
        for handle in self.handles:
            if handle.pid:
                try:
                    os.kill(handle.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                reap(handle)
            handle.close()
        for state in self.states:
            if os.path.exists(f"{state}/state.json"):
                recovery.state(state)


def reap(handle: Handle) -> None:
    if handle.pid:
        os.waitpid(handle.pid, 0)
        handle.pid = 0


@pytest.fixture
def box(tmp_path: Any, image: str) -> Iterator[Box]:
    made = Box(str(tmp_path), image)
    yield made
    made.close()
    assert not mounts(str(tmp_path)), "a mount was left on the host"


def mounts(below: str) -> list[str]:
    with open("/proc/self/mountinfo") as f:
        return [line.split()[4] for line in f if line.split()[4].startswith(f"{below}/")]


__all__ = ["Box", "Callable", "Exit", "Ran", "reap", "write_all"]
