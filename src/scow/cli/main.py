"""The door of the command line: finds the command, parses its words, runs it, and turns errors into words and codes."""

from __future__ import annotations

import sys

from scow.cli.context import Context
from scow.cli.flags import Args, CountError, UsageError, parse
from scow.cli.registry import GROUPS, MISSING, find
from scow.errors import Error, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.command import Command

REFUSED_GLOBALS = {"-H": 1, "--host": 1, "-c": 1, "--context": 1, "--config": 1, "-l": 1, "--log-level": 1,
                   "--tls": 0, "--tlscacert": 1, "--tlscert": 1, "--tlskey": 1, "--tlsverify": 0}  # fmt: skip


class _Globals:
    """The flags before the command, and the words from the command on."""

    def __init__(self, argv: list[str]) -> None:
        self.root: str | None = None
        self.debug = self.version = self.help = False
        words = list(argv)
        while words and words[0].startswith("-"):
            name, equals, text = words.pop(0).partition("=")
            if name == "--root":
                if not equals and not words:
                    raise UsageError("flag needs an argument: --root")
                self.root = text if equals else words.pop(0)
            elif name in ("-D", "--debug"):
                self.debug = True
            elif name in ("-v", "--version"):
                self.version = True
            elif name in ("-h", "--help"):
                self.help = True
            elif name in REFUSED_GLOBALS:
                raise Unsupported(f"scow has no daemon to choose: the flag {name} is not supported")
            else:
                kind = "flag: " if name.startswith("--") else f"shorthand flag: {name[1:2]!r} in "
                raise UsageError(f"unknown {kind}{name}")
        self.words = words


def load(name: str) -> Command:
    """The command of that name ("ps", "image prune"); imports its file."""
    file = "import_" if name == "import" else name.replace(" ", "_")
    module = __import__(f"scow.cli.commands.{file}", fromlist=["COMMAND"])
    command: Command = module.COMMAND
    return command


def _say(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(text.rstrip("\n") + "\n")


def _usage_error(error: Error, command: Command, path: str) -> int:
    from scow.cli.help import usage_line

    see = "See" if isinstance(error, CountError) and command.maximum is None else "Run"
    _say(f"{error}\n\n{usage_line(command, path)}\n\n{see} 'scow {path} --help' for more information")
    return error.exit_code


def _report(error: Error) -> int:
    _say(f"Error: {error}")
    if error.hint:
        _say(f"hint: {error.hint}")
    return error.exit_code


def _run(command: Command, path: str, argv: list[str], context: Context) -> int:
    if any(w in ("--help", "-h") for w in _flag_words(command, argv)):
        from scow.cli.help import command_help

        sys.stdout.write(command_help(command, path))
        return 0
    try:
        args: Args = parse(command, argv)
    except (UsageError, CountError) as e:
        return _usage_error(e, command, path)
    except Unsupported as e:
        _say(f"Error: {e}")
        return 125
    try:
        return command.run(args, context)
    except UsageError as e:  # a flag's text that only the command can read (--ulimit, --mount, --filter)
        return _usage_error(e, command, path)


def _flag_words(command: Command, argv: list[str]) -> list[str]:
    """The words among which ``--help`` counts: up to ``--``, or to the first operand where flags end there."""
    if "--" in argv:
        argv = argv[: argv.index("--")]
    if command.interspersed:
        return [w for w in argv if w != "-h" or not any(f.short == "h" for f in command.flags)]
    valued = [f for f in (*command.flags, *command.refused) if f.kind != "bool"]
    takes = {f"--{f.name}" for f in valued} | {f"-{f.short}" for f in valued if f.short}
    words, i = [], 0
    shorts_h = any(f.short == "h" for f in command.flags)
    while i < len(argv) and argv[i].startswith("-") and argv[i] != "-":
        if not (argv[i] == "-h" and shorts_h):
            words.append(argv[i])
        i += 2 if argv[i] in takes else 1
    return words


def _dispatch(argv: list[str]) -> int:
    try:
        options = _Globals(argv)
    except UsageError as e:
        _say(f"{e}\n\nUsage:  scow [OPTIONS] COMMAND [ARG...]\n\nRun 'scow --help' for more information")
        return e.exit_code
    words = options.words
    topic = bool(words) and words[0] == "help"
    if topic:
        words = [*words[1:], "--help"]
        options.help = words == ["--help"]
    if options.version:
        from scow import __version__

        sys.stdout.write(f"scow version {__version__}\n")
        return 0
    if options.help or not words:
        from scow.cli.help import top_help

        (sys.stdout if options.help else sys.stderr).write(top_help())
        return 0
    name, taken = find(words)
    if name in GROUPS and taken == 1:
        from scow.cli.help import group_help

        asked = any(w in ("-h", "--help") for w in words[1:])
        (sys.stdout if asked else sys.stderr).write(group_help(name))
        return 0
    if not name:
        if topic:
            _say(f"unknown help topic: {words[taken - 1]}")
            return 1
        return _unknown(words, taken)
    context = Context(options.root, options.debug)
    try:
        if name == "run":
            from scow.engine.container.early import early

            context.supervisor = early(words)
        return _run(load(name), " ".join(words[:taken]), words[taken:], context)
    finally:
        context.close()


def _unknown(words: list[str], taken: int) -> int:
    path = " ".join(words[:taken])
    if words[0] in MISSING and words[0] not in GROUPS:
        _say(
            f"scow: '{words[0]}' is a docker command that scow does not have yet\n\n"
            "Run 'scow --help' for more information"
        )
        return 125
    usage = f"\nUsage:  scow {words[0]}\n" if taken == 2 else ""
    run = f"scow {words[0]}" if taken == 2 else "scow"
    _say(f"scow: unknown command: scow {path}\n{usage}\nRun '{run} --help' for more information")
    return 1


def main(argv: list[str]) -> int:
    """Run one command; returns its exit code. Nothing above this function catches errors."""
    try:
        code = _dispatch(argv)
        sys.stdout.flush()
        return code
    except Error as e:
        if "-D" in argv[:4] or "--debug" in argv[:4]:
            raise
        return _report(e)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`scow images | head -1`): quiet, as docker; the closing flush must not try again.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as e:
        return _report(_worded(e, argv))


def _worded(fault: OSError, argv: list[str]) -> Error:
    """A fault of the machine that nobody below expected, in words, with its remedy where there is one."""
    import errno
    import os

    full = fault.errno in (errno.ENOSPC, errno.EDQUOT)
    words = (fault.strerror or str(fault)).lower()
    hint = "free some space, for example with scow system prune" if full else None
    where = fault.filename or (full and (_Globals(argv).root or os.environ.get("SCOW_ROOT") or "/var/lib/scow"))
    error = Error(f"{where}: {words}" if where else words, hint)
    error.exit_code = 125 if {"run", "create", "start", "exec"} & set(argv[:4]) else 1
    return error
