"""What a container's start imports stays small: the standard library's convenience modules cost more than the work."""

from __future__ import annotations

import subprocess
import sys

import pytest

DEAR = "enum socket selectors collections re json contextlib typing dataclasses subprocess signal hashlib functools".split()


@pytest.mark.parametrize(
    "modules",
    [
        "mount mountinfo namespaces process capabilities openat cgroup overlay syscall",
        "seccomp files loop netlink rtnetlink nftables",
    ],
)
def test_imports(modules: str) -> None:
    names = [f"scow.kernel.{m}" for m in modules.split()]
    code = f"import sys; sys.path[:0] = {sys.path!r}; import {', '.join(names)}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(DEAR) & set(out.split())
