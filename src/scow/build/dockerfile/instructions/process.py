"""CMD, ENTRYPOINT and SHELL; the command line that RUN has as well."""

from __future__ import annotations

from scow.build.dockerfile.errors import DockerfileError
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.heredoc import Heredoc
    from scow.build.dockerfile.instructions.base import Origin, Request, Word


@value
class CommandLine:
    """``args`` as they are (exec form), or one string for the shell (``shell``), with the heredocs behind it."""

    args: tuple[str, ...]
    shell: bool
    heredocs: tuple[Heredoc, ...] = ()


@value
class Cmd:
    """CMD: the default arguments or the default command."""

    origin: Origin
    line: CommandLine

    def expand(self, _word: Word) -> Cmd:
        """Variables are left to the shell."""
        return self


@value
class Entrypoint:
    """ENTRYPOINT."""

    origin: Origin
    line: CommandLine

    def expand(self, _word: Word) -> Entrypoint:
        """Variables are left to the shell."""
        return self


@value
class Shell:
    """SHELL: what shell forms are run by."""

    origin: Origin
    args: tuple[str, ...]

    def expand(self, _word: Word) -> Shell:
        """Not expanded."""
        return self


def command_line(request: Request) -> CommandLine:
    """The command of RUN, CMD and ENTRYPOINT."""
    return CommandLine(request.args, not request.node.json, request.heredocs)


def parse_cmd(request: Request) -> Cmd:
    """CMD."""
    request.flags()
    return Cmd(request.origin, command_line(request))


def parse_entrypoint(request: Request) -> Entrypoint:
    """ENTRYPOINT."""
    request.flags()
    return Entrypoint(request.origin, command_line(request))


def parse_shell(request: Request) -> Shell:
    """SHELL, in JSON form only."""
    request.flags()
    if not request.args:
        raise DockerfileError("SHELL requires at least one argument")
    if not request.node.json:
        raise DockerfileError("SHELL requires the arguments to be in JSON form", hint='write SHELL ["/bin/sh", "-c"]')
    return Shell(request.origin, request.args)
