"""What ``inspect``, ``image inspect`` and ``container inspect`` share: look each name up, print JSON or a template."""

from __future__ import annotations

import json
import sys

from scow.cli.output import write
from scow.errors import Error, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class BadTemplate(Invalid):
    """A ``--format`` that is no template; docker's exit code for it."""

    exit_code = 64


def inspect_each(names: Iterable[str], find: Callable[[str], dict[str, Any]], form: str) -> int:
    """Print all that was found, then what was wrong; 1 if anything was.

    ``form`` "" or "json" gives a JSON list, anything else is a template that is applied to each. A template that
    fails ends the command, as docker's.
    """
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    for name in names:
        try:
            found.append(find(name))
        except Error as e:
            problems.append(f"Error: {e}\n" + (f"hint: {e.hint}\n" if e.hint else ""))
    if form in ("", "json"):
        indent = None if form else 4
        separators = (",", ":") if form else (",", ": ")
        text = json.dumps(found, indent=indent, separators=separators, ensure_ascii=False) if found else "[]"
        write(text + "\n")
    else:
        _templated(found, form)
    sys.stdout.flush()
    sys.stderr.write("".join(problems))
    return 1 if problems else 0


def _templated(found: list[dict[str, Any]], form: str) -> None:
    from scow.cli.template import Template

    try:
        template = Template(form)
    except Invalid as e:
        raise BadTemplate(f"template parsing error: {e}") from None
    try:
        for one in found:
            write(template.render(one) + "\n")
    except Invalid as e:
        write("\n")
        raise Invalid(f"template parsing error: {e}") from None
