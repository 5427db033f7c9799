"""The texts of ``build``'s options turned into a request."""

from __future__ import annotations

import os
import sys

from scow.errors import Invalid, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scow.cli.flags import Args
    from scow.engine.building import BuildRequest, Output


def pairs(given: tuple[str, ...], *, from_environment: bool) -> dict[str, str]:
    """``NAME=VALUE`` texts; a bare name takes the caller's value, and is left out where there is none."""
    found = {}
    for text in given:
        name, equals, rest = text.partition("=")
        if equals:
            found[name] = rest
        elif not from_environment:
            found[name] = ""
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def build_args(given: tuple[str, ...]) -> dict[str, str]:
    """``--build-arg`` texts."""
    return pairs(given, from_environment=True)


def contexts(given: tuple[str, ...]) -> dict[str, str]:
    """``--build-context NAME=PLACE``."""
    found = {}
    for text in given:
        name, equals, place = text.partition("=")
        if not equals or not name or not place:
            raise Invalid(f"invalid context value: {text}, expected key=value")
        found[name] = place
    return found


def _fields(text: str, flag: str) -> dict[str, str]:
    import csv

    fields = {}
    for field in next(csv.reader([text]), []):
        key, equals, rest = field.partition("=")
        if not equals:
            raise Invalid(f"invalid field '{field}' must be a key=value pair in --{flag} {text}")
        fields[key.lower()] = rest
    return fields


def secrets(given: tuple[str, ...]) -> dict[str, Callable[[], bytes]]:
    """``--secret id=NAME[,src=PATH|,env=VARIABLE]``: readers by id. The file is read when a step asks for it."""
    found: dict[str, Callable[[], bytes]] = {}
    for text in given:
        fields = _fields(text, "secret")
        kind = fields.get("type", "env" if "env" in fields else "file")
        name = fields.get("id", "")
        if not name:
            raise Invalid(f"secret without an id: {text}")
        source = fields.get("src") or fields.get("source") or fields.get("env") or name
        if kind == "env" or ("src" not in fields and "source" not in fields and name in os.environ):
            found[name] = _variable(source)
        else:
            found[name] = _file(source)
    return found


def _variable(name: str) -> Callable[[], bytes]:
    def read() -> bytes:
        if name not in os.environ:
            raise Invalid(f"secret: the environment variable {name} is not set")
        return os.environb[name.encode()]

    return read


def _file(path: str) -> Callable[[], bytes]:
    try:
        size = os.stat(path).st_size
    except OSError as e:
        raise Invalid(f"failed to stat {path}: {(e.strerror or str(e)).lower()}") from e
    if size > 500 * 1024:
        raise Invalid(f"invalid secret size {size}: {path}", hint="secrets are at most 500 kB")

    def read() -> bytes:
        with open(path, "rb") as f:
            return f.read()

    return read


def agents(given: tuple[str, ...]) -> dict[str, str]:
    """``--ssh default|ID[=SOCKET]``: sockets by id."""
    found = {}
    for text in given:
        name, _, place = text.partition("=")
        socket = place or os.environ.get("SSH_AUTH_SOCK", "")
        if not socket:
            raise Invalid(f"invalid empty ssh agent socket for {name}", hint="start an ssh-agent, or name its socket")
        if not os.path.exists(socket):
            raise Invalid(f"could not find the ssh agent socket {socket}")
        found[name] = socket
    return found


def _hosts(given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if not given:
        return ()
    from scow.cli.options.network import add_host

    return tuple(map(add_host, given))


def _ulimits(given: tuple[str, ...]) -> tuple[tuple[str, int, int], ...]:
    if not given:
        return ()
    from scow.cli.options.limits import ulimit

    return tuple((u.name, u.soft, u.hard) for u in map(ulimit, given))


def tags(given: tuple[str, ...]) -> tuple[str, ...]:
    """``--tag`` texts as full references, each once. Invalid before any work is done."""
    from scow.oci.reference import Reference

    found = []
    for text in given:
        try:
            found.append(str(Reference.parse(text)))
        except Invalid as e:
            raise Invalid(f'invalid tag "{text}": {e}', e.hint) from e
    return tuple(dict.fromkeys(found))


def outputs(args: Args) -> tuple[Output, ...]:
    """``-o`` and ``--load``; without either the image goes into the store."""
    from scow.engine.building import Output, parse_output

    found = [parse_output(text) for text in args.all("output")]
    if any(o.push for o in found):
        raise Unsupported("scow build cannot push yet", hint="save the image and load it elsewhere")
    if args.on("load") or not found:
        found.insert(0, Output())
    return tuple(found)


def epoch(args: dict[str, str]) -> int | None:
    """``SOURCE_DATE_EPOCH`` of a build argument or the environment, in seconds; a context's word is the build's own."""
    text = args.get("SOURCE_DATE_EPOCH") or os.environ.get("SOURCE_DATE_EPOCH") or ""
    if not text or not text.isdigit():
        return None
    return int(text)


def request(args: Args) -> BuildRequest:
    """The request of one ``build``. Invalid and Unsupported in docker's words."""
    from scow.engine.building import BuildRequest, Given, parse_platforms

    if args.text("network") not in ("", "default", "none", "host"):
        raise Unsupported(f'network mode "{args.text("network")}" not supported by buildkit')
    filters = tuple(n for t in args.all("no-cache-filter") for n in t.split(","))
    no_cache: tuple[str, ...] | None = () if args.on("no-cache") else filters or None
    values = build_args(args.all("build-arg"))
    context, file = args.operands[0], args.text("file")
    given = Given(secrets(args.all("secret")), agents(args.all("ssh")))
    return BuildRequest(
        context=context,
        dockerfile=file,
        stdin=sys.stdin.buffer if "-" in (context, file) else None,
        tags=tags(args.all("tag")),
        target=args.text("target"),
        build_args=values,
        labels=pairs(args.all("label"), from_environment=False),
        platforms=parse_platforms(args.all("platform")),
        contexts=contexts(args.all("build-context")),
        no_cache=no_cache,
        pull=args.on("pull"),
        network=args.text("network") or "default",
        extra_hosts=_hosts(args.all("add-host")),
        ulimits=_ulimits(args.all("ulimit")),
        shm_size=args.number("shm-size") or 0,
        outputs=outputs(args),
        given=given,
        epoch=epoch(values),
    )
