"""The program as it is started: words, exit codes, and what its start costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from scow.cli import registry
from scow.cli.main import load

SRC = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + "/src"
SCOW = os.path.join(os.path.dirname(sys.executable), "scow")


def scow(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCOW, *argv], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["--help"], 0, "Usage:  scow [OPTIONS] COMMAND"),
        ([], 0, "Usage:  scow [OPTIONS] COMMAND"),
        (["help"], 0, "Usage:  scow [OPTIONS] COMMAND"),
        (["help", "version"], 0, "Usage:  scow version [OPTIONS]"),
        (["version", "--help"], 0, "Usage:  scow version [OPTIONS]"),
        (["image"], 0, "Usage:  scow image COMMAND"),
        (["--version"], 0, "scow version "),
        (["version", "--format", "{{.Client.Os}}"], 0, "linux"),
        (["version", "--format", "json"], 0, '"ApiVersion"'),
        (["foo"], 1, "scow: unknown command: scow foo"),
        (["image", "foo"], 1, "scow: unknown command: scow image foo"),
        (["--foo"], 125, "unknown flag: --foo"),
        (["version", "--foo"], 125, "unknown flag: --foo\n\nUsage:  scow version [OPTIONS]"),
        (["version", "x"], 1, "scow: 'scow version' accepts no arguments"),
        (["swarm"], 125, "'swarm' is a docker command that scow does not have yet"),
        (["-H", "tcp://x", "version"], 1, "the flag -H is not supported"),
        (["--root"], 125, "flag needs an argument: --root"),
    ],
)
def test_words_and_exit_codes(argv: list[str], code: int, words: str) -> None:
    done = scow(*argv)
    assert done.returncode == code, done
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(f"{SCOW} --help | true", shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


def every_command() -> list[str]:
    targets = {t for _, table in registry.GROUPS.values() for t in table.values()}
    return sorted({*registry.COMMON, *registry.OTHERS, *targets})


@pytest.mark.parametrize("name", every_command())
def test_every_command_of_the_table_is_there_and_says_the_same(name: str) -> None:
    command = load(name)
    assert command.name == name
    assert command.summary == registry.summary(name)
    names = [f.name for f in (*command.flags, *command.refused)]
    assert len(names) == len(set(names)), "a flag twice, or both offered and refused"
    shorts = [f.short for f in command.flags if f.short]
    assert len(shorts) == len(set(shorts))


DEAR = {"dataclasses", "typing", "inspect", "pathlib", "subprocess", "datetime", "uuid", "logging", "tempfile", "shutil",
        "asyncio", "urllib", "http", "ssl", "argparse", "ast", "dis", "socket"}  # fmt: skip


def imported_by(code: str) -> set[str]:
    text = f"import sys; sys.path.insert(0, {SRC!r}); {code}; sys.stderr.write('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", text], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.split())


def test_start_up_is_a_budget_of_modules() -> None:
    bare = imported_by("pass")
    loaded = imported_by("from scow.cli.main import main; main(['version'])") - bare
    assert not {m.split(".")[0] for m in loaded} & DEAR
    assert len(loaded) <= 22, sorted(loaded)
