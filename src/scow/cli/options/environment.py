"""``-e``, ``--env-file``, ``--label``, ``--label-file``: names and values."""

from __future__ import annotations

import os

from scow.cli.flags import UsageError
from scow.errors import Invalid


def _lines(path: str, what: str) -> list[str]:
    try:
        with open(path, "rb") as f:
            data = f.read()
        text = data.decode("utf-8-sig")
    except OSError as e:
        raise Invalid(f"open {path}: {(e.strerror or str(e)).lower()}") from e
    except UnicodeDecodeError as e:
        raise Invalid(f"invalid {what} file: {path}: not UTF-8 at byte {e.start}") from e
    stripped = (line.lstrip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def env_file(path: str) -> list[str]:
    """Entries of one ``--env-file``: ``NAME=value`` as it stands, ``NAME`` from this process if it has it."""
    found = []
    for line in _lines(path, "env"):
        name, equals, _ = line.partition("=")
        if not name:
            raise Invalid(f"invalid env file ({path}): no variable name on line '{line}'")
        if any(c.isspace() for c in name):
            raise Invalid(f"invalid env file ({path}): variable '{name}' contains whitespaces")
        if equals:
            found.append(line)
        elif name in os.environ:
            found.append(f"{name}={os.environ[name]}")
    return found


def environment(files: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    """All entries, those of files first. ``-e NAME`` takes the caller's value; where there is none, the bare name stays
    and means *unset what the image sets*.
    """
    entries = [e for path in files for e in env_file(path)]
    for text in given:
        name, equals, _ = text.partition("=")
        if not name:
            raise UsageError(f'invalid argument "{text}" for "-e, --env" flag: invalid environment variable: {text}')
        entries.append(text if equals or name not in os.environ else f"{name}={os.environ[name]}")
    return tuple(entries)


def pairs(given: tuple[str, ...], flag: str, what: str = "label") -> tuple[tuple[str, str], ...]:
    """``key=value`` texts of a repeatable flag; a key alone has the value ""."""
    found = []
    for text in given:
        key, _, rest = text.partition("=")
        if not key.strip():
            raise UsageError(f'invalid argument "{text}" for "{flag}" flag: invalid {what} \'{text}\': empty name')
        found.append((key, rest))
    return tuple(found)


def labels(files: tuple[str, ...], given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Labels of ``--label-file`` (its lines without "=" say nothing, as in docker) and ``--label``."""
    lines = tuple(line for path in files for line in _lines(path, "label") if "=" in line)
    return pairs((*lines, *given), "-l, --label")
