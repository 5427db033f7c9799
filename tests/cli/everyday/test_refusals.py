"""Wrong words on the command line: docker 28's exit codes and sentences (tests/oracle compares with the real one)."""

from __future__ import annotations

from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.cli.everyday.conftest import Say


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--ulimit", "nofile=2:1"), '"nofile=2:1" for "--ulimit" flag: ulimit soft limit must be less than or equal'),
        (("--ulimit", "nosuch=1"), '"nosuch=1" for "--ulimit" flag: invalid ulimit type: nosuch'),
        (
            ("--sysctl", "kernel.panic=1"),
            '"kernel.panic=1" for "--sysctl" flag: sysctl \'kernel.panic=1\' is not allowed',
        ),
        (("--add-host", "x"), '"x" for "--add-host" flag: bad format for add-host: "x"'),
        (("--dns", "x"), '"x" for "--dns" flag: IP address is not correctly formatted: x'),
        (("--mount", "type=bind,src=/tmp"), '"type=bind,src=/tmp" for "--mount" flag: target is required'),
        (("-e", "=x"), '"=x" for "-e, --env" flag: invalid environment variable: =x'),
        (("-l", "=x"), '"=x" for "-l, --label" flag: invalid label \'=x\': empty name'),
        (("-a", "x"), '"x" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR'),
        (("--cpus", "x"), '"x" for "--cpus" flag: failed to parse x as a rational number'),
    ],
)
def test_a_flag_with_a_wrong_value_prints_the_usage(say: Say, flags: tuple[str, ...], problem: str) -> None:
    code, out, err = say("run", "--rm", *flags, "busybox", "true")
    assert (code, out) == (125, "")
    assert err.startswith(f"invalid argument {problem}")
    assert (
        "\n\nUsage:  scow run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'scow run --help' for more information\n" in err
    )


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--stop-signal", "NOSUCH"), "invalid signal: NOSUCH"),
        (("--security-opt", "nonsense"), 'Invalid --security-opt: "nonsense"'),
        (
            ("--security-opt", "seccomp=/nosuch"),
            "opening seccomp profile (/nosuch) failed: open /nosuch: no such file or directory",
        ),
        (("--cpuset-cpus", "9999"), "Requested CPUs are not available - requested 9999, available: 0"),
        (
            ("--expose", "x"),
            'invalid range format for --expose: x, error: strconv.ParseUint: parsing "x": invalid syntax',
        ),
        (("--network", "container:x", "--dns", "1.1.1.1"), "conflicting options: dns and the network mode"),
        (("--userns", "keep-id"), "scow run does not support --userns keep-id"),
        (("--group-add", "nosuch"), "unable to find group nosuch: no matching entries in group file"),
        (("--entrypoint", '["x"]'), 'exec: "[\\"x\\"]": executable file not found in $PATH'),
    ],
)
def test_what_cannot_be_is_refused(say: Say, flags: tuple[str, ...], problem: str) -> None:
    code, out, err = say("run", "--rm", *flags, "busybox", "true")
    assert (code, out) == (127 if "exec:" in problem else 125, "")
    assert err.startswith("scow: ")
    assert problem in err
    assert err.endswith("\nRun 'scow run --help' for more information\n")


def test_a_file_of_variables_is_named(say: Say, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("A B=1\n")
    code, _, err = say("run", "--rm", "--env-file", "bad", "busybox", "true", cwd=str(tmp_path))
    assert code == 125
    assert err.startswith("scow: invalid env file (bad): variable 'A B' contains whitespaces\n")


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("ps", "--filter", "x"), 125, 'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected'),
        (
            ("images", "--filter", "x"),
            125,
            'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected',
        ),
        (("--nosuch",), 125, "unknown flag: --nosuch\n\nUsage:  scow [OPTIONS] COMMAND [ARG...]\n\nRun 'scow --help'"),
        (("inspect", "--type", "x", "y"), 1, 'Error: unknown type: "x": must be one of "container", "image"'),
        (("inspect", "--type", "image", "nosuch"), 1, "Error: No such image: nosuch"),
        (("inspect", "-f", "{{.Id", "busybox"), 64, "Error: template parsing error: template: :1: unclosed action"),
        (("inspect", "-f", "{{.Nosuch}}", "busybox"), 1, "Error: template parsing error: "),
        (("rm", "-f", ""), 1, "Error: container name cannot be empty"),
        (("stop", ""), 1, "Error: invalid container name or ID: value is empty"),
        (("kill", "nosuch"), 1, "Error: cannot kill container: nosuch: No such container: nosuch"),
        (("save", "nosuch"), 1, "Error: No such image: nosuch"),
        (("port", "nosuch"), 1, "Error: No such"),
    ],
)
def test_other_commands(say: Say, words: tuple[str, ...], code: int, problem: str) -> None:
    found, _, err = say(*words)
    assert found == code
    assert err.startswith(problem)


def test_a_moment_that_is_none(say: Say) -> None:
    say("create", "--name", "moment", "busybox", "true")
    code, _, err = say("logs", "--since", "nonsense", "moment")
    assert code == 1
    assert err.startswith('Error: invalid value for "since": failed to parse value as time or duration: "nonsense"\n')


def test_rename_says_which(say: Say) -> None:
    code, _, err = say("rename", "nosuch", "other")
    assert (code, err) == (1, "Error: No such container: nosuch\nError: failed to rename container named nosuch\n")


@pytest.mark.parametrize("words", [("help", "nosuch"), ("help", "image", "nosuch")])
def test_no_such_help(say: Say, words: tuple[str, ...]) -> None:
    assert say(*words) == (1, "", "unknown help topic: nosuch\n")


@pytest.mark.parametrize("words", [(), ("image",), ("container",)])
def test_help_nobody_asked_for_is_no_output(say: Say, words: tuple[str, ...]) -> None:
    code, out, err = say(*words)
    assert (code, out) == (0, "")
    assert err == say(*words, "--help")[1]
