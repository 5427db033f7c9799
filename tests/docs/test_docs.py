"""The documents say what is so: the tutorial runs, commands and flags in the guides exist, the reference is not stale."""

from __future__ import annotations

import glob
import importlib.util
import os
import re
import shlex
import subprocess
import sys

import pytest
from tests.conftest import SCOW, needs_root, throw_away

from scow.cli.main import load
from scow.cli.registry import find

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUIDES = [os.path.join(ROOT, "README.md"), *sorted(glob.glob(f"{ROOT}/docs/how-to/*.md")), f"{ROOT}/docs/tutorial.md"]
MARK = "--- end of block"


def text_of(path: str) -> str:
    with open(path, encoding="utf-8") as f:
        return f.read()


def blocks(path: str) -> list[str]:
    """The ```sh blocks of a document."""
    return re.findall(r"^```sh\n(.*?)^```", text_of(path), re.M | re.S)


def split(text: str) -> list[str]:
    """The words of a command as the shell sees them; of a part of one, what blanks separate."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def commands(path: str) -> list[list[str]]:
    """Every command line in a document that starts with ``scow``: in code spans, in indented and in fenced code."""
    text = text_of(path)
    code = [line.strip().removeprefix("$ ") for line in text.splitlines() if line.startswith("    ")]
    code += [line for block in blocks(path) for line in block.splitlines()]
    code += [
        span for line in text.splitlines() if not line.startswith("    ") for span in re.findall(r"`([^`]+)`", line)
    ]
    found = []
    for line in code:
        for part in re.split(r"[;\n]|&&", line.split(" #")[0]):
            words = split(re.sub(r"<<'?EOF'?.*|>\S+", "", part))
            while words and "=" in words[0]:
                words = words[1:]
            if words and words[0] == "scow" and len(words) > 1:
                found.append(words[1:])
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block of the tutorial printed, run in order by one shell that stops at the first error."""
    folder = str(tmp_path_factory.mktemp("tutorial"))
    script = "".join(f"{block}\necho '{MARK}'\n" for block in blocks(f"{ROOT}/docs/tutorial.md"))
    path = f"{os.path.dirname(SCOW)}:{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if k != "SCOW_ROOT"} | {"PATH": path}
    try:
        done = subprocess.run(
            ["sh", "-eu"],
            input=script,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert os.listdir(folder) == [], "the tutorial cleans up after itself"
    finally:
        throw_away(f"{folder}/tutorial-store")
    return done.stdout.split(f"{MARK}\n")


@needs_root
def test_the_tutorial(told: list[str]) -> None:
    export, base, look, build, cached, stays, commit, files, clean = told[:-1]
    assert export == ""
    assert re.search(r"^busybox +latest ", base, re.M)
    assert look.startswith("hello from Linux\n") and "bin\n" in look and "etc\n" in look
    assert build == "hello, world\ngoodbye, you\n"
    assert "RUN /bin/sh -c chmod +x greet.sh" in cached and "LABEL org.opencontainers.image.title=greeter" in cached
    assert re.search(r"Up .* +clock$", stays, re.M) and re.search(r"Exited \(\d+\) .* clock$", stays, re.M)
    assert re.search(r"^A /data/note$", commit, re.M) and commit.endswith("made by hand\n")
    assert "Untagged: greeter:noted\n" in files and files.endswith("Loaded image: greeter:noted\n")
    assert re.search(r"^Images +\d+ ", clean, re.M)


@pytest.mark.parametrize("path", GUIDES, ids=os.path.basename)
def test_commands_and_flags_exist(path: str) -> None:
    for words in commands(path):
        if words[0] == "COMMAND":
            continue
        while words[0].startswith("--"):
            words = words[2:]
        name, taken = find(words)
        assert name, f"{os.path.basename(path)}: scow {' '.join(words)}: no such command"
        if name == words[0] and taken == 1 and name in ("system", "image", "container", "builder"):
            continue
        command = load(name)
        known = {f"--{f.name}" for f in command.flags} | {f"-{f.short}" for f in command.flags if f.short}
        for word in words[taken:]:
            if word == "--help" or not word.startswith("-") or word == "-":
                continue
            if not command.interspersed and word not in known and word.partition("=")[0] not in known:
                break  # a flag of the program in the container
            flag = word.partition("=")[0]
            assert flag in known or all(f"-{c}" in known for c in flag[1:]), (
                f"{os.path.basename(path)}: scow {name} {flag}"
            )


def test_links_lead_somewhere() -> None:
    for path in [*GUIDES, *glob.glob(f"{ROOT}/docs/**/*.md", recursive=True)]:
        for target in re.findall(r"\]\(([^)#:]+)\)", text_of(path)):
            assert os.path.exists(os.path.join(os.path.dirname(path), target)), f"{path}: {target}"


def test_the_reference_of_commands_is_not_stale() -> None:
    spec = importlib.util.spec_from_file_location("generate", f"{ROOT}/docs/generate.py")
    assert spec and spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = text_of(generate.PAGE) != generate.page()
    assert not stale, f"run {sys.executable} docs/generate.py"
