"""Parses an argument vector against a command's flags, with docker's rules and error words (spf13/pflag).

``-it`` joins switches, ``-eA=b`` and ``-e A=b`` and ``--env=A=b`` and ``--env A=b`` are the same, ``--`` ends
flags, and a command that is not ``interspersed`` takes everything after its first operand as operands.
"""

from __future__ import annotations

from scow.cli.units import parse_bytes, parse_decimal, parse_duration
from scow.errors import Invalid, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.cli.command import Command, Flag

SINGLE = {"bool", "string", "int", "int64", "uint", "uint16", "decimal", "bytes", "duration", "bool|string", "network"}
READERS: dict[str, Callable[[str], int | float]] = {
    "bytes": parse_bytes,
    "duration": parse_duration,
    "decimal": parse_decimal,
}
TRUE = {"1", "t", "T", "TRUE", "true", "True"}
FALSE = {"0", "f", "F", "FALSE", "false", "False"}


class UsageError(Invalid):
    """The words of a call are wrong; the door prints the command's usage after it."""

    exit_code = 125


class Args:
    """The parsed words of one call: typed access to flags by name, and the operands."""

    def __init__(self, values: dict[str, object], operands: tuple[str, ...], given: frozenset[str]) -> None:
        self._values = values
        self.operands = operands
        self.given = given
        """Names of the flags that were really written."""

    def on(self, name: str) -> bool:
        """Whether a switch is set."""
        return bool(self._values[name])

    def text(self, name: str) -> str:
        """The value of a text flag, "" when absent."""
        return str(self._values[name] or "")

    def number(self, name: str) -> int | None:
        """The value of a number, bytes or duration (nanoseconds) flag, None when absent."""
        found = self._values[name]
        return found if isinstance(found, int) else None

    def decimal(self, name: str) -> float | None:
        """The value of a decimal flag, None when absent."""
        found = self._values[name]
        return float(found) if isinstance(found, float | int) else None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a repeatable flag, in the order given."""
        found = self._values[name]
        return tuple(found) if isinstance(found, list) else ()


def convert(flag: Flag, text: str, shown: str) -> object:
    """The typed value of one flag's text; UsageError in docker's words."""
    problem = ""
    if flag.kind == "bool":
        if text in TRUE | FALSE:
            return text in TRUE
        problem = f'strconv.ParseBool: parsing "{text}": invalid syntax'
    elif flag.kind in ("int", "int64", "uint", "uint16"):
        name = "ParseUint" if flag.kind.startswith("uint") else "ParseInt"
        try:
            number = int(text, 0)
            if number >= 0 or name == "ParseInt":
                return number
        except ValueError:
            pass
        problem = f'strconv.{name}: parsing "{text}": invalid syntax'
    elif flag.kind in ("bytes", "duration", "decimal"):
        try:
            return READERS[flag.kind](text)
        except (ValueError, Invalid) as e:
            problem = str(e)
    else:
        return text
    raise UsageError(f'invalid argument "{text}" for "{shown}" flag: {problem}')


class _Parser:
    def __init__(self, command: Command) -> None:
        self.command = command
        self.values: dict[str, object] = {f.name: f.default for f in command.flags}
        self.given: set[str] = set()
        self.longs = {f.name: f for f in (*command.refused, *command.flags)}
        self.shorts = {f.short: f for f in (*command.refused, *command.flags) if f.short}
        self.missing = frozenset(f.name for f in command.refused) - {f.name for f in command.flags}

    def set(self, flag: Flag, text: str) -> None:
        shown = f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"
        if flag.name in self.missing:
            raise Unsupported(f"scow {self.command.name} does not support the flag --{flag.name}")
        self.given.add(flag.name)
        if flag.kind == "filter" and "=" not in text:
            raise UsageError(
                f'invalid argument "{text}" for "{shown}" flag: bad format of filter (expected name=value)'
            )
        found = convert(flag, text, shown)
        if flag.kind in SINGLE:
            self.values[flag.name] = found
            return
        items = self.values[flag.name]
        items = items if isinstance(items, list) else []
        items.extend(text.split(",") if flag.kind == "strings" else [text])
        self.values[flag.name] = items

    def long(self, word: str, rest: list[str]) -> None:
        name, equals, text = word[2:].partition("=")
        flag = self.longs.get(name)
        if flag is None:
            raise UsageError(f"unknown flag: --{name}")
        if not equals:
            if flag.kind.startswith("bool"):
                text = "true"
            elif rest:
                text = rest.pop(0)
            else:
                raise UsageError(f"flag needs an argument: --{name}")
        self.set(flag, text)

    def cluster(self, word: str, rest: list[str]) -> None:
        letters = word[1:]
        while letters:
            flag = self.shorts.get(letters[0])
            if flag is None:
                raise UsageError(f"unknown shorthand flag: {letters[0]!r} in -{letters}")
            after = letters[1:]
            if flag.kind.startswith("bool") and not after.startswith("="):
                self.set(flag, "true")
                letters = after
                continue
            if after:
                self.set(flag, after.removeprefix("="))
            elif rest:
                self.set(flag, rest.pop(0))
            else:
                raise UsageError(f"flag needs an argument: {letters[0]!r} in -{letters}")
            return

    def parse(self, argv: list[str]) -> Args:
        rest, operands = list(argv), []
        while rest:
            word = rest.pop(0)
            if word == "--":
                operands += rest
                break
            if word.startswith("--"):
                self.long(word, rest)
            elif word.startswith("-") and word != "-":
                self.cluster(word, rest)
            else:
                operands.append(word)
                if not self.command.interspersed:
                    operands += rest
                    break
        return Args(self.values, tuple(operands), frozenset(self.given))


def parse(command: Command, argv: list[str]) -> Args:
    """Parse ``argv`` (without the command's own name); UsageError, or Unsupported for a refused flag."""
    args = _Parser(command).parse(argv)
    count, low, high = len(args.operands), command.minimum, command.maximum
    if count < low or (high is not None and count > high):
        raise CountError(command, low, high)
    return args


class CountError(Invalid):
    """Too few or too many operands, in docker's words."""

    def __init__(self, command: Command, low: int, high: int | None) -> None:
        def many(n: int) -> str:
            return f"{n} argument" + ("s" if n != 1 else "")

        if high == 0:
            wants = "accepts no arguments"
        elif low == high:
            wants = f"requires {many(low)}"
        elif high is None:
            wants = f"requires at least {many(low)}"
        elif low == 0:
            wants = f"requires at most {many(high)}"
        else:
            wants = f"requires at least {low} and at most {many(high)}"
        super().__init__(f"scow: 'scow {command.name}' {wants}")
