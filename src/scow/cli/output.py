"""Rows to text: docker's tables, ``--format`` templates, ``json`` and ``-q``.

A listing gives rows (dicts of ready-made text by field name) and its default columns; everything else is here.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def tabulate(lines: Iterable[Sequence[str]]) -> str:
    """Columns padded as docker's tables (Go's tabwriter, least width 10, padding 3); the last is not padded."""
    rows = [list(line) for line in lines]
    out = []
    widths: dict[int, int] = {}
    for row in rows:
        for i, cell in enumerate(row[:-1]):
            widths[i] = max(widths.get(i, 10), len(cell) + 3)
    for row in rows:
        out.append("".join(cell.ljust(widths[i]) for i, cell in enumerate(row[:-1])) + (row[-1] if row else ""))
    return "".join(line + "\n" for line in out)


def write(text: str) -> None:
    """Write to standard output; surrogate escapes (names that are not UTF-8) pass through as the bytes they were."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))


def listing(rows: Iterable[Mapping[str, str]], columns: Mapping[str, str], form: str, default: str) -> str:
    """Format rows as ``--format`` says.

    ``columns`` maps every field a template may name to its table header, ``default`` is the table template used for
    "" and ``table``. Errors: Invalid in docker's words for a bad template.
    """
    if form == "json":
        form = "{{json .}}"
    if form in ("", "table"):
        form = "table " + default
    with_table = form.startswith("table ")
    text = form.removeprefix("table ") if with_table else form
    text = text.strip().replace("\\t", "\t").replace("\\n", "\n")
    simple = _plain_fields(text) if with_table else None
    if simple is not None and all(f in columns for f in simple):
        cells = [[columns[f] for f in simple], *([r[f] for f in simple] for r in rows)]
        return tabulate(cells)
    from scow.cli.template import Template

    template = Template(text)
    lines = [template.render(r) for r in rows]
    if not with_table:
        return "".join(line + "\n" for line in lines)
    return tabulate(line.split("\t") for line in (template.render(dict(columns)), *lines))


def _plain_fields(text: str) -> list[str] | None:
    """The fields of a template made only of tab separated ``{{.Name}}``, else None: the common case needs no parser."""
    fields = []
    for part in text.split("\t"):
        if not (part.startswith("{{.") and part.endswith("}}") and part[3:-2].isidentifier()):
            return None
        fields.append(part[3:-2])
    return fields
