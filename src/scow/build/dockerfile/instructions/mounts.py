"""``RUN --mount=type=...``: bind, cache, tmpfs, secret and ssh, and ``--device``.

Values may hold variables, so a mount is understood when the stage is converted; when the file is parsed only ``from``
is read, which may hold none because it decides which stages are built.
"""

from __future__ import annotations

from scow.build.dockerfile import gofmt
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.suggest import suggestion
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scow.build.dockerfile.instructions.base import Word

TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
SHARING = ("shared", "private", "locked")
KEYS = (
    "type from source target readonly id sharing required size mode uid gid src dst destination ro rw readwrite env"
).split()
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}


@value
class Mount:
    """One mount; parts that were not given are empty or None. ``size`` in bytes, 0 is no limit."""

    type: str = "bind"
    origin: str = ""
    source: str = ""
    target: str = ""
    readonly: bool = True
    size: int = 0
    id: str = ""
    sharing: str = ""
    required: bool = False
    env: str | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


@value
class Device:
    """A CDI device of ``RUN --device``."""

    name: str
    required: bool = False


def csv_fields(text: str) -> list[str]:
    """Comma-separated fields; one in double quotes may hold commas, ``""`` is a quote inside it."""
    if not text:
        raise ValueError("EOF")
    if '"' not in text:
        return text.split(",")
    fields, at = [], 0
    while True:
        if text.startswith('"', at):
            field, at = _quoted_field(text, at + 1)
        else:
            end = text.find(",", at)
            field = text[at:] if end < 0 else text[at:end]
            if '"' in field:
                column = at + field.index('"') + 1
                raise ValueError(f'parse error on line 1, column {column}: bare " in non-quoted field')
            at += len(field)
        fields.append(field)
        if at >= len(text):
            return fields
        at += 1


def _quoted_field(text: str, at: int) -> tuple[str, int]:
    start = at
    while True:
        end = text.find('"', at)
        if end < 0:
            raise ValueError('parse error on line 1, column 1: extraneous or missing " in quoted-field')
        if text.startswith('""', end):
            at = end + 2
            continue
        if end + 1 < len(text) and text[end + 1] != ",":
            raise ValueError(f'parse error on line 1, column {end + 1}: extraneous or missing " in quoted-field')
        return text[start:end].replace('""', '"'), end + 1


def fields_of(text: str, what: str) -> list[tuple[str, str, str]]:
    """The fields of ``text`` as (field, key in lower case, value after ``=``); the value of a bare key is "\\0"."""
    try:
        fields = csv_fields(text)
    except ValueError as fault:
        raise DockerfileError(f"failed to parse csv {what}: {fault}", near=text) from None
    split = ((f, f.partition("=")) for f in fields)
    return [(f, key.lower(), given if equals else "\0") for f, (key, equals, given) in split]


def mount_from(text: str) -> str:
    """The ``from`` of a mount."""
    found = ""
    for field, key, given in fields_of(text, "mounts"):
        if key == "from" and given != "\0":
            if -1 < given.find("$") < len(given) - 1:
                raise DockerfileError(
                    "'from' doesn't support variable expansion, define alias stage instead", near=field
                )
            found = given
    return found


def parse_mount(text: str, word: Word) -> Mount:
    """A mount, its values expanded by ``word``."""
    made: dict[str, Any] = {"type": "bind"}
    for field, key, given in fields_of(text, "mounts"):
        if given == "\0":
            _bare(made, field, key)
        elif key not in KEYS:
            raise DockerfileError(f"unexpected key '{key}' in '{field}'" + suggestion(key, KEYS), near=field)
        else:
            _set(made, key, _ALIASES.get(key, key), word(given))
    return _checked(made)


def _bare(made: dict[str, Any], field: str, key: str) -> None:
    if key in ("readonly", "ro", "readwrite", "rw"):
        made["readonly"] = key.startswith(("readonly", "ro"))
    elif key == "required":
        _only(made, key, "secret", "ssh")
        made["required"] = True
    else:
        raise DockerfileError(f"invalid field '{field}' must be a key=value pair", near=field)


def _only(made: dict[str, Any], key: str, *types: str) -> None:
    if made["type"] not in types:
        raise DockerfileError(f"unexpected key '{key}' for mount type '{made['type']}'", near=key)


def _set(made: dict[str, Any], written: str, key: str, given: str) -> None:
    if key in ("source", "target", "id", "env"):
        made[key] = given
    elif key == "from":
        made["origin"] = given
    elif key in ("type", "sharing"):
        _choice(made, key, given)
    elif key in ("readonly", "readwrite", "required"):
        if key == "required":
            _only(made, key, "secret", "ssh")
        try:
            on = gofmt.parse_bool(given)
        except ValueError:
            raise DockerfileError(f"invalid value for {written}: {given}", near=given) from None
        made["required" if key == "required" else "readonly"] = on != (key == "readwrite")
    elif key == "size":
        _only(made, key, "tmpfs")
        try:
            made[key] = gofmt.parse_size(given)
        except ValueError:
            raise DockerfileError(f"invalid value for size: {given}", near=given) from None
    else:
        try:
            made[key] = gofmt.parse_int(given, 8 if key == "mode" else 10, signed=False)
        except ValueError:
            raise DockerfileError(f"invalid value {given} for {key}", near=given) from None


def _choice(made: dict[str, Any], key: str, given: str) -> None:
    allowed, what = (TYPES, "mount type") if key == "type" else (SHARING, "sharing value")
    if given.lower() not in allowed:
        shown = gofmt.quote(given)
        raise DockerfileError(f"unsupported {what} {shown}" + suggestion(given, allowed), near=given)
    made[key] = given.lower()


def _checked(made: dict[str, Any]) -> Mount:
    kind = made["type"]
    if kind not in ("secret", "ssh", "cache"):
        for key in ("mode", "uid", "gid"):
            if key in made:
                raise DockerfileError(f"{key} not allowed for {gofmt.quote(kind)} type mounts", near=f"{key}=")
    made.setdefault("readonly", kind not in ("cache", "tmpfs"))
    mount = Mount(**made)
    if kind == "secret":
        _check_secret(mount)
    if mount.sharing and kind != "cache":
        raise DockerfileError(f"invalid cache sharing set for {kind} mount", near="sharing=")
    return mount


def _check_secret(mount: Mount) -> None:
    if mount.origin:
        raise DockerfileError("secret mount should not have a from", near="from=")
    if mount.sharing:
        raise DockerfileError("secret mount should not define sharing", near="sharing=")
    if not (mount.source or mount.target or mount.id):
        raise DockerfileError("invalid secret mount. one of source, target required")
    if mount.source and mount.id:
        raise DockerfileError("both source and id can't be set", near="id=")


def parse_device(text: str) -> Device:
    """``vendor.com/class=name[,required]``."""
    name, required = "", False
    for field, key, given in fields_of(text, "devices"):
        if key == "required":
            try:
                required = given == "\0" or gofmt.parse_bool(given)
            except ValueError:
                raise DockerfileError(f"invalid value for {key}: {given}", near=field) from None
        elif key == "name" and given != "\0":
            if name:
                raise DockerfileError(f"device name already set to {name}", near=field)
            name = given
        elif not name:
            name = field
        elif given == "\0":
            raise DockerfileError(f"invalid field '{field}' must be a key=value pair", near=field)
        else:
            keys = ("name", "required")
            raise DockerfileError(f"unexpected key '{key}' in '{field}'" + suggestion(key, keys), near=field)
    return Device(name, required)
