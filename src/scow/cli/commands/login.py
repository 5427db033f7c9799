"""``scow login``."""

from __future__ import annotations

import sys

from scow.cli.command import Command, boolean, string
from scow.errors import Denied, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.context import Context
    from scow.cli.flags import Args
    from scow.engine.registries import Login, Registries

PLAIN = """
WARNING! Your credentials are stored unencrypted in '{path}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/

"""


def run(args: Args, context: Context) -> int:
    """Try credentials on a registry, and keep them."""
    check(args)
    registries = context.engine.registries
    address = args.operands[0] if args.operands else ""
    if not args.text("username") and not args.on("password-stdin") and again(registries, address):
        return 0
    login = asked(args)
    if registries.login(address, login):
        sys.stderr.write(PLAIN.format(path=registries.config.path))
    sys.stdout.write("Login Succeeded\n")
    return 0


def check(args: Args) -> None:
    """Invalid, in docker's words, for flags that do not go together; a warning for a password on the command line."""
    if "password" in args.given:
        sys.stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n")
        if args.on("password-stdin"):
            raise Invalid("--password and --password-stdin are mutually exclusive")
    if args.on("password-stdin") and not args.text("username"):
        raise Invalid("Must provide --username with --password-stdin")


def again(registries: Registries, address: str) -> bool:
    """Log in with what is kept, if anything is; whether that went."""
    known = registries.known_login(address)
    if known is None or not (known.password or known.identity_token):
        return False
    shown = f" [Username: {known.username}]" if known.username else ""
    sys.stdout.write(f"Authenticating with existing credentials...{shown}\n")
    sys.stdout.flush()
    try:
        registries.login(address, known)
    except Denied as e:
        sys.stderr.write(f"Login did not succeed, error: {e}\n")
        return False
    sys.stdout.write("Login Succeeded\n")
    return True


def asked(args: Args) -> Login:
    """The login from flags, standard input or the user."""
    from scow.engine.registries import Login

    username, password = args.text("username"), args.text("password")
    if args.on("password-stdin"):
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    elif not (username and password):
        if not sys.stdin.isatty():
            raise Invalid("Cannot perform an interactive login from a non TTY device")
        username = username or prompt("Username: ")
        password = password or secret("Password: ")
    if not username:
        raise Invalid("Error: Non-null Username Required")
    if not password:
        raise Invalid("Error: Password Required")
    return Login(username, password)


def prompt(text: str) -> str:
    """A line from the user."""
    sys.stdout.write(text)
    sys.stdout.flush()
    return sys.stdin.readline().strip()


def secret(text: str) -> str:
    """A line from the user that is not shown."""
    import termios

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    hidden = list(before)
    hidden[3] = before[3] & ~termios.ECHO
    try:
        termios.tcsetattr(fd, termios.TCSAFLUSH, hidden)
        return prompt(text)
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)
        sys.stdout.write("\n")


COMMAND = Command(
    name="login",
    usage="[OPTIONS] [SERVER]",
    summary="Authenticate to a registry",
    run=run,
    maximum=1,
    flags=(
        string("password", "Password or Personal Access Token (PAT)", "p"),
        boolean("password-stdin", "Take the Password or Personal Access Token (PAT) from stdin"),
        string("username", "Username", "u"),
    ),
    details="Defaults to Docker Hub if no server is specified.",
)
