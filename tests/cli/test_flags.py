"""Words are parsed as docker's parser does; the error texts were read off docker 28.5."""

from __future__ import annotations

import pytest

from scow.cli.command import Command, boolean, integer, refused, repeated, string
from scow.cli.flags import Args, CountError, UsageError, parse
from scow.errors import Unsupported


def command(*, interspersed: bool = True, minimum: int = 0, maximum: int | None = None) -> Command:
    return Command(
        name="thing",
        usage="[OPTIONS]",
        summary="",
        run=lambda _args, _context: 0,
        flags=(
            boolean("interactive", "", "i"),
            boolean("tty", "", "t"),
            boolean("proxy", "", default=True),
            string("name", ""),
            integer("time", "", "T"),
            integer("port", "", kind="uint16"),
            repeated("env", "", "e"),
            repeated("dns", "", kind="strings"),
            string("memory", "", "m", kind="bytes"),
            string("since", "", kind="duration"),
            string("cpus", "", kind="decimal"),
        ),
        interspersed=interspersed,
        minimum=minimum,
        maximum=maximum,
        refused=refused("gpus", "detach!"),
    )


def read(*argv: str, interspersed: bool = True) -> Args:
    return parse(command(interspersed=interspersed), list(argv))


def test_forms_of_one_flag_are_the_same() -> None:
    for argv in (["-e", "A=b"], ["-eA=b"], ["-e=A=b"], ["--env", "A=b"], ["--env=A=b"]):
        assert read(*argv).all("env") == ("A=b",)


def test_switches_join_and_take_values() -> None:
    args = read("-it", "--proxy=false", "-te", "X")
    assert args.on("interactive")
    assert args.on("tty")
    assert not args.on("proxy")
    assert args.all("env") == ("X",)
    assert args.given == {"interactive", "tty", "proxy", "env"}


def test_values_are_typed() -> None:
    args = read(
        "-m", "512m", "--since", "1m30s", "--cpus", "1.5", "-T", "-5", "--port", "80", "--dns", "a,b", "--dns", "c"
    )
    assert args.number("memory") == 512 * 1024**2
    assert args.number("since") == 90 * 10**9
    assert args.decimal("cpus") == 1.5
    assert args.number("time") == -5
    assert args.number("port") == 80
    assert args.all("dns") == ("a", "b", "c")
    assert read().number("time") is None
    assert read().text("name") == ""


def test_operands_end_flags_where_they_should() -> None:
    assert read("a", "-i", "b").operands == ("a", "b")
    assert read("a", "-i", "b", interspersed=False).operands == ("a", "-i", "b")
    assert read("--", "-i").operands == ("-i",)
    assert read("-").operands == ("-",)


WRONG = [
    (["--foo"], "unknown flag: --foo"),
    (["--foo=1"], "unknown flag: --foo"),
    (["-z"], "unknown shorthand flag: 'z' in -z"),
    (["-itz"], "unknown shorthand flag: 'z' in -z"),
    (["--name"], "flag needs an argument: --name"),
    (["-e"], "flag needs an argument: 'e' in -e"),
    (["--tty=foo"], 'invalid argument "foo" for "-t, --tty" flag: strconv.ParseBool: parsing "foo": invalid syntax'),
    (["-T", "x"], 'invalid argument "x" for "-T, --time" flag: strconv.ParseInt: parsing "x": invalid syntax'),
    (["--port", "-1"], 'invalid argument "-1" for "--port" flag: strconv.ParseUint: parsing "-1": invalid syntax'),
    (["-m", "lots"], 'invalid argument "lots" for "-m, --memory" flag: invalid size: \'lots\''),
    (["--since", "1x"], 'invalid argument "1x" for "--since" flag: time: invalid duration "1x"'),
]


@pytest.mark.parametrize(("argv", "problem"), WRONG)
def test_wrong_words_are_named(argv: list[str], problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(*argv)
    assert str(caught.value) == problem
    assert caught.value.exit_code == 125


@pytest.mark.parametrize("argv", [["--gpus", "all"], ["--gpus=all"], ["--detach"], ["--detach=true"]])
def test_what_docker_has_and_scow_lacks_is_refused_by_name(argv: list[str]) -> None:
    with pytest.raises(Unsupported, match=argv[0].split("=")[0]):
        read(*argv)


@pytest.mark.parametrize(
    ("low", "high", "count", "text"),
    [
        (0, 0, 1, "accepts no arguments"),
        (1, 1, 0, "requires 1 argument"),
        (2, 2, 1, "requires 2 arguments"),
        (1, None, 0, "requires at least 1 argument"),
        (0, 1, 2, "requires at most 1 argument"),
        (1, 2, 3, "requires at least 1 and at most 2 arguments"),
    ],
)
def test_operand_counts(low: int, high: int | None, count: int, text: str) -> None:
    with pytest.raises(CountError) as caught:
        parse(command(minimum=low, maximum=high), ["x"] * count)
    assert str(caught.value) == f"scow: 'scow thing' {text}"
