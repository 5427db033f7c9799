"""``--help`` texts in docker's form."""

from __future__ import annotations

import os

from scow.cli.registry import COMMON, GROUPS, HIDDEN_ALIASES, OTHERS, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.cli.command import Command, Flag

GLOBAL = """Global Options:
  -D, --debug         Show Python tracebacks of errors
      --root string   Keep the store and its run directory here (default $SCOW_ROOT, else /var/lib/scow)
  -v, --version       Print version information and quit

Run 'scow COMMAND --help' for more information on a command.
"""


def usage_line(command: Command, path: str = "") -> str:
    """``Usage:  scow ps [OPTIONS]``."""
    return f"Usage:  scow {path or command.name} {command.usage}".rstrip()


def _paired(rows: list[tuple[str, str]]) -> str:
    width = max(len(left) for left, _ in rows)
    return "".join(f"  {left.ljust(width)}   {right}\n" for left, right in rows)


def _flag_rows(flags: tuple[Flag, ...]) -> list[tuple[str, str]]:
    rows = []
    for flag in sorted(flags, key=lambda f: f.name):
        if flag.hidden:
            continue
        left = f"-{flag.short}, " if flag.short else "    "
        left += f"--{flag.name}" + ("" if flag.kind == "bool" else f" {flag.kind}")
        shown = f'"{flag.default}"' if isinstance(flag.default, str) else str(flag.default).lower()
        right = flag.help + (f" (default {shown})" if flag.default not in (None, False, "", 0) else "")
        rows.append((left, right))
    return rows


def _wrapped(rows: list[tuple[str, str]], columns: int) -> str:
    """Two columns, the right one folded at the terminal's width (never under 24)."""
    import textwrap

    left_width = max(len(left) for left, _ in rows)
    room = max(columns - left_width - 6, 24)
    out = []
    for left, right in rows:
        lines = textwrap.wrap(right, room) or [""]
        out.append(f"  {left.ljust(left_width)}   {lines[0]}\n")
        out.extend(f"  {' ' * left_width}   {line}\n" for line in lines[1:])
    return "".join(out)


def _columns() -> int:
    try:
        return os.get_terminal_size(1).columns
    except OSError:
        return 80


def command_help(command: Command, path: str) -> str:
    """The help of one command; ``path`` is how it was called (``container ls``)."""
    parts = [usage_line(command, path), "", command.summary, ""]
    if command.aliases:
        parts += ["Aliases:", "  " + ", ".join(f"scow {a}" for a in command.aliases), ""]
    text = "\n".join(parts)
    rows = _flag_rows(command.flags)
    if rows:
        text += "\nOptions:\n" + _wrapped(rows, _columns())
    if command.details:
        text += "\n" + command.details.strip() + "\n"
    return text


def group_help(name: str) -> str:
    """The help of ``scow image`` and its like."""
    text, table = GROUPS[name]
    rows = [(n, summary(target)) for n, target in sorted(table.items()) if n not in HIDDEN_ALIASES]
    return (
        f"Usage:  scow {name} COMMAND\n\n{text}\n\nCommands:\n{_paired(rows)}\n"
        f"Run 'scow {name} COMMAND --help' for more information on a command.\n"
    )


def top_help() -> str:
    """The help of ``scow`` alone."""
    return (
        "Usage:  scow [OPTIONS] COMMAND\n\nBuild, run and ship container images, without a daemon\n\n"
        f"Common Commands:\n{_paired(list(COMMON.items()))}\n"
        f"Management Commands:\n{_paired([(n, text) for n, (text, _) in GROUPS.items()])}\n"
        f"Commands:\n{_paired(list(OTHERS.items()))}\n{GLOBAL}"
    )
